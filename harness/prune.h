/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cleaning the cache. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "err.h"
#include "matrix.h"

struct prune_result {
	size_t n;	 /* entries and leftovers */
	long long bytes; /* that they take */
};

/*
 * Remove from the cache what no kernel of @m is made of, what can be made anew in no time, and what
 * runs that were killed left behind; each is a line on @out. @dry_run: only say so. -EBUSY while
 * another sealmatrix uses the cache; when it cannot be told what a kernel is made of, nothing is
 * removed. While a source is away that a kernel was built of, nothing that was built is.
 */
int prune_cache(const struct matrix *m, bool dry_run, FILE *out, struct prune_result *res,
		struct err *err);
