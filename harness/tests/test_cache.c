// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "publish.h"
#include "sig.h"
#include "test.h"
#include "xalloc.h"

static void use_cache(void)
{
	setenv("XDG_CACHE_HOME", test_dir(), 1);
}

struct fill {
	int calls;
	int fail;
};

static int fill_two(const char *dir, void *arg, struct err *err)
{
	struct fill *f = arg;
	_cleanup_free_ char *a = xasprintf("%s/a", dir), *b = xasprintf("%s/sub/b", dir);

	f->calls++;
	int ret = publish_buffer(a, "alpha", 5, err);

	if (!ret)
		ret = publish_buffer(b, "beta", 4, err);
	if (!ret && f->fail)
		ret = err_set(err, ERR_INFRA, ENOSPC, "fill");
	return ret;
}

static char *get(struct fill *f)
{
	struct err err = ERR_INIT;
	char *path = NULL;

	ck_assert_msg(cache_get("kind", "key", fill_two, f, &path, &err) == 0, "%s", err.msg);
	return path;
}

START_TEST(second_time_is_a_hit)
{
	struct fill f = {0};

	use_cache();
	_cleanup_free_ char *one = get(&f), *two = get(&f);
	struct err err = ERR_INIT;

	ck_assert_str_eq(one, two);
	ck_assert_int_eq(f.calls, 1);
	ck_assert_int_eq(cache_has("kind", "key"), 1);
	ck_assert_int_eq(cache_has("kind", "other"), 0);
	ck_assert_int_eq(cache_check(one, "sub/b", &err), 0);
}
END_TEST

static int fill_and_ask(const char *dir, void *arg, struct err *err)
{
	ck_assert(cache_is_being_made("kind", "key"));
	ck_assert(!cache_is_being_made("kind", "other"));
	return fill_two(dir, arg, err);
}

START_TEST(who_would_have_to_wait_can_say_so)
{
	struct fill f = {0};
	struct err err = ERR_INIT;
	char *path = NULL;

	use_cache();
	ck_assert(!cache_is_being_made("kind", "key"));
	ck_assert_int_eq(cache_get("kind", "key", fill_and_ask, &f, &path, &err), 0);
	ck_assert(!cache_is_being_made("kind", "key"));
	ck_assert_int_eq(f.calls, 1);
	free(path);
}
END_TEST

START_TEST(failure_leaves_nothing)
{
	struct fill f = {.fail = 1};
	struct err err = ERR_INIT;
	char *path = NULL;

	use_cache();
	ck_assert_int_eq(cache_get("kind", "key", fill_two, &f, &path, &err), -ENOSPC);
	ck_assert_ptr_null(path);
	ck_assert_int_eq(cache_has("kind", "key"), 0);
	f.fail = 0;
	free(get(&f));
	ck_assert_int_eq(f.calls, 2);
}
END_TEST

START_TEST(truncated_entry_is_made_again)
{
	struct fill f = {0};

	use_cache();
	_cleanup_free_ char *path = get(&f), *file = xasprintf("%s/sub/b", path);

	ck_assert_int_eq(truncate(file, 1), 0);
	ck_assert_int_eq(cache_has("kind", "key"), 0);
	free(get(&f));
	ck_assert_int_eq(f.calls, 2);
}
END_TEST

START_TEST(truncated_manifest_is_made_again)
{
	struct fill f = {0};
	struct stat st;

	use_cache();
	_cleanup_free_ char *path = get(&f), *file = xasprintf("%s/MANIFEST", path);

	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_int_eq(truncate(file, st.st_size - 4), 0); /* "end\n" */
	free(get(&f));
	ck_assert_int_eq(f.calls, 2);
}
END_TEST

START_TEST(altered_content_is_not_used)
{
	struct fill f = {0};
	struct err err = ERR_INIT;

	use_cache();
	_cleanup_free_ char *path = get(&f), *file = xasprintf("%s/a", path);
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, "A", 1, 0), 1);
	close(fd);
	ck_assert_int_eq(cache_check(path, "sub/b", &err), 0);
	ck_assert_int_lt(cache_check(path, "a", &err), 0);
	ck_assert_int_eq(cache_has("kind", "key"), 0);
}
END_TEST

static int fill_sparse(const char *dir, void *arg, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/a", dir);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	(void)arg;
	if (ftruncate(fd, 1 << 20) < 0 || pwrite(fd, "alpha", 5, 300000) != 5)
		return err_set(err, ERR_INFRA, errno, "fill");
	return 0;
}

/* Copied to where there are no holes it is the same; altered in one it is not. */
START_TEST(holes_of_an_entry_are_watched_too)
{
	struct err err = ERR_INIT;
	char *path = NULL;

	use_cache();
	ck_assert_int_eq(cache_get("kind", "key", fill_sparse, NULL, &path, &err), 0);
	_cleanup_free_ char *file = xasprintf("%s/a", path), *manifest = NULL;
	_cleanup_free_ char *list = xasprintf("%s/MANIFEST", path);
	_cleanup_close_ int fd = open(file, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(read_file(list, 10000, &manifest, NULL, &err), 0);
	ck_assert_int_eq(strncmp(manifest, "data:", 5), 0);
	ck_assert_int_eq(cache_check(path, "a", &err), 0);
	ck_assert_int_eq(pwrite(fd, "\0\0\0", 3, 900000), 3);
	ck_assert_int_eq(cache_check(path, "a", &err), 0);
	ck_assert_int_eq(pwrite(fd, "A", 1, 900001), 1);
	ck_assert_int_lt(cache_check(path, "a", &err), 0);
	ck_assert_int_eq(cache_has("kind", "key"), 0);
	free(path);
}
END_TEST

START_TEST(killed_fill_is_cleaned_up)
{
	struct fill f = {0};
	struct err err = ERR_INIT;

	use_cache();
	_cleanup_free_ char *left = xasprintf("%s/sealmatrix/kind/key.tmp/stale", test_dir());

	ck_assert_int_eq(publish_buffer(left, "x", 1, &err), 0);
	_cleanup_free_ char *path = get(&f), *stale = xasprintf("%s/stale", path);

	ck_assert_int_ne(access(stale, F_OK), 0);
}
END_TEST

START_TEST(two_processes_fill_once)
{
	use_cache();
	for (int i = 0; i < 2; i++) {
		if (fork())
			continue;
		struct fill f = {0};

		free(get(&f));
		_exit(f.calls);
	}
	int total = 0, status;

	while (wait(&status) > 0)
		total += WEXITSTATUS(status);
	ck_assert_int_eq(total, 1);
}
END_TEST

/* Whether the signal comes before it waits or while it does, though nobody gives the lock up. */
START_TEST(interrupted_wait_ends)
{
	_cleanup_free_ char *dir = xstrdup(test_dir()); /* another one in the child */
	int held = open(dir, O_RDONLY | O_CLOEXEC), status, ready[2];
	char c;

	ck_assert_int_eq(flock(held, LOCK_EX), 0);
	ck_assert_int_eq(pipe(ready), 0);
	pid_t pid = fork();

	if (!pid) {
		int fd = open(dir, O_RDONLY | O_CLOEXEC);

		sig_init();
		if (!_i)
			raise(SIGTERM);
		if (write(ready[1], "", 1) != 1)
			_exit(2);
		_exit(sig_flock(fd, LOCK_EX) == -EINTR && errno == EINTR ? 0 : 1);
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	if (_i)
		kill(pid, SIGTERM);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	close(held);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

TEST_SUITE(cache)
{
	Suite *s = suite_create("cache");
	TCase *tc = tcase_create("cache");

	tcase_add_test(tc, second_time_is_a_hit);
	tcase_add_test(tc, who_would_have_to_wait_can_say_so);
	tcase_add_test(tc, failure_leaves_nothing);
	tcase_add_test(tc, truncated_entry_is_made_again);
	tcase_add_test(tc, truncated_manifest_is_made_again);
	tcase_add_test(tc, altered_content_is_not_used);
	tcase_add_test(tc, holes_of_an_entry_are_watched_too);
	tcase_add_test(tc, killed_fill_is_cleaned_up);
	tcase_add_test(tc, two_processes_fill_once);
	tcase_add_loop_test(tc, interrupted_wait_ends, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
