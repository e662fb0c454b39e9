/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between table.c and table_findings.c. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "table.h"

bool table_is_bad(const json_t *record);
bool table_is_expected(const json_t *record);
/* A variant that was asked for, not a control or a boot. */
bool table_is_variant(const json_t *record);

/* How often what came out, where variants were run several times (table_frequencies.c). */
void table_print_frequencies(FILE *out, const json_t *records);
void table_print_findings(FILE *out, const json_t *records, const struct table_opts *opts);
void table_print_summary(FILE *out, const json_t *records, const struct tally *t,
			 const struct table_opts *opts);

/* table_explore.c */
void table_print_explorations(FILE *out, const json_t *records);
