/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One failed variant, explained to a kernel engineer from its record alone. */
#pragma once

#include <jansson.h>
#include <stdio.h>

/*
 * @record is a judged variant record of kind machine. @cow is the copy-on-write probes' record of
 * the same kernel and seals, for the mechanism; NULL when they were not run.
 */
void postmortem_print(FILE *out, const json_t *record, const json_t *cow);

/* A class (H1…E3) in words, or NULL. */
const char *postmortem_class(const char *name);
