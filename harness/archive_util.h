/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libarchive in this program's terms: its errors, its objects' ends, a file through its filters. */
#pragma once

#include <archive.h>
#include <stddef.h>

#include "err.h"

void archive_read_freep(struct archive **a);
void archive_write_freep(struct archive **a);

#define _cleanup_archive_read_	__attribute__((cleanup(archive_read_freep)))
#define _cleanup_archive_write_ __attribute__((cleanup(archive_write_freep)))

/*
 * ERR_INFRA with "fmt: " and what @a says went wrong, and errno's text where the system was the
 * cause. Returns a negative errno.
 */
int err_archive(struct err *err, struct archive *a, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The whole file, unpacked if it is compressed (gzip, xz, zstd, bzip2, lz4). Refuses more than @max
 * bytes of content (EFBIG) and an input that is cut off. *data is the caller's.
 */
int read_unpacked(const char *path, size_t max, char **data, size_t *len, struct err *err);
