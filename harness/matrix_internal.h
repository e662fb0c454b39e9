/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by matrix.c (the file, and words), matrix_path.c and matrix_fault.c. */
#pragma once

#include "matrix.h"

#define NOT_IN_NAMES "/ \t*?[]"

/* The kernel with that name, or NULL. */
struct kernel_spec *matrix_find(const struct matrix *m, const char *name);
/* A new one, without anything but its name; valid until the next. */
struct kernel_spec *matrix_add(struct matrix *m, const char *name);

/*
 * Add the kernel that a word like plain-6.1+grow-ignored means: one that is built here, with a
 * fault of kernels/mutants.conf. ERR_USER if there is no such kernel or fault.
 */
#define FAULT_SIGN '+'
int matrix_add_fault(struct matrix *m, const char *word, struct err *err);
