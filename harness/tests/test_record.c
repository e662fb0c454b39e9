// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "record.h"
#include "test.h"
#include "xalloc.h"

static void put(const char *rel, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", test_dir(), rel);
	struct err err = ERR_INIT;

	ck_assert_msg(!publish_buffer(path, text, strlen(text), &err), "%s", err.msg);
}

/* "n" of every record, as text. Caller frees. */
static char *order(const json_t *records)
{
	char *text = xstrdup("");
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		char *more = xasprintf("%s%d", text, (int)jint(r, "n", 0));

		free(text);
		text = more;
	}
	return text;
}

START_TEST(kernels_in_order_and_lines_as_they_stand)
{
	_cleanup_json_ json_t *all = NULL, *one = NULL;
	_cleanup_free_ char *dir = xasprintf("%s/run", test_dir());
	_cleanup_free_ char *sub = xasprintf("%s/run/6.1", test_dir());
	struct err err = ERR_INIT;

	put("run/6.12/records.jsonl", "{\"n\":3}\n\n{\"n\":2}\n");
	put("run/6.1/records.jsonl", "{\"n\":1}\n");
	put("run/6.1/console-1.log", "{\"n\":9}\n");
	put("run/run.json", "{\"n\":9}\n");
	ck_assert_msg(!records_load(dir, &all, &err), "%s", err.msg);
	_cleanup_free_ char *both = order(all);

	ck_assert_str_eq(both, "132");
	ck_assert_msg(!records_load(sub, &one, &err), "%s", err.msg);
	ck_assert_uint_eq(json_array_size(one), 1);
}
END_TEST

#define REC(kernel, boot, n) "{\"kernel\":\"" kernel "\",\"boot\":" boot ",\"n\":" n "}\n"

/* The driver was killed: what machines had said is in files of their own, whole lines or not. */
START_TEST(what_a_killed_run_left_is_read)
{
	_cleanup_json_ json_t *all = NULL;
	_cleanup_free_ char *dir = xasprintf("%s/run", test_dir());
	struct err err = ERR_INIT;

	put("run/6.1/records.jsonl", REC("6.1", "1", "1") REC("6.1", "2", "2"));
	put("run/6.1/records-2.tmp", REC("6.1", "2", "9")); /* put together already */
	put("run/6.1/records-10.tmp", REC("6.1", "10", "5"));
	put("run/6.1/records-3.tmp", REC("6.1", "3", "3") REC("6.1", "6", "4") "{\"kernel\":");
	put("run/6.1/records-4.tmp", "");
	put("run/6.12/records-1.tmp", REC("6.12", "1", "6") "{");
	put("run/6.12/initrd-1.tmp", "{");
	ck_assert_msg(!records_load(dir, &all, &err), "%s", err.msg);
	_cleanup_free_ char *text = order(all);

	ck_assert_str_eq(text, "123456");
	ck_assert_uint_eq(records_left(dir), 5);
	records_left_remove(dir);
	ck_assert_uint_eq(records_left(dir), 0);
	json_decref(steal_ptr(all));
	ck_assert_msg(!records_load(dir, &all, &err), "%s", err.msg);
	ck_assert_uint_eq(json_array_size(all), 2);
}
END_TEST

/* A line in the middle that is none was not cut off: somebody has been at it. */
START_TEST(what_was_left_must_be_records)
{
	_cleanup_json_ json_t *all = NULL;
	_cleanup_free_ char *dir = xasprintf("%s/run", test_dir());
	struct err err = ERR_INIT;

	put("run/6.1/records-3.tmp", REC("6.1", "3", "3") "frob\n" REC("6.1", "6", "4"));
	ck_assert_int_lt(records_load(dir, &all, &err), 0);
	ck_assert_msg(strstr(err.msg, "2: not a record") != NULL, "%s", err.msg);
}
END_TEST

static const struct {
	const char *text, *part;
} bad[] = {
	{"{\"n\":1}\n{\"n\":", "2: the last record is cut off"},
	{"{\"n\":1}\n{\"n\":2}", "2: the last record is cut off"},
	{"{\"n\":1}\nfrob\n", "2: not a record"},
	{"[1]\n", "1: not a record"},
	{"{\"n\":1,\"n\":2}\n", "1: not a record"},
	{"{\"n\":1} {\"n\":2}\n", "1: not a record"},
};

START_TEST(damaged_records_are_refused)
{
	_cleanup_json_ json_t *all = NULL;
	_cleanup_free_ char *dir = xasprintf("%s/bad", test_dir());
	struct err err = ERR_INIT;

	put("bad/k/records.jsonl", bad[_i].text);
	ck_assert_int_lt(records_load(dir, &all, &err), 0);
	ck_assert_ptr_null(all);
	ck_assert_msg(strstr(err.msg, bad[_i].part) && strstr(err.msg, "bad/k/records.jsonl"), "%s",
		      err.msg);
}
END_TEST

START_TEST(no_results_is_the_users_mistake)
{
	static const char *const names[] = {"nowhere", "empty"};
	_cleanup_free_ char *dir = xasprintf("%s/%s", test_dir(), names[_i]);
	_cleanup_json_ json_t *all = NULL;
	struct err err = ERR_INIT, werr = ERR_INIT;

	if (_i)
		ck_assert_int_eq(make_dirs(dir, &werr), 0);
	ck_assert_int_lt(records_load(dir, &all, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, names[_i]), "%s", err.msg);
}
END_TEST

START_TEST(saved_is_what_is_loaded)
{
	_cleanup_json_ json_t *all =
		json_pack("[{s:i, s:s}, {s:i}]", "n", 1, "text", "a\nb\"ü", "n", 2);
	_cleanup_free_ char *path = xasprintf("%s/save/k/records.jsonl", test_dir());
	_cleanup_free_ char *dir = xasprintf("%s/save", test_dir());
	_cleanup_json_ json_t *back = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(!records_save(path, all, &err), "%s", err.msg);
	ck_assert_msg(!records_load(dir, &back, &err), "%s", err.msg);
	ck_assert(json_equal(all, back));
}
END_TEST

START_TEST(full_disk_is_an_error)
{
	_cleanup_json_ json_t *r = json_pack("{s:i}", "n", 1);
	_cleanup_fclose_ FILE *f = fopen("/dev/full", "we");
	struct err err = ERR_INIT;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(record_append(f, r, &err), -ENOSPC);
	ck_assert_int_eq(err.kind, ERR_INFRA);
}
END_TEST

/* Whole lines are in the file after each record, whatever happens to the program then. */
START_TEST(appended_is_flushed)
{
	_cleanup_free_ char *path = xasprintf("%s/append.jsonl", test_dir());
	_cleanup_json_ json_t *r = json_pack("{s:i}", "n", 1);
	_cleanup_fclose_ FILE *f = fopen(path, "we");
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(!record_append(f, r, &err), "%s", err.msg);
	ck_assert_msg(!read_file(path, 100, &text, NULL, &err), "%s", err.msg);
	ck_assert_str_eq(text, "{\"n\":1}\n");
}
END_TEST

TEST_SUITE(record_suite)
{
	Suite *s = suite_create("record");
	TCase *tc = tcase_create("record");

	tcase_add_test(tc, kernels_in_order_and_lines_as_they_stand);
	tcase_add_test(tc, what_a_killed_run_left_is_read);
	tcase_add_test(tc, what_was_left_must_be_records);
	tcase_add_loop_test(tc, damaged_records_are_refused, 0, (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_loop_test(tc, no_results_is_the_users_mistake, 0, 2);
	tcase_add_test(tc, saved_is_what_is_loaded);
	tcase_add_test(tc, full_disk_is_an_error);
	tcase_add_test(tc, appended_is_flushed);
	suite_add_tcase(s, tc);
	return s;
}
