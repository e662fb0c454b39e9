/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cases/cases.conf: cases are data. Sections expand to variants (the product of their axes). */
#pragma once

#include <jansson.h>

#include "err.h"
#include "xalloc.h"

enum control { CONTROL_NONE, CONTROL_CLEAN, CONTROL_CAUGHT_ERROR, CONTROL_CAUGHT_HANG };

struct variant {
	char *case_name; /* "stage-machine" */
	char *name;	 /* "memfd-0x1f" */
	char *kind;	 /* what the guest runs: "machine", "explore", "seal", "cow" */
	char *doc;	 /* one line */
	json_t *params;	 /* object of strings: what the guest gets */
	struct strv suites;
	enum control control;
	unsigned round; /* from 1, where all are run several times; else 0 */
	char *asked;	/* command line words that changed it ("--schedule 'H3'"), or NULL */
};

struct variants {
	struct variant *v;
	size_t n;
};

int cases_load(const char *path, struct variants *out, struct err *err);
void variants_free(struct variants *vs);
#define _cleanup_variants_ __attribute__((cleanup(variants_free)))

/*
 * Keep the variants of @suite whose "CASE/VARIANT" matches the shell pattern @only (NULL: all; a
 * pattern without '/' matches either part). Controls are always kept, and come first. An unknown
 * suite or a pattern that matches nothing is an ERR_USER that names the near ones.
 */
int cases_select(struct variants *vs, const char *suite, const char *only, struct err *err);

/*
 * cases_schedule.c. Run the stage machines among @vs, controls apart, under @schedule (see
 * schedule_check.h). ERR_USER when it is none, when one of them has a schedule of its own, or when
 * there is none.
 */
int cases_schedule(struct variants *vs, const char *schedule, struct err *err);
/* Likewise, all of their interleavings: they become variants of kind "explore". */
int cases_explore(struct variants *vs, struct err *err);

const char *control_name(enum control c);

#define CASES_REPEAT_MAX 4000 /* what one channel can carry */

/* Have each variant @rounds (at least 1) times, all once before any twice; controls stay one each.
 */
int cases_repeat(struct variants *vs, unsigned rounds, struct err *err);

/* One more option that `repeat` needs, for all; @value (NULL: none) is quoted where it must be. */
void cases_asked(struct variants *vs, const char *option, const char *value);
