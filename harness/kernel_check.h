/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Can a kernel be looked at here at all? */
#pragma once

#include "err.h"
#include "provider.h"

/*
 * ERR_USER with the options to set when @k's configuration lacks what a boot cannot do without: an
 * initramfs, programs, the serial ports. The configuration is the one that came with it, or the one
 * in its image; a kernel that has neither is tried.
 */
int kernel_check(const struct kernel *k, struct err *err);

/* The same of a configuration's text. */
int kernel_check_config(const char *config, const char *arch, struct err *err);
