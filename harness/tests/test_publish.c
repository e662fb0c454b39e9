// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

/* How many names a directory has. */
static int entries(const char *path)
{
	_cleanup_closedir_ DIR *d = opendir(path);
	int n = 0;

	ck_assert_ptr_nonnull(d);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	return n;
}

START_TEST(whole_or_not_at_all)
{
	_cleanup_free_ char *path = xasprintf("%s/d/file", test_dir());
	_cleanup_free_ char *dir = xasprintf("%s/d", test_dir());
	_cleanup_free_ char *data = NULL;
	struct err err = ERR_INIT;
	struct publish p;
	size_t len;

	ck_assert_int_eq(publish_open(&p, path, &err), 0);
	fputs("half", p.f);
	ck_assert_int_ne(access(path, F_OK), 0);
	publish_abort(&p);
	ck_assert_int_eq(entries(dir), 0);

	ck_assert_int_eq(publish_buffer(path, "whole", 5, &err), 0);
	ck_assert_int_eq(read_file(path, 100, &data, &len, &err), 0);
	ck_assert_str_eq(data, "whole");
	ck_assert_uint_eq(len, 5);
	ck_assert_int_eq(entries(dir), 1);
}
END_TEST

START_TEST(full_disk_is_said_and_leaves_nothing)
{
	struct err err = ERR_INIT;
	struct publish p = {.f = fopen("/dev/full", "w"),
			    .tmp = xasprintf("%s/x.tmp", test_dir()),
			    .final = xasprintf("%s/x", test_dir())};
	_cleanup_free_ char *final = xstrdup(p.final);

	fputs("data", p.f);
	ck_assert_int_eq(publish_commit(&p, &err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.msg, "No space left"));
	ck_assert_int_ne(access(final, F_OK), 0);
}
END_TEST

static void room(rlim_t bytes)
{
	const struct rlimit lim = {bytes, RLIM_INFINITY};

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &lim), 0);
}

/* As libarchive writes: what comes back of fwrite() is not looked at. */
START_TEST(disk_that_was_full_for_a_moment)
{
	_cleanup_free_ char *path = xasprintf("%s/x", test_dir());
	struct err err = ERR_INIT;
	struct publish p;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(publish_open(&p, path, &err), 0);
	room(1000);
	for (int i = 0; i < 10000; i++)
		fputc('x', p.f);
	fflush(p.f);
	room(RLIM_INFINITY);
	fputs("the rest", p.f);
	ck_assert_int_eq(publish_commit(&p, &err), -EIO);
	ck_assert_int_eq(entries(test_dir()), 0);
}
END_TEST

START_TEST(too_big_a_file_is_refused)
{
	_cleanup_free_ char *path = xasprintf("%s/big", test_dir());
	_cleanup_free_ char *data = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(publish_buffer(path, "0123456789", 10, &err), 0);
	ck_assert_int_eq(read_file(path, 9, &data, NULL, &err), -EFBIG);
	ck_assert_ptr_null(data);
}
END_TEST

START_TEST(remove_tree_does_not_follow_links)
{
	_cleanup_free_ char *keep = xasprintf("%s/keep/file", test_dir());
	_cleanup_free_ char *link = xasprintf("%s/tree/link", test_dir());
	_cleanup_free_ char *tree = xasprintf("%s/tree", test_dir());
	struct err err = ERR_INIT;

	ck_assert_int_eq(publish_buffer(keep, "x", 1, &err), 0);
	ck_assert_int_eq(make_dirs(tree, &err), 0);
	ck_assert_int_eq(symlink("../keep", link), 0);
	ck_assert_int_eq(remove_tree(tree, &err), 0);
	ck_assert_int_eq(remove_tree(tree, &err), 0);
	ck_assert_int_ne(access(tree, F_OK), 0);
	ck_assert_int_eq(access(keep, F_OK), 0);
}
END_TEST

TEST_SUITE(publish)
{
	Suite *s = suite_create("publish");
	TCase *tc = tcase_create("publish");

	tcase_add_test(tc, whole_or_not_at_all);
	tcase_add_test(tc, full_disk_is_said_and_leaves_nothing);
	tcase_add_test(tc, disk_that_was_full_for_a_moment);
	tcase_add_test(tc, too_big_a_file_is_refused);
	tcase_add_test(tc, remove_tree_does_not_follow_links);
	suite_add_tcase(s, tc);
	return s;
}
