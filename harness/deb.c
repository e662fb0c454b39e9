// SPDX-License-Identifier: GPL-2.0-or-later
#include "deb.h"

#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive_util.h"
#include "cleanup.h"
#include "sig.h"
#include "xalloc.h"

#define BLOCK 65536

/* Where members go, and how much room is left for them. */
struct sink {
	const char *package, *dir;
	bool (*want)(const char *path, void *arg);
	void *arg;
	long long left;
	struct archive *disk;
};

static int bad_archive(const struct sink *s, struct archive *a, const char *member, struct err *err)
{
	return member ? err_archive(err, a, "%s, member %s", s->package, member)
		      : err_archive(err, a, "%s", s->package);
}

static int hostile(const struct sink *s, const char *member, const char *what, struct err *err)
{
	return err_set(err, ERR_INFRA, 0, "%s is not to be trusted: member '%s' %s", s->package,
		       member, what);
}

/*
 * Does @path, relative, leave the directory it starts in? @depth is how deep that one lies. A ".."
 * behind a name counts as leaving: what the name stands for may be a link, and then ".." is not
 * where it seems to be.
 */
static bool escapes(const char *path, int depth)
{
	bool named = false;

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && !strncmp(p, "..", 2)) {
			if (named || --depth < 0)
				return true;
		} else if (len && !(len == 1 && *p == '.')) {
			named = true;
		}
		p += len + (p[len] == '/');
	}
	return false;
}

/*
 * How many directories lie above the last name in @path, which has no ".."? What is below usr/lib
 * becomes part of lib (kernel_entry_settle()), and is to stay inside there as well.
 */
static int depth_of(const char *path)
{
	int n = strncmp(path, "usr/", 4) ? 0 : -1;

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		n += len && !(len == 1 && *p == '.');
		p += len + (p[len] == '/');
	}
	return n - 1;
}

static const char *strip_dot(const char *path)
{
	while (!strncmp(path, "./", 2))
		path += 2 + strspn(path + 2, "/");
	return path;
}

static int check_links(const struct sink *s, const char *path, struct archive_entry *e,
		       struct err *err)
{
	const char *sym = archive_entry_symlink(e), *hard = archive_entry_hardlink(e);

	if (sym && (*sym == '/' || escapes(sym, depth_of(path))))
		return hostile(s, path, "links out of the package", err);
	if (hard && (*hard == '/' || escapes(strip_dot(hard), 0)))
		return hostile(s, path, "links out of the package", err);
	return 0;
}

/* Owners and special bits are the package's business, not that of a cache. */
static int put_member(struct sink *s, struct archive *in, struct archive_entry *e, const char *path,
		      struct err *err)
{
	_cleanup_free_ char *full = xasprintf("%s/%s", s->dir, path);
	const char *hard = archive_entry_hardlink(e);
	mode_t type = archive_entry_filetype(e);
	const void *block;
	size_t len;
	la_int64_t at;
	int ret;

	if (hard) {
		_cleanup_free_ char *target = xasprintf("%s/%s", s->dir, strip_dot(hard));

		archive_entry_set_hardlink(e, target);
	}
	archive_entry_set_pathname(e, full);
	archive_entry_set_perm(e, type == AE_IFDIR || archive_entry_perm(e) & 0100 ? 0755 : 0644);
	if (archive_write_header(s->disk, e) < ARCHIVE_OK)
		return bad_archive(s, s->disk, path, err);
	while ((ret = archive_read_data_block(in, &block, &len, &at)) == ARCHIVE_OK)
		if (archive_write_data_block(s->disk, block, len, at) < ARCHIVE_OK)
			return bad_archive(s, s->disk, path, err);
	if (ret != ARCHIVE_EOF)
		return bad_archive(s, in, path, err);
	if (archive_write_finish_entry(s->disk) < ARCHIVE_OK)
		return bad_archive(s, s->disk, path, err);
	return 0;
}

static int take_member(struct sink *s, struct archive *in, struct archive_entry *e, struct err *err)
{
	mode_t type = archive_entry_filetype(e);
	const char *name = archive_entry_pathname(e);
	la_int64_t size = archive_entry_size(e);

	if (sig_stop())
		return err_set(err, ERR_INFRA, EINTR, "unpack %s", s->package);
	if (!name)
		return hostile(s, "?", "has no name", err);
	_cleanup_free_ char *path = xstrdup(strip_dot(name));

	if (*path == '/' || escapes(path, 0))
		return hostile(s, name, "leaves the package", err);
	/*
	 * As declared, before anything is read: a sparse terabyte costs no disk, and one that
	 * nobody wants no patience.
	 */
	if (size < 0 || size > s->left)
		return hostile(s, path, "makes it larger than any kernel package", err);
	s->left -= size;
	if (!*path || !strcmp(path, ".") || !s->want(path, s->arg))
		return 0;
	if (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK && !archive_entry_hardlink(e))
		return hostile(s, path, "is neither file, directory nor link", err);
	int ret = check_links(s, path, e, err);

	return ret ? ret : put_member(s, in, e, path, err);
}

static int take_all(struct sink *s, struct archive *in, struct err *err)
{
	struct archive_entry *e;
	int ret;

	while ((ret = archive_read_next_header(in, &e)) == ARCHIVE_OK) {
		ret = take_member(s, in, e, err);
		if (ret < 0)
			return ret;
	}
	return ret == ARCHIVE_EOF ? 0 : bad_archive(s, in, NULL, err);
}

/* A member of the outer archive as the input of an inner one. */
struct nested {
	struct archive *outer;
	char block[BLOCK];
};

static la_ssize_t nested_read(struct archive *a, void *arg, const void **block)
{
	struct nested *n = arg;
	la_ssize_t got = archive_read_data(n->outer, n->block, BLOCK);

	if (got < 0)
		archive_set_error(a, archive_errno(n->outer), "%s", archive_error_string(n->outer));
	*block = n->block;
	return got;
}

static int take_nested(struct sink *s, struct archive *outer, struct err *err)
{
	_cleanup_archive_read_ struct archive *in = archive_read_new();
	_cleanup_free_ struct nested *n = xcalloc(1, sizeof(*n));

	n->outer = outer;
	archive_read_support_filter_all(in);
	archive_read_support_format_tar(in);
	if (archive_read_open(in, n, NULL, nested_read, NULL) != ARCHIVE_OK)
		return bad_archive(s, in, "data.tar", err);
	return take_all(s, in, err);
}

/* .deb: an ar with control.tar.* and data.tar.*; anything else libarchive knows is taken as it is.
 */
static int take_package(struct sink *s, struct err *err)
{
	_cleanup_archive_read_ struct archive *outer = archive_read_new();
	struct archive_entry *e;
	int ret;

	archive_read_support_filter_all(outer);
	archive_read_support_format_ar(outer);
	archive_read_support_format_cpio(outer);
	archive_read_support_format_tar(outer);
	if (archive_read_open_filename(outer, s->package, BLOCK) != ARCHIVE_OK)
		return bad_archive(s, outer, NULL, err);
	while ((ret = archive_read_next_header(outer, &e)) == ARCHIVE_OK) {
		if ((archive_format(outer) & ARCHIVE_FORMAT_BASE_MASK) != ARCHIVE_FORMAT_AR) {
			ret = take_member(s, outer, e, err);
			return ret ? ret : take_all(s, outer, err);
		}
		const char *name = archive_entry_pathname(e);

		if (name && !strncmp(name, "data.tar", 8))
			return take_nested(s, outer, err);
	}
	if (ret == ARCHIVE_EOF)
		return err_set(err, ERR_INFRA, 0, "%s is cut off or no package: no data in it",
			       s->package);
	return bad_archive(s, outer, NULL, err);
}

int deb_unpack(const char *package, const char *dir, bool (*want)(const char *path, void *arg),
	       void *arg, long long max_bytes, struct err *err)
{
	_cleanup_archive_write_ struct archive *disk = archive_write_disk_new();
	_cleanup_free_ char *real = realpath(dir, NULL);
	struct sink s = {.package = package,
			 .dir = real,
			 .want = want,
			 .arg = arg,
			 .left = max_bytes,
			 .disk = disk};

	if (!real)
		return err_set(err, ERR_INFRA, errno, "unpack into %s", dir);
	/* Nothing is written through a link that a package brought; @dir's own links are resolved.
	 */
	archive_write_disk_set_options(disk, ARCHIVE_EXTRACT_SECURE_NODOTDOT |
						     ARCHIVE_EXTRACT_SECURE_SYMLINKS |
						     ARCHIVE_EXTRACT_PERM);
	int ret = take_package(&s, err);

	if (!ret && archive_write_close(disk) != ARCHIVE_OK)
		ret = bad_archive(&s, disk, NULL, err);
	return ret;
}
