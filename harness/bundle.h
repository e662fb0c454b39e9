/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A run in one file that can be attached to a bug report: a tar, packed with zstd, of regular files
 * without directories. The first is manifest.json; it names the others, with size and SHA-256. What
 * is in them is replay.h's business.
 */
#pragma once

#include <jansson.h>

#include "err.h"
#include "xalloc.h"

#define BUNDLE_MANIFEST "manifest.json"

/*
 * Write @path (published whole). Member @names->v[i] is the file @files->v[i]. @manifest gets the
 * members "format", "version" and "members".
 */
int bundle_write(const char *path, json_t *manifest, const struct strv *names,
		 const struct strv *files, struct err *err);

/*
 * Unpack @path into the directory @dir, which is empty, and check it. *manifest is the caller's.
 * ERR_USER for a file that is none of ours, cut off, altered, or that tries anything: names other
 * than plain ones, links, members that the manifest does not have, sizes beyond all reason.
 */
int bundle_read(const char *path, const char *dir, json_t **manifest, struct err *err);
