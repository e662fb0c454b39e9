/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration fragments: did what they ask for survive? */
#pragma once

#include "err.h"
#include "xalloc.h"

/*
 * Compare the fragment files with the configuration file @config. An option that is asked for with
 * a value must have it; one with "=n", or "# CONFIG_X is not set", must not be set. The last
 * fragment that names an option wins. A line "# optional" spares the option that follows: for what
 * some series do not have. ERR_USER with the names of those that did not survive, or with the place
 * of a line that says nothing.
 *
 * Where @tree, the kernel's source, has no option of that name at all nothing can be done about it,
 * and what the kernel then lacks is found by probing: such options go into @unknown instead, those
 * that are marked optional left out. @tree may be NULL.
 */
int kconfig_check(const struct strv *fragments, const char *config, const char *tree,
		  struct strv *unknown, struct err *err);

/* Append the fragments to @config, later ones winning as Kconfig has it. */
int kconfig_append(const struct strv *fragments, const char *config, struct err *err);
