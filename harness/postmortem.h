/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One failed variant, explained to a kernel engineer from its record alone. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "mechanism.h"

/*
 * @record is a judged variant record of kind machine, one of @records, among which the
 * copy-on-write probes of the same boot and seals are looked for: they tell the mechanism.
 */
void postmortem_print(FILE *out, const json_t *record, const json_t *records,
		      const struct mechanisms *ms);

/* Is there something to explain: a stage machine, no control, that did not come out well? */
bool postmortem_wanted(const json_t *record);

/*
 * All such of @records whose KERNEL/CASE/VARIANT, CASE/VARIANT or VARIANT matches the shell pattern
 * (NULL: all). How many.
 */
size_t postmortem_print_all(FILE *out, const json_t *records, const char *pattern,
			    const struct mechanisms *ms);

/* The foreign stores that decided, from the timeline of one machine's facts. */
void postmortem_print_order(FILE *out, const json_t *observed);

/* A class (H1…E3) in words, or NULL. */
const char *postmortem_class(const char *name);
