/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shapes of a kernel that is there already, for provider_file.c. */
#pragma once

#include <stdbool.h>

#include "err.h"
#include "progress.h"
#include "provider.h"

/* By its name: a distribution's package, .deb or .rpm? */
bool file_is_package(const char *path);

/*
 * The kernel in package @path, and in those beside it that hold the rest of the same kernel (its
 * modules), unpacked into the cache. Fills in all of @out but name, arch and hash.
 */
int file_package_get(const char *path, const char *arch, struct progress *pg, struct kernel *out,
		     struct err *err);
/* Where it lies in the cache; NULL if it does not (@there), or cannot be read. Caller frees. */
char *file_package_entry(const char *path, bool there);

/* Does @dir hold what make leaves of a kernel? */
bool file_is_tree(const char *dir);
/* The image for @arch in the built tree @dir; ERR_USER if it has none. *image is the caller's. */
int file_tree_image(const char *dir, const char *arch, char **image, struct err *err);
/*
 * A directory in the cache with lib/modules/@release of links to the modules that were built in
 * @dir; NULL when none were. *root is the caller's.
 */
int file_tree_modules(const char *dir, const char *release, char **root, struct err *err);
