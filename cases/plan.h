/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this boot is to run, read and checked (format: proto.h). */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#define PLAN_MAX (16L << 20) /* bytes; a longer plan is refused */

struct plan {
	char nonce[65];
	unsigned deadline_ms;
	bool probe;	  /* for features; false where another machine did */
	bool by_turns;	  /* no stage is preempted by another */
	bool packed;	  /* whom it is for unpacks facts */
	json_t *variants; /* array of objects: index, case, variant, kind, params */
};

/*
 * Read @path. 0 or -1 with a line for people in @why. Only a complete, well-formed plan is ever
 * handed out: half a plan would look like a whole one that has passed.
 */
int plan_read(const char *path, struct plan *plan, char *why, size_t why_len);

/* The same from memory, where @text is wiped: it has the nonce. */
int plan_parse(char *text, size_t len, struct plan *plan, char *why, size_t why_len);
void plan_free(struct plan *plan);
#define _cleanup_plan_ __attribute__((cleanup(plan_free)))
