/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The folder of one run, and run.json in it (results/README.md). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <time.h>

#include "err.h"
#include "xalloc.h"

/*
 * @wanted as it is (made if missing), or, when NULL, a new folder named by the time below results/
 * in the source tree, or in the working directory if that cannot be written to. Caller frees.
 */
int run_dir_make(const char *wanted, char **dir, struct err *err);

/* DIR/KERNEL, empty: what an earlier run left there is removed. Caller frees. */
int run_dir_kernel(const char *dir, const char *kernel, char **sub, struct err *err);

/* Write run.json; again, once the run that @started then is through. */
int run_dir_describe(const char *dir, time_t started, int argc, char **argv, const json_t *kernels,
		     bool complete, struct err *err);

/* The kernels of the run in @dir, as run.json names them; none where it is missing or no such file.
 */
void run_dir_kernels(const char *dir, struct strv *kernels);

/* Is every kernel of that run dealt with? Yes, too, where there is no run.json to say no. */
bool run_dir_is_complete(const char *dir);
