/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by matrix.c (the file, and words) and matrix_path.c. */
#pragma once

#include "matrix.h"

#define NOT_IN_NAMES "/ \t*?[]"

/* The kernel with that name, or NULL. */
struct kernel_spec *matrix_find(const struct matrix *m, const char *name);
/* A new one, without anything but its name; valid until the next. */
struct kernel_spec *matrix_add(struct matrix *m, const char *name);
