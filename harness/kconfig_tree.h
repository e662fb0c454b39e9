/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What options a kernel's source has. */
#pragma once

#include "err.h"
#include "xalloc.h"

/* Add to @known those of @options ("CONFIG_NET") that some Kconfig file of @tree defines. */
int kconfig_tree_defines(const char *tree, const struct strv *options, struct strv *known,
			 struct err *err);
