/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernels/mutants.conf: faults that are seeded into a kernel, and which detector must catch each.
 * Whether it did is a pure function of judged records.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "err.h"
#include "xalloc.h"

/* A finding that must come: @assertion in a variant that @variant matches (CASE/VARIANT). */
struct detector {
	char *variant, *assertion;
	char *text; /* pattern on the finding's text, or NULL */
};

struct mutant {
	char *name, *text, *ref;
	struct strv patches; /* RANGE:FILE, FILE below kernels/ */
	struct detector *must;
	size_t nmust;
	struct strv also; /* assertions that may fail with them */
};

struct mutants {
	struct mutant *v;
	size_t n;
};

int mutants_load(const char *path, struct mutants *m, struct err *err);
/* The one that is shipped. */
int mutants_open(struct mutants *m, struct err *err);
void mutants_free(struct mutants *m);
#define _cleanup_mutants_ __attribute__((cleanup(mutants_free)))

/* ERR_USER, with the near ones, if there is none called @name. */
int mutants_find(const struct mutants *m, const char *name, const struct mutant **out,
		 struct err *err);

/* The patch for kernels of @series, ours; NULL if there is none. */
const char *mutant_patch(const struct mutant *m, const char *series);

enum mutant_verdict {
	MUTANT_CAUGHT,
	MUTANT_WRONG,  /* something failed, but not all that must, or what must not */
	MUTANT_MISSED, /* all passed */
	MUTANT_BLIND,  /* it could not be built, booted or believed */
	MUTANT_VERDICTS,
};
const char *mutant_verdict_name(enum mutant_verdict v);

/*
 * What the judged @records say about @kernel, which has the fault @m; NULL: none, so that caught
 * is that nothing failed, and anything else is wrong. Failures that are known issues do not count.
 * *why is one line for people, the caller's.
 */
enum mutant_verdict mutant_judge(const struct mutant *m, const char *kernel, const json_t *records,
				 char **why);
