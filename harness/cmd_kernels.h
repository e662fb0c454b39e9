/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of `kernels` that have a file of their own. */
#pragma once

#include <jansson.h>

#include "err.h"
#include "matrix.h"

/* `why`: all that is known of one kernel, printed, or appended to @all. */
int kernels_why(const struct kernel_spec *spec, json_t *all, struct err *err);

/* `add`: register the kernel at @path under @name (NULL: that of the file). */
int kernels_add(struct matrix *m, const char *path, const char *name, const char *modules,
		struct err *err);
