// SPDX-License-Identifier: GPL-2.0-or-later
/* Restored machines say what booted ones say, alone or together, and the same bytes every time. */
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot_test.h"
#include "cache.h"
#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "xalloc.h"

#define HEALTHY	 "6.1"
#define AFFECTED "cow-6.1"

static bool is(const json_t *r, const char *key, const char *value)
{
	return !strcmp(jstr(r, key, ""), value);
}

/* ID to "OUTCOME CLASS", of every variant, controls included. */
static json_t *verdicts(const json_t *run)
{
	json_t *o = json_object();
	json_t *r;
	size_t i;

	json_array_foreach (json_object_get(run, "records"), i, r) {
		if (!is(r, "type", "variant"))
			continue;
		_cleanup_free_ char *v =
			xasprintf("%s %s", jstr(r, "outcome", "?"), jstr(r, "class", ""));

		/* A machine that boots carries its own controls: the same verdict each time. */
		json_object_set_new(o, jstr(r, "id", "?"), json_string(v));
	}
	return o;
}

static void same(json_t *a, const json_t *b)
{
	const char *id;
	json_t *v;

	json_object_foreach (a, id, v)
		ck_assert_msg(!strcmp(json_string_value(v), jstr(b, id, "")), "%s: %s, or %s", id,
			      json_string_value(v), jstr(b, id, "nothing"));
	ck_assert_uint_eq(json_object_size(a), json_object_size(b));
}

static void all_start(const json_t *run, const char *how)
{
	json_t *r;
	size_t i;

	json_array_foreach (json_object_get(run, "records"), i, r)
		if (is(r, "type", "boot"))
			ck_assert_msg(is(r, "start", how), "a machine was %s",
				      jstr(r, "start", "?"));
}

static int machines(const json_t *run)
{
	json_t *r;
	size_t i;
	int n = 0;

	json_array_foreach (json_object_get(run, "records"), i, r)
		n += is(r, "type", "boot");
	return n;
}

/* @plain: that of the container without a schedule, where only the stages' blocking decides. */
static void same_verdicts(const char *kernel, const char *plain)
{
	_cleanup_free_ char *a = results_dir("cold"), *b = results_dir("group");
	_cleanup_free_ char *c = results_dir("variant");
	int s1, s2, s3;
	_cleanup_json_ json_t *cold = RUN(a, &s1, kernel, "--accel", "tcg", "--cold");
	_cleanup_json_ json_t *group =
		RUN(b, &s2, kernel, "--accel", "tcg", "--isolation", "group");
	_cleanup_json_ json_t *variant =
		RUN(c, &s3, kernel, "--accel", "tcg", "--isolation", "variant");
	_cleanup_json_ json_t *one = verdicts(cold), *two = verdicts(group),
			      *three = verdicts(variant);

	ck_assert_int_eq(s1, 0);
	ck_assert_int_eq(s2, 0);
	ck_assert_int_eq(s3, 0);
	_cleanup_free_ char *id = xasprintf("%s/stage-machine/memfd-0x1f", kernel);

	ck_assert_str_eq(jstr(one, id, "nothing"), plain);
	same(one, two);
	same(one, three);
	all_start(cold, "cold");
	all_start(group, "restored");
	all_start(variant, "restored");
	ck_assert_int_eq(machines(cold), 1);
	ck_assert_int_eq(machines(group), 4);
	ck_assert_int_gt(machines(variant), 40);
}

START_TEST(healthy_kernel_has_one_verdict)
{
	same_verdicts(HEALTHY, "pass ");
}
END_TEST

START_TEST(affected_kernel_has_one_verdict)
{
	same_verdicts(AFFECTED, "hang H3");
}
END_TEST

static char *port(const char *dir, const char *name, int nr, size_t *len)
{
	_cleanup_free_ char *path = xasprintf("%s/" HEALTHY "/%s-%d.log", dir, name, nr);
	struct err err = ERR_INIT;
	char *text = NULL;

	ck_assert_msg(read_file(path, 64 << 20, &text, len, &err) == 0, "%s", err.msg);
	return text;
}

START_TEST(two_restored_runs_are_the_same_bytes)
{
	static const char *const ports[] = {"console", "channel"};
	_cleanup_free_ char *a = results_dir("one"), *b = results_dir("two");
	int s1, s2;
	_cleanup_json_ json_t *one = RUN(a, &s1, HEALTHY, "--accel", "tcg");
	/* One after the other instead of side by side. */
	_cleanup_json_ json_t *two = RUN(b, &s2, HEALTHY, "--accel", "tcg", "-j", "1");
	int n = machines(one);

	ck_assert_int_eq(n, machines(two));
	for (int nr = 1; nr <= n; nr++) {
		for (int p = 0; p < 2; p++) {
			size_t n1, n2;
			_cleanup_free_ char *t1 = port(a, ports[p], nr, &n1);
			_cleanup_free_ char *t2 = port(b, ports[p], nr, &n2);

			ck_assert_msg(n1 == n2 && !memcmp(t1, t2, n1), "%s of machine %d differs",
				      ports[p], nr);
			ck_assert(p == 0 || n1 > 0);
		}
	}
	ck_assert_str_eq(jstr(find_boot(one, HEALTHY, 1), "template", "a"),
			 jstr(find_boot(two, HEALTHY, 1), "template", "b"));
}
END_TEST

static char *stderr_of(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/stderr.txt", dir);
	struct err err = ERR_INIT;
	char *text = NULL;

	ck_assert_int_eq(read_file(path, 1 << 20, &text, NULL, &err), 0);
	return text;
}

/* The agent is another program, and the template is the old one. */
START_TEST(a_case_changes_without_a_boot)
{
	_cleanup_free_ char *a = results_dir("before"), *b = results_dir("after");
	int status;
	_cleanup_json_ json_t *before = RUN(a, &status, HEALTHY, "--suite", "smoke");
	_cleanup_free_ char *build = xstrndup(driver(), strrchr(driver(), '/') - driver());
	_cleanup_free_ char *agent = xasprintf("%s/tests/agent-blind-memory", build);
	_cleanup_free_ char *guest = guest_with("agent", agent);

	ck_assert_int_eq(status, 0);
	setenv("SEALMATRIX_GUEST", guest, 1);
	_cleanup_json_ json_t *after = RUN(b, &status, HEALTHY, "--suite", "smoke");
	_cleanup_free_ char *said = stderr_of(b);

	ck_assert_int_eq(status, 1); /* it is blind, and noticed */
	ck_assert_ptr_null(strstr(said, "booting once"));
	ck_assert_str_eq(jstr(find_boot(before, HEALTHY, 1), "template", "a"),
			 jstr(find_boot(after, HEALTHY, 1), "template", "b"));
	ck_assert_str_ne(jstr(find_boot(before, HEALTHY, 1), "cases_sha256", ""),
			 jstr(find_boot(after, HEALTHY, 1), "cases_sha256", ""));
}
END_TEST

/* A cache that has all but the templates, on a file system of @size. Caller frees. */
static char *cache_with_room(const char *size)
{
	static const char *const kinds[] = {"kernel", "locks", "accel", "apt"};
	_cleanup_free_ char *options = xasprintf("size=%s", size);
	char *top = results_dir("cache");
	struct err err = ERR_INIT;
	const char *real = cache_root(&err);

	ck_assert_int_eq(make_dirs(top, &err), 0);
	ck_assert_int_eq(mount("cache", top, "tmpfs", 0, options), 0);
	_cleanup_free_ char *dir = xasprintf("%s/sealmatrix", top);

	ck_assert_int_eq(make_dirs(dir, &err), 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		_cleanup_free_ char *from = xasprintf("%s/%s", real, kinds[i]);
		_cleanup_free_ char *to = xasprintf("%s/%s", dir, kinds[i]);

		ck_assert_int_eq(symlink(from, to), 0);
	}
	return top;
}

START_TEST(a_full_disk_means_a_boot)
{
	if (geteuid() != 0)
		return; /* only root mounts */
	_cleanup_free_ char *dir = results_dir("full"), *cache = cache_with_room("16m");
	int status;

	setenv("XDG_CACHE_HOME", cache, 1);
	_cleanup_json_ json_t *run = RUN(dir, &status, HEALTHY, "--suite", "smoke");
	_cleanup_free_ char *said = stderr_of(dir);

	umount2(cache, MNT_DETACH);
	ck_assert_int_eq(status, 0);
	ck_assert_ptr_nonnull(strstr(said, "No space left"));
	ck_assert_ptr_nonnull(
		strstr(jstr(find_boot(run, HEALTHY, 1), "no_template", ""), "No space left"));
	all_start(run, "cold");
	ck_assert_str_eq(
		jstr(find_variant(run, HEALTHY, "stage-machine/memfd-0x1f"), "outcome", ""),
		"pass");
}
END_TEST

/* What is wrong with it is not the template's fault, but nobody can know: a boot has the last word.
 */
START_TEST(a_guest_that_dies_at_once_means_a_boot)
{
	_cleanup_free_ char *dir = results_dir("doomed");
	_cleanup_free_ char *guest = guest_with("agent", "#!/bin/sh\nexit 0\n");
	int status;

	setenv("SEALMATRIX_GUEST", guest, 1);
	_cleanup_json_ json_t *run = RUN(dir, &status, HEALTHY, "--suite", "smoke");
	_cleanup_free_ char *said = stderr_of(dir);
	const char *once = strstr(said, "did not come to life");

	ck_assert_int_eq(status, 1);
	ck_assert_msg(once != NULL, "%s", said);
	ck_assert_ptr_null(strstr(once + 1, "did not come to life"));
	all_start(run, "cold");
	ck_assert_ptr_nonnull(strstr(jstr(find_boot(run, HEALTHY, 1), "no_template", ""),
				     "did not come to life"));
	ck_assert_str_eq(
		jstr(find_variant(run, HEALTHY, "stage-machine/memfd-0x1f"), "outcome", ""),
		"error");
}
END_TEST

TEST_SUITE(boot_templates)
{
	Suite *s = suite_create("templates");
	TCase *tc = tcase_create("templates");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, healthy_kernel_has_one_verdict);
	tcase_add_test(tc, affected_kernel_has_one_verdict);
	tcase_add_test(tc, two_restored_runs_are_the_same_bytes);
	tcase_add_test(tc, a_case_changes_without_a_boot);
	tcase_add_test(tc, a_full_disk_means_a_boot);
	tcase_add_test(tc, a_guest_that_dies_at_once_means_a_boot);
	suite_add_tcase(s, tc);
	return s;
}
