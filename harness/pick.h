/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one kernel that a command is about, from its word on the command line to the disk. */
#pragma once

#include "err.h"
#include "provider.h"

/*
 * @word as matrix_select() takes it; one that stands for several kernels is an ERR_USER. What takes
 * time is shown on stderr. @out is the caller's.
 */
int pick_kernel(const char *word, struct kernel *out, struct err *err);
