/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernels × variants table, what was observed in each failing cell, and the summary. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "judge.h"

struct table_opts {
	bool colour;
	unsigned width;	     /* columns of the terminal; 0: 100 */
	const char *results; /* the run's folder, for "the records are in" */
};

void table_print(FILE *out, const json_t *records, const struct tally *t,
		 const struct table_opts *opts);
