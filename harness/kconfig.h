/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration fragments: did what they ask for survive? */
#pragma once

#include "err.h"
#include "xalloc.h"

/*
 * Compare the fragment files with the configuration file @config. An option that is asked for with
 * a value must have it, one with "=n" must not be set; a line "# optional" spares the option that
 * follows. ERR_USER with the names of those that did not survive.
 */
int kconfig_check(const struct strv *fragments, const char *config, struct err *err);

/* Append the fragments to @config, later ones winning as Kconfig has it. */
int kconfig_append(const struct strv *fragments, const char *config, struct err *err);
