/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by known.c (the file, and what it covers) and known_review.c (the file's own state). */
#pragma once

#include <stdbool.h>

#include "known.h"
#include "series.h"
#include "xalloc.h"

struct entry {
	struct known_issue issue;
	char *id, *text, *ref, *review, *class, *series;
	struct strv kernels, cases, outcomes, assertions, needs;
	long seals;		   /* must be included in the observed ones */
	struct series_range range; /* of the text @series, if there is one */
};

struct known {
	struct entry *v;
	size_t n;
};

bool known_any_matches(const struct strv *patterns, const char *s);
/* @series as series_number() has it. */
bool known_in_series(const struct entry *e, long series);
/* Is @record one of those that the entry is about, however it came out? */
bool known_speaks_of(const struct entry *e, const json_t *record);
/* … and does it excuse what came out? */
bool known_covers(const struct entry *e, const json_t *record);
