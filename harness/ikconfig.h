/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration that a kernel carries in its image (CONFIG_IKCONFIG). */
#pragma once

#include "err.h"

/*
 * Of a vmlinux, an Image, or the payload of a bzImage. *text is the caller's; NULL when the image
 * carries none, or it cannot be got at (a compression that libarchive does not read).
 */
int ikconfig_read(const char *image, char **text, struct err *err);
