/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Package contents with libarchive: .deb (ar in which a compressed tar) and .rpm. */
#pragma once

#include <stdbool.h>

#include "err.h"

/*
 * Unpack the members of @package for which @want(path) is true below @dir. Paths are relative,
 * without a leading "./". Absolute paths, "..", links that leave @dir, special files and a package
 * of more than @max_bytes in all (as declared, unwanted members included) are refused (ERR_INFRA);
 * nothing below @dir may be used then. -EINTR after SIGINT and the like (see sig.h).
 */
int deb_unpack(const char *package, const char *dir, bool (*want)(const char *path, void *arg),
	       void *arg, long long max_bytes, struct err *err);
