// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

START_TEST(median_keeps_a_run_together)
{
	struct bench_time odd[] = {{3, 30}, {1, 10}, {2, 20}};
	struct bench_time even[] = {{4, 40}, {1, 10}, {3, 30}, {2, 20}};

	ck_assert_double_eq(bench_median(odd, 3).cpu_s, 2);
	ck_assert_double_eq(bench_median(odd, 3).wall_s, 20);
	ck_assert_double_eq(bench_median(even, 4).cpu_s, 3);
	ck_assert_double_eq(bench_median(even, 1).cpu_s, 1);
}
END_TEST

static char *put(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", test_dir(), name);
	struct err err = ERR_INIT;

	ck_assert_msg(publish_buffer(path, text, strlen(text), &err) == 0, "%s", err.msg);
	return path;
}

static const struct {
	const char *text, *said;
} bad[] = {
	{"", "not what `bench --json` prints"},
	{"{\"ratios\":", "not what `bench --json` prints"},
	{"[1]", "it has no ratios"},
	{"{\"ratios\":[]}", "it has no ratios"},
};

START_TEST(other_files_are_refused)
{
	_cleanup_free_ char *path = put("old.json", bad[_i].text);
	struct err err = ERR_INIT;
	json_t *old = NULL;

	ck_assert_int_lt(bench_load(path, &old, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, bad[_i].said) != NULL, "%s", err.msg);
	ck_assert_ptr_null(old);
}
END_TEST

START_TEST(missing_file_is_named)
{
	struct err err = ERR_INIT;
	json_t *old = NULL;

	ck_assert_int_lt(bench_load("/nonexistent/old.json", &old, &err), 0);
	ck_assert_msg(strstr(err.msg, "/nonexistent/old.json") != NULL, "%s", err.msg);
}
END_TEST

/* What one of them lacks, or has as something else than a number, is no change. */
START_TEST(ratios_stand_side_by_side)
{
	_cleanup_free_ char *path = put("old.json", "{\"ratios\":{\"a\":{\"value\":2.0},"
						    "\"gone\":{\"value\":1.0},\"c\":7}}");
	_cleanup_json_ json_t *old = NULL,
			      *new = json_loads("{\"ratios\":{\"a\":{\"value\":1.5},"
						"\"b\":{\"value\":1.0},\"c\":{\"value\":3}}}",
						0, NULL);
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t len;

	ck_assert_int_eq(bench_load(path, &old, &err), 0);
	FILE *f = open_memstream(&text, &len);

	bench_compare(f, old, new);
	fclose(f);
	_cleanup_free_ char *out = text;
	const char *a = strstr(out, "\na "), *b = strstr(out, "\nb "), *c = strstr(out, "\nc ");

	ck_assert_msg(a && b && c, "%s", out);
	ck_assert_msg(strstr(a, "2.00     1.50  -25 %") != NULL, "%s", out);
	ck_assert_msg(strstr(b, "-     1.00\n") != NULL, "%s", out);
	ck_assert_msg(strstr(c, "-     3.00\n") != NULL, "%s", out);
	ck_assert_ptr_null(strstr(out, "gone"));
}
END_TEST

TEST_SUITE(bench)
{
	Suite *s = suite_create("bench");
	TCase *tc = tcase_create("bench");

	tcase_add_test(tc, median_keeps_a_run_together);
	tcase_add_loop_test(tc, other_files_are_refused, 0, sizeof(bad) / sizeof(*bad));
	tcase_add_test(tc, missing_file_is_named);
	tcase_add_test(tc, ratios_stand_side_by_side);
	suite_add_tcase(s, tc);
	return s;
}
