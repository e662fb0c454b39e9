/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user's own matrix, ~/.config/sealmatrix/matrix.conf, as this program writes it. */
#pragma once

#include "err.h"
#include "matrix.h"

/*
 * Append @spec to it, under @series (may be NULL); what is there stays as it is. The file is loaded
 * again before it takes the place of the old one, so that an entry which cannot be written down (a
 * path with odd characters in it) is an ERR_USER and no broken file. Several may do this at once,
 * and a link stays one. *path is the caller's.
 */
int user_matrix_add(const struct kernel_spec *spec, const char *series, char **path,
		    struct err *err);
