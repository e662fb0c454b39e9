/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one kernel that a command is about, from its word on the command line to the disk. */
#pragma once

#include "err.h"
#include "matrix.h"
#include "provider.h"

/* The one kernel of @m that @word names; NULL with an ERR_USER when there is none, or several. */
const struct kernel_spec *pick_spec(struct matrix *m, const char *word, struct err *err);

/*
 * @word as matrix_select() takes it; one that stands for several kernels is an ERR_USER. What takes
 * time is shown on stderr. @out is the caller's.
 */
int pick_kernel(const char *word, struct kernel *out, struct err *err);
