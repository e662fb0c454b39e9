// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive_util.h"

#include <archive_entry.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "cleanup.h"
#include "xalloc.h"

#define BLOCK 65536

void archive_read_freep(struct archive **a)
{
	archive_read_free(*a);
}

void archive_write_freep(struct archive **a)
{
	archive_write_free(*a);
}

int err_archive(struct err *err, struct archive *a, const char *fmt, ...)
{
	const char *text = archive_error_string(a);
	int num = archive_errno(a);
	char what[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	/* libarchive's own numbers: EILSEQ is a format that it does not understand, -1 the rest. */
	if (num < 0 || num == EILSEQ)
		num = 0;
	return err_set(err, ERR_INFRA, num, "%s: %s", what, text ? text : "damaged or cut off");
}

static struct archive *raw_new(void)
{
	struct archive *a = archive_read_new();

	archive_read_support_filter_gzip(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_lz4(a);
	/* The raw "archive" is the content itself; a file of no bytes is not raw but empty. */
	archive_read_support_format_raw(a);
	archive_read_support_format_empty(a);
	return a;
}

int read_unpacked(const char *path, size_t max, char **data, size_t *len, struct err *err)
{
	_cleanup_archive_read_ struct archive *a = raw_new();
	_cleanup_free_ char *buf = NULL;
	struct archive_entry *entry;
	size_t room = 0, have = 0;
	la_ssize_t n = 0;

	if (archive_read_open_filename(a, path, BLOCK) != ARCHIVE_OK)
		return err_archive(err, a, "read %s", path);
	int ret = archive_read_next_header(a, &entry);

	if (ret != ARCHIVE_OK && ret != ARCHIVE_EOF)
		return err_archive(err, a, "read %s", path);
	do {
		have += n;
		if (have > max)
			return err_set(err, ERR_INFRA, EFBIG, "read %s", path);
		if (room - have < BLOCK)
			buf = xreallocarray(buf, room = 2 * room + 4 * BLOCK, 1);
		n = ret == ARCHIVE_EOF ? 0 : archive_read_data(a, buf + have, room - have);
	} while (n > 0);
	if (n < 0)
		return err_archive(err, a, "read %s, damaged or cut off", path);
	*data = steal_ptr(buf);
	*len = have;
	return 0;
}
