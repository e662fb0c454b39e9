/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A cache entry made of a distribution's packages, whatever the distribution: vmlinuz, config (if
 * there was one), lib/modules/RELEASE/.
 */
#pragma once

#include <stdbool.h>

#include "err.h"
#include "provider.h"

#define KERNEL_ENTRY_MAX (2LL << 30) /* bytes that one package may unpack to */

/* For deb_unpack(): what of a package becomes part of the entry. */
bool kernel_entry_wants(const char *path, void *arg);

/* From the packages' layout, unpacked in @dir, to the entry's. */
int kernel_entry_settle(const char *dir, struct err *err);

/* Fill in what @out->entry holds: image, config, release, modules. */
int kernel_entry_read(struct kernel *out, const char *arch, struct err *err);
