// SPDX-License-Identifier: GPL-2.0-or-later
/* What is said about a folder as a whole: is that all, and can it be judged here? */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "fixture.h"
#include "json_util.h"
#include "judge.h"
#include "proto.h"
#include "publish.h"
#include "record.h"
#include "report.h"
#include "run_dir.h"
#include "test.h"
#include "xalloc.h"

static char *dir;

static void put(const char *name, const json_t *o)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	struct err err = ERR_INIT;

	ck_assert_int_eq(make_dirs(dir, &err), 0);
	ck_assert_int_eq(json_dump_file(o, path, JSON_COMPACT), 0);
}

/* One healthy boot of kernel k, by a sealmatrix that wrote @format. */
static void put_records(int format)
{
	static const char *const files[] = {"control-clean.json", "control-error.json",
					    "control-hang.json", "machine-healthy.json"};
	_cleanup_free_ char *path = xasprintf("%s/k/records.jsonl", dir);
	_cleanup_json_ json_t *all = json_array();
	struct err err = ERR_INIT;

	for (int i = 0; i < 4; i++)
		json_array_append_new(all, fixture(files[i]));
	json_array_append_new(all,
			      json_pack("{s:s, s:s, s:i, s:s, s:s, s:i, s:i, s:{s:i}}", "type",
					"boot", "kernel", "k", "boot", 1, "end", "done", "console",
					"quiet", "planned", 4, "ran", 4, "hello", "proto", format));
	ck_assert_msg(records_save(path, all, &err) == 0, "%s", err.msg);
}

/* @also: a kernel besides k, or NULL. */
static void put_run(bool complete, const char *also)
{
	_cleanup_json_ json_t *run =
		json_pack("{s:b, s:[s, s*]}", "complete", complete, "kernels", "k", also);

	put("run.json", run);
}

static void setup(void)
{
	dir = xasprintf("%s/run", test_dir());
}

static void teardown(void)
{
	free(dir);
}

/* All notes, a line each. Caller frees. */
static char *notes(void)
{
	_cleanup_json_ json_t *records = NULL;
	_cleanup_strv_ struct strv lines = {0};
	struct err err = ERR_INIT;
	struct tally t;
	json_t *line;
	size_t i;

	ck_assert_msg(report_load(dir, NULL, &records, &err) == 0, "%s", err.msg);
	tally_records(records, &t);
	_cleanup_json_ json_t *all = report_notes(dir, records, &t);

	json_array_foreach (all, i, line)
		strv_add(&lines, json_string_value(line));
	return strv_join(&lines, "\n");
}

/* The exit status of `report`, whatever it prints. */
static int status(void)
{
	_cleanup_json_ json_t *records = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(report_load(dir, NULL, &records, &err) == 0, "%s", err.msg);
	fflush(stdout);
	int saved = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY);

	dup2(null, STDOUT_FILENO);
	int ret = report_print(dir, records, false, -1);

	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(null);
	return ret;
}

START_TEST(of_a_whole_run_there_is_nothing_to_say)
{
	put_records(SM_PROTO);
	put_run(true, NULL);
	_cleanup_free_ char *whole = notes();

	ck_assert_str_eq(whole, "");
	/* A kernel's folder by itself has no run.json. */
	free(dir);
	dir = xasprintf("%s/run/k", test_dir());
	_cleanup_free_ char *part = notes();

	ck_assert_str_eq(part, "");
}
END_TEST

START_TEST(what_is_missing_is_said)
{
	put_records(SM_PROTO);
	put_run(false, "never-run");
	_cleanup_free_ char *text = notes();

	ck_assert_msg(strstr(text, "The run is incomplete: it was killed") == text, "%s", text);
	ck_assert_msg(strstr(text, "\nNothing is on record of never-run.") != NULL, "%s", text);
}
END_TEST

/* A folder that was copied in part, or merged of parts, may say of itself that it is whole. */
START_TEST(a_kernel_without_records_is_missing)
{
	put_records(SM_PROTO);
	put_run(true, NULL);
	ck_assert_int_eq(status(), 0);
	put_run(true, "never-run");
	_cleanup_free_ char *text = notes();

	ck_assert_str_eq(text, "Nothing is on record of never-run.");
	ck_assert_int_eq(status(), 1);
}
END_TEST

/* run.json may be missing, or another's: what machines have left tells as well. */
START_TEST(what_was_left_means_incomplete)
{
	_cleanup_free_ char *path = record_left_path(dir, 7);
	struct err err = ERR_INIT;

	put_records(SM_PROTO);
	ck_assert_int_eq(status(), 0);
	ck_assert_int_eq(publish_buffer(path, "", 0, &err), 0);
	_cleanup_free_ char *text = notes();

	ck_assert_msg(strstr(text, "The run is incomplete") == text, "%s", text);
	ck_assert_int_eq(status(), 1);
}
END_TEST

START_TEST(older_records_are_named)
{
	put_records(SM_PROTO - 1);
	put_run(true, NULL);
	_cleanup_free_ char *text = notes();
	_cleanup_free_ char *want = xasprintf("The records of k were written by an older "
					      "sealmatrix (format %d, this one writes %d): ",
					      SM_PROTO - 1, SM_PROTO);

	ck_assert_msg(strstr(text, want) == text, "%s", text);
}
END_TEST

START_TEST(newer_records_are_refused)
{
	_cleanup_json_ json_t *records = NULL;
	struct err err = ERR_INIT;

	put_records(SM_PROTO + 1);
	ck_assert_int_lt(report_load(dir, NULL, &records, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, "the records of k were written by a newer sealmatrix"), "%s",
		      err.msg);
}
END_TEST

/* run.json is written before the first boot and after the last: the start stays. */
START_TEST(start_of_a_run_is_kept)
{
	_cleanup_free_ char *path = xasprintf("%s/run.json", dir);
	_cleanup_json_ json_t *kernels = json_pack("[s]", "k");
	char *argv[] = {(char *)"run", (char *)"k"};
	struct err err = ERR_INIT;

	ck_assert_int_eq(make_dirs(dir, &err), 0);
	for (int complete = 0; complete <= 1; complete++) {
		ck_assert_int_eq(run_dir_describe(dir, 86400, 2, argv, kernels, complete, &err), 0);
		_cleanup_json_ json_t *run = json_load_file(path, 0, NULL);

		ck_assert_str_eq(jstr(run, "started", ""), "1970-01-02T00:00:00Z");
		ck_assert_str_gt(jstr(run, "written", ""), "2020");
		ck_assert_int_eq(run_dir_is_complete(dir), complete);
	}
}
END_TEST

/* Verdicts that have just been found are not found again: here they would come out otherwise. */
START_TEST(judged_is_judged)
{
	_cleanup_strv_ struct strv judged = {0};
	_cleanup_json_ json_t *as_is = NULL, *anew = NULL;
	struct err err = ERR_INIT;

	put_records(SM_PROTO);
	strv_add(&judged, "k");
	ck_assert_int_eq(report_load(dir, &judged, &as_is, &err), 0);
	ck_assert_str_eq(jstr(json_array_get(as_is, 0), "outcome", "none"), "none");
	ck_assert_int_eq(report_load(dir, NULL, &anew, &err), 0);
	ck_assert_str_eq(jstr(json_array_get(anew, 0), "outcome", "none"), "pass");
}
END_TEST

TEST_SUITE(report)
{
	Suite *s = suite_create("report");
	TCase *tc = tcase_create("report");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, of_a_whole_run_there_is_nothing_to_say);
	tcase_add_test(tc, what_is_missing_is_said);
	tcase_add_test(tc, a_kernel_without_records_is_missing);
	tcase_add_test(tc, what_was_left_means_incomplete);
	tcase_add_test(tc, older_records_are_named);
	tcase_add_test(tc, newer_records_are_refused);
	tcase_add_test(tc, start_of_a_run_is_kept);
	tcase_add_test(tc, judged_is_judged);
	suite_add_tcase(s, tc);
	return s;
}
