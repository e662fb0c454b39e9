/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Package contents with libarchive: .deb (ar in which a compressed tar) and .rpm. */
#pragma once

#include <stdbool.h>

#include "err.h"

/*
 * Unpack the members of @package for which @want(path) is true below @dir. Paths are relative,
 * without a leading "./". Absolute paths, "..", links that leave @dir, special files and more than
 * @max_bytes in all are refused (ERR_INFRA) and nothing may be used then.
 */
int deb_unpack(const char *package, const char *dir, bool (*want)(const char *path, void *arg),
	       void *arg, long long max_bytes, struct err *err);
