// SPDX-License-Identifier: GPL-2.0-or-later
/* Cleaning the cache: what goes, what stays, and what the user's own matrix and memory look like.
 */
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive.h"
#include "cache.h"
#include "cleanup.h"
#include "json_util.h"
#include "lock.h"
#include "matrix.h"
#include "provider.h"
#include "prune.h"
#include "publish.h"
#include "seen.h"
#include "test.h"
#include "user_matrix.h"

#define REL "6.1.0-9-cloud-amd64"

static char *cache_file(const char *rel)
{
	return xasprintf("%s/sealmatrix/%s", test_dir(), rel);
}

static void put(const char *rel)
{
	_cleanup_free_ char *path = xasprintf("sealmatrix/%s", rel);

	test_file(path, "12345678", 8);
}

static bool is_there(const char *rel)
{
	_cleanup_free_ char *path = cache_file(rel);

	return access(path, F_OK) == 0;
}

/* A matrix of one kernel that is in the cache, and its entry. */
static void begin(struct matrix *m, struct kernel *k)
{
	static const char text[] =
		"[k]\nprovider=debian\narch=x86_64\nsuites=stable a/updates@20200101T000000Z\n"
		"package=linux-image-6.1.*-cloud-amd64\n";
	_cleanup_free_ char *path = xasprintf("%s/matrix.conf", test_dir());
	struct err err = ERR_INIT;

	archive_new();
	test_bzimage("t/boot/vmlinuz-" REL, REL);
	archive_add("stable", "linux-image-" REL, "6.1.9-1", NULL, "t");
	archive_publish("stable", NULL);
	test_file("matrix.conf", text, strlen(text));
	ck_assert_msg(matrix_load(path, m, &err) == 0, "%s", err.msg);
	setenv("SEALMATRIX_SNAPSHOT", "", 1);
	ck_assert_msg(kernel_get(m->v, test_progress(), k, &err) == 0, "%s", err.msg);
}

/* Things that are to go, and things that are to stay. */
static const char *const waste[] = {
	"kernel/0123/vmlinuz",	   "kernel/4567.tmp/boot/vmlinuz",
	"objects/0123/out/x",	   "source/0123/tree/x",
	"tree/0123/lib/modules/x", "work/0123/src/x",
	"locks/gone.json",	   "logs/gone.log",
	"apt/gone/lists/x",	   "template/0123/ram",
	"durations/0123.json",
};
static const char *const kept[] = {"logs/k.log",
				   "logs/k-objects.log",
				   "logs/files-x86_64",
				   "apt/stable/stamp",
				   "apt/a_updates@20200101T000000Z/stamp",
				   "accel/0123/why",
				   "seen/0123.json"};

#define NWASTE (sizeof(waste) / sizeof(*waste))
#define NKEPT  (sizeof(kept) / sizeof(*kept))

static int prune(const struct matrix *m, bool dry_run, char **said, struct prune_result *res,
		 struct err *err)
{
	size_t len;
	FILE *out = open_memstream(said, &len);
	int ret;

	*err = (struct err)ERR_INIT;
	ret = prune_cache(m, dry_run, out, res, err);
	fclose(out);
	return ret;
}

START_TEST(what_nothing_needs_goes)
{
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_free_ char *dry = NULL, *real = NULL;
	_cleanup_json_ json_t *locked = NULL;
	struct prune_result would, did;
	struct err err;

	begin(&m, &k);
	for (size_t i = 0; i < NWASTE; i++)
		put(waste[i]);
	for (size_t i = 0; i < NKEPT; i++)
		put(kept[i]);
	put("kernel/0123.lock");
	ck_assert_msg(prune(&m, true, &dry, &would, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < NWASTE; i++)
		ck_assert_msg(is_there(waste[i]), "%s", waste[i]);
	ck_assert_msg(prune(&m, false, &real, &did, &err) == 0, "%s", err.msg);
	for (size_t i = 0; i < NWASTE; i++)
		ck_assert_msg(!is_there(waste[i]), "%s", waste[i]);
	for (size_t i = 0; i < NKEPT; i++)
		ck_assert_msg(is_there(kept[i]), "%s", kept[i]);
	ck_assert(!is_there("kernel/0123.lock"));
	ck_assert_int_eq(access(k.image, R_OK), 0);
	locked = lock_read(m.v);
	ck_assert_ptr_nonnull(locked);
	ck_assert_uint_eq(did.n, NWASTE);
	ck_assert_uint_eq(would.n, did.n);
	ck_assert_int_eq(did.bytes, 8 * (long long)NWASTE);
	ck_assert_int_eq(would.bytes, did.bytes);
	ck_assert_ptr_nonnull(strstr(dry, "would remove"));
	ck_assert_ptr_nonnull(strstr(real, "kernel/0123"));
}
END_TEST

/* Another process that has used the cache, and is still there, may be reading from it. */
START_TEST(cache_in_use_is_left_alone)
{
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_free_ char *said = NULL, *path = cache_file("use.lock");
	struct prune_result res;
	struct err err;

	begin(&m, &k);
	put(waste[0]);
	FILE *other = fopen(path, "r+e");

	ck_assert_ptr_nonnull(other);
	ck_assert_int_eq(flock(fileno(other), LOCK_SH), 0);
	ck_assert_int_eq(prune(&m, false, &said, &res, &err), -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.msg, "in use by another"));
	ck_assert(is_there(waste[0]));
	fclose(other);
}
END_TEST

/* A source kernel whose entry in the matrix is broken: who knows which entries are its own? */
START_TEST(what_is_not_known_is_not_removed)
{
	_cleanup_matrix_ struct matrix m = {0}, broken = {0};
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_free_ char *said = NULL, *path = xasprintf("%s/broken.conf", test_dir());
	static const char text[] = "[s]\nprovider=source\narch=x86_64\ntree=/\nconfig=/nowhere\n";
	struct prune_result res;
	struct err err = ERR_INIT;

	begin(&m, &k);
	put(waste[0]);
	test_file("broken.conf", text, strlen(text));
	ck_assert_int_eq(matrix_load(path, &broken, &err), 0);
	ck_assert_int_lt(prune(&broken, false, &said, &res, &err), 0);
	ck_assert_msg(strstr(err.msg, "nothing is removed") != NULL, "%s", err.msg);
	ck_assert(is_there(waste[0]));
}
END_TEST

/* As linux-5.3.16.tar.xz is in a shell without SEALMATRIX_SOURCES. */
START_TEST(source_that_is_away_is_not_held_to_be_gone)
{
	static const char text[] = "[s]\nprovider=source\narch=x86_64\ntarball=linux-1.tar.xz\n";
	static const char *const built[] = {"kernel/4567/System.map", "objects/4567/out/x",
					    "source/4567/tree/x"};
	_cleanup_free_ char *said = NULL, *path = xasprintf("%s/source.conf", test_dir());
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_kernel_ struct kernel k = {0};
	struct prune_result res;
	struct err err = ERR_INIT;

	begin(&m, &k);
	test_file("source.conf", text, strlen(text));
	ck_assert_int_eq(matrix_load(path, &m, &err), 0);
	for (int i = 0; i < 3; i++)
		put(built[i]);
	put("kernel/0123/vmlinuz");
	put("kernel/89ab.tmp/System.map");
	if (_i) /* it was built once */
		put("logs/s.log");
	ck_assert_msg(prune(&m, false, &said, &res, &err) == 0, "%s", err.msg);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(is_there(built[i]), _i);
	ck_assert(!is_there("kernel/0123") && !is_there("kernel/89ab.tmp"));
	ck_assert_msg(!_i || strstr(said, "may be of s: linux-1.tar.xz is not here"), "%s", said);
	ck_assert_int_eq(access(k.image, R_OK), 0);
}
END_TEST

static void use_config(void)
{
	_cleanup_free_ char *dir = xasprintf("%s/config", test_dir());

	setenv("XDG_CONFIG_HOME", dir, 1);
}

static int add(const char *path, char **file, struct err *err)
{
	struct matrix m = {0};
	size_t i = matrix_add_path(&m, path);
	int ret = user_matrix_add(&m.v[i], "5.4", file, err);

	matrix_free(&m);
	return ret;
}

START_TEST(users_kernel_is_written_down)
{
	_cleanup_free_ char *one = NULL, *two = NULL, *three = NULL, *text = NULL;
	_cleanup_matrix_ struct matrix m = {0};
	struct err err = ERR_INIT;

	use_config();
	ck_assert_msg(add("/a b/bzImage", &one, &err) == 0, "%s", err.msg);
	ck_assert_msg(add("/k/linux.rpm", &two, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(matrix_load(one, &m, &err), 0);
	ck_assert_uint_eq(m.n, 2);
	ck_assert_str_eq(m.v[0].name, "bzImage");
	ck_assert_str_eq(spec_get(&m.v[0], "image"), "/a b/bzImage");
	ck_assert_str_eq(m.v[0].series, "5.4");
	ck_assert(strv_contains(&m.v[0].tags, "own"));
	ck_assert_int_eq(read_file(one, 1 << 20, &text, NULL, &err), 0);
	/* The same name again, or what the file cannot hold: refused, and the file is as it was. */
	ck_assert_int_lt(add("/other/bzImage", &three, &err), 0);
	ck_assert_int_lt(add("/odd ;comment/x", &three, &err), 0);
	_cleanup_free_ char *now = NULL;

	ck_assert_int_eq(read_file(one, 1 << 20, &now, NULL, &err), 0);
	ck_assert_str_eq(now, text);
}
END_TEST

#define ADDERS 4
#define EACH   5

static int add_some(int adder)
{
	int ret = 0;

	for (int i = 0; !ret && i < EACH; i++) {
		_cleanup_free_ char *path = xasprintf("/k/%d-%d", adder, i), *file = NULL;
		struct err err = ERR_INIT;

		ret = add(path, &file, &err);
	}
	return ret;
}

START_TEST(several_add_at_once)
{
	_cleanup_free_ char *file = NULL;
	_cleanup_matrix_ struct matrix m = {0};
	struct err err = ERR_INIT;
	int status;

	use_config();
	for (int i = 0; i < ADDERS; i++)
		if (fork() == 0)
			_exit(add_some(i) != 0);
	for (int i = 0; i < ADDERS; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(add("/k/last", &file, &err), 0);
	ck_assert_int_eq(matrix_load(file, &m, &err), 0);
	ck_assert_uint_eq(m.n, ADDERS * EACH + 1);
}
END_TEST

/* As people have it who keep their settings in a repository. */
START_TEST(matrix_that_is_a_link_stays_one)
{
	_cleanup_free_ char *link = xasprintf("%s/config/sealmatrix/matrix.conf", test_dir());
	_cleanup_free_ char *mine = xasprintf("%s/mine.conf", test_dir()), *file = NULL;
	_cleanup_matrix_ struct matrix m = {0};
	struct err err = ERR_INIT;
	char target[64] = "";

	use_config();
	test_file("config/sealmatrix/x", "", 0);
	ck_assert_int_eq(symlink("../../mine.conf", link), 0);
	/* Not there yet, as when it is not mounted. */
	ck_assert_int_lt(add("/k/one", &file, &err), 0);
	test_file("mine.conf", "# mine\n", 7);
	ck_assert_msg(add("/k/one", &file, &err) == 0, "%s", err.msg);
	ck_assert_int_gt(readlink(link, target, sizeof(target) - 1), 0);
	ck_assert_str_eq(target, "../../mine.conf");
	ck_assert_str_eq(file, link);
	ck_assert_int_eq(matrix_load(mine, &m, &err), 0);
	ck_assert_uint_eq(m.n, 1);
}
END_TEST

START_TEST(what_was_seen_is_kept)
{
	struct err err = ERR_INIT;

	setenv("XDG_CACHE_HOME", test_dir(), 1);
	_cleanup_json_ json_t *records = json_pack(
		"[{s:s,s:s,s:s,s:s,s:s,s:{s:{s:{s:b}}}},{s:s,s:s,s:s,s:s},{s:s,s:s,s:s,s:s,s:s}]",
		"type", "boot", "kernel", "k", "release", "5.4.1", "sha256", "abc", "end", "done",
		"hello", "features", "kcmp", "ok", 1, "type", "variant", "kernel", "k", "control",
		"none", "outcome", "pass", "type", "variant", "kernel", "k", "control", "none",
		"outcome", "fail", "known", "cow");

	ck_assert_ptr_nonnull(records);
	ck_assert_int_eq(seen_save(records, test_dir(), &err), 0);
	_cleanup_json_ json_t *seen = seen_read("abc"), *none = seen_read("abd");

	ck_assert_ptr_null(none);
	ck_assert_str_eq(jstr(seen, "release", ""), "5.4.1");
	ck_assert_int_eq(jint(json_object_get(seen, "outcomes"), "pass", 0), 1);
	ck_assert_int_eq(jint(json_object_get(seen, "outcomes"), "fail", 0), 1);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(seen, "known"), 0)),
			 "cow");
	ck_assert_int_eq(jbool(json_object_get(json_object_get(seen, "features"), "kcmp"), "ok", 0),
			 1);
}
END_TEST

TEST_SUITE(prune_suite)
{
	Suite *s = suite_create("prune");
	TCase *tc = tcase_create("prune");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, what_nothing_needs_goes);
	tcase_add_test(tc, cache_in_use_is_left_alone);
	tcase_add_test(tc, what_is_not_known_is_not_removed);
	tcase_add_loop_test(tc, source_that_is_away_is_not_held_to_be_gone, 0, 2);
	tcase_add_test(tc, users_kernel_is_written_down);
	tcase_add_test(tc, several_add_at_once);
	tcase_add_test(tc, matrix_that_is_a_link_stays_one);
	tcase_add_test(tc, what_was_seen_is_kept);
	suite_add_tcase(s, tc);
	return s;
}
