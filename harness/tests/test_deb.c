// SPDX-License-Identifier: GPL-2.0-or-later
/* Packages of each shape, and hostile ones: made here, with libarchive. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "deb.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

struct member {
	const char *path;
	mode_t type;	     /* 0: a regular file */
	const char *content; /* or the target of a link */
	bool hard;
	la_int64_t size; /* declared; 0: that of the content */
};

static bool want_all(const char *path, void *arg)
{
	(void)path;
	(void)arg;
	return true;
}

static void write_member(struct archive *a, const struct member *m)
{
	struct archive_entry *e = archive_entry_new();
	size_t len = m->content ? strlen(m->content) : 0;

	archive_entry_set_pathname(e, m->path);
	archive_entry_set_filetype(e, m->type ? m->type : AE_IFREG);
	archive_entry_set_perm(e, 0755);
	if (m->hard)
		archive_entry_set_hardlink(e, m->content);
	else if (m->type == AE_IFLNK)
		archive_entry_set_symlink(e, m->content);
	else if (!m->type)
		archive_entry_set_size(e, m->size ? m->size : (la_int64_t)len);
	if (m->size) /* a hole, but for its first bytes: small here, huge where it is unpacked */
		archive_entry_sparse_add_entry(e, 0, len);
	ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
	if (!m->type && !m->hard)
		archive_write_data(a, m->content, len);
	archive_entry_free(e);
}

/* A tar with the members, compressed by @filter. */
static char *make_tar(const char *name, int filter, const struct member *m)
{
	char *path = xasprintf("%s/%s", test_dir(), name);
	struct archive *a = archive_write_new();

	archive_write_set_format_pax(a);
	archive_write_add_filter(a, filter);
	ck_assert_int_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
	for (; m->path; m++)
		write_member(a, m);
	ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	return path;
}

/* An ar with debian-binary, control and data, as dpkg-deb makes it. */
static char *make_deb(const char *data_name, const char *tar)
{
	char *path = xasprintf("%s/package.deb", test_dir());
	struct archive *a = archive_write_new();
	_cleanup_free_ char *data = NULL;
	struct err err = ERR_INIT;
	size_t len;

	ck_assert_int_eq(read_file(tar, 1 << 20, &data, &len, &err), 0);
	archive_write_set_format_ar_svr4(a);
	ck_assert_int_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
	const struct {
		const char *name, *data;
		size_t len;
	} parts[] = {
		{"debian-binary", "2.0\n", 4}, {"control.tar.xz", "x", 1}, {data_name, data, len}};

	for (size_t i = 0; i < 3; i++) {
		struct archive_entry *e = archive_entry_new();

		archive_entry_set_pathname(e, parts[i].name);
		archive_entry_set_filetype(e, AE_IFREG);
		archive_entry_set_perm(e, 0644);
		archive_entry_set_size(e, parts[i].len);
		ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
		archive_write_data(a, parts[i].data, parts[i].len);
		archive_entry_free(e);
	}
	archive_write_close(a);
	archive_write_free(a);
	return path;
}

static char *out_dir(void)
{
	char *dir = xasprintf("%s/out", test_dir());
	struct err err = ERR_INIT;

	ck_assert_int_eq(make_dirs(dir, &err), 0);
	return dir;
}

static const struct member kernel[] = {
	{.path = "./boot/", .type = AE_IFDIR},
	{.path = "./boot/vmlinuz-6.1", .content = "kernel"},
	{.path = "./boot/link", .type = AE_IFLNK, .content = "vmlinuz-6.1"},
	{.path = "./boot/hard", .hard = true, .content = "./boot/vmlinuz-6.1"},
	{.path = "./usr/share/doc/x", .content = "not wanted"},
	{0}};

static bool want_boot(const char *path, void *arg)
{
	(void)arg;
	return !strncmp(path, "boot/", 5);
}

static const struct {
	const char *data;
	int filter;
} shapes[] = {
	{"data.tar", ARCHIVE_FILTER_NONE},
	{"data.tar.xz", ARCHIVE_FILTER_XZ},
	{"data.tar.gz", ARCHIVE_FILTER_GZIP},
	{"data.tar.zst", ARCHIVE_FILTER_ZSTD},
};

START_TEST(every_compression)
{
	_cleanup_free_ char *tar = make_tar("t", shapes[_i].filter, kernel);
	_cleanup_free_ char *deb = make_deb(shapes[_i].data, tar), *dir = out_dir();
	_cleanup_free_ char *image = xasprintf("%s/boot/vmlinuz-6.1", dir);
	_cleanup_free_ char *hard = xasprintf("%s/boot/hard", dir);
	_cleanup_free_ char *doc = xasprintf("%s/usr", dir), *text = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(deb_unpack(deb, dir, want_boot, NULL, 1 << 20, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(read_file(image, 100, &text, NULL, &err), 0);
	ck_assert_str_eq(text, "kernel");
	ck_assert_int_eq(access(hard, R_OK), 0);
	ck_assert_int_ne(access(doc, F_OK), 0);
}
END_TEST

static const struct {
	const char *what;
	struct member m[4];
} hostile[] = {
	{"absolute path", {{.path = "/etc/evil", .content = "x"}}},
	{"..", {{.path = "a/../../evil", .content = "x"}}},
	{"symlink out", {{.path = "link", .type = AE_IFLNK, .content = "../../evil"}}},
	{"absolute symlink", {{.path = "link", .type = AE_IFLNK, .content = "/etc/passwd"}}},
	{"hard link out", {{.path = "link", .hard = true, .content = "../evil"}}},
	{"through a link",
	 {{.path = "d", .type = AE_IFDIR},
	  {.path = "link", .type = AE_IFLNK, .content = "d"},
	  {.path = "link/evil", .content = "x"}}},
	{"a device", {{.path = "dev", .type = AE_IFCHR}}},
	{"a sparse terabyte", {{.path = "big", .content = "x", .size = 1LL << 40}}},
};

START_TEST(hostile_members_are_refused)
{
	_cleanup_free_ char *tar = make_tar("t", ARCHIVE_FILTER_NONE, hostile[_i].m);
	_cleanup_free_ char *dir = out_dir(), *evil = xasprintf("%s/../evil", dir);
	_cleanup_free_ char *through = xasprintf("%s/d/evil", dir);
	struct err err = ERR_INIT;

	ck_assert_msg(deb_unpack(tar, dir, want_all, NULL, 1 << 20, &err) < 0, "accepted: %s",
		      hostile[_i].what);
	ck_assert_int_eq(err.kind, ERR_INFRA);
	ck_assert_ptr_nonnull(strstr(err.msg, tar));
	ck_assert_int_ne(access(evil, F_OK), 0);
	ck_assert_int_ne(access(through, F_OK), 0);
}
END_TEST

/* Cut off anywhere: an error, or (behind the last byte that matters) the whole content. */
START_TEST(truncated_package_is_never_half_used)
{
	_cleanup_free_ char *tar = make_tar("t", ARCHIVE_FILTER_XZ, kernel);
	_cleanup_free_ char *deb = make_deb("data.tar.xz", tar), *dir = out_dir();
	_cleanup_free_ char *image = xasprintf("%s/boot/hard", dir);
	struct stat st;

	ck_assert_int_eq(stat(deb, &st), 0);
	for (off_t len = st.st_size - 1; len >= 0; len -= 7) {
		struct err err = ERR_INIT;

		ck_assert_int_eq(remove_tree(dir, &err), 0);
		ck_assert_int_eq(make_dirs(dir, &err), 0);
		ck_assert_int_eq(truncate(deb, len), 0);
		if (deb_unpack(deb, dir, want_all, NULL, 1 << 20, &err) == 0)
			ck_assert_msg(access(image, R_OK) == 0, "cut to %ld bytes and accepted",
				      (long)len);
		else
			ck_assert_ptr_nonnull(strstr(err.msg, "package.deb"));
	}
}
END_TEST

START_TEST(limit_counts_all_members)
{
	const struct member two[] = {
		{.path = "a", .content = "12345678"}, {.path = "b", .content = "12345678"}, {0}};
	_cleanup_free_ char *tar = make_tar("t", ARCHIVE_FILTER_NONE, two), *dir = out_dir();
	struct err err = ERR_INIT;

	ck_assert_int_eq(deb_unpack(tar, dir, want_all, NULL, 16, &err), 0);
	ck_assert_int_lt(deb_unpack(tar, dir, want_all, NULL, 15, &err), 0);
}
END_TEST

TEST_SUITE(deb)
{
	Suite *s = suite_create("deb");
	TCase *tc = tcase_create("deb");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, every_compression, 0, sizeof(shapes) / sizeof(*shapes));
	tcase_add_loop_test(tc, hostile_members_are_refused, 0, sizeof(hostile) / sizeof(*hostile));
	tcase_add_test(tc, truncated_package_is_never_half_used);
	tcase_add_test(tc, limit_counts_all_members);
	suite_add_tcase(s, tc);
	return s;
}
