// SPDX-License-Identifier: GPL-2.0-or-later
/* Machines judged one after the other: as all at once would be, and what failed is told, once. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "fixture.h"
#include "json_util.h"
#include "judge.h"
#include "publish.h"
#include "run_verdicts.h"
#include "test.h"
#include "xalloc.h"

static json_t *boot(int nr, int ran)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:i, s:i, s:s, s:s}", "type", "boot", "kernel",
			 "k", "boot", nr, "end", "done", "console", "quiet", "planned", ran, "ran",
			 ran, "template", "t", "cases_sha256", "c");
}

/* What the machine with the controls says. */
static json_t *controls(void)
{
	static const char *const files[] = {"control-clean.json", "control-error.json",
					    "control-hang.json"};
	json_t *all = json_array();

	for (size_t i = 0; i < 3; i++)
		json_array_append_new(all, fixture(files[i]));
	json_array_append_new(all, boot(1, 3));
	return all;
}

/* What one that rests on them says: healthy, but for the fact at @path. */
static json_t *machine(int nr, const char *path, const char *value)
{
	json_t *all = json_array(), *b = boot(nr, 1), *r = fixture("machine-healthy.json");

	json_object_set_new(r, "boot", json_integer(nr));
	if (path)
		plant(r, path, value);
	json_array_append_new(all, r);
	json_object_set_new(b, "controls_boot", json_integer(1));
	json_array_append_new(all, b);
	return all;
}

/* The same with a shared page, as an affected kernel has it. */
#define SHARED	   "observed/regions/0/saw", "\"=x. .=. ..=\""
#define UNREADABLE "observed/regions/0/saw", "\"=?. .=. ..=\""
#define NAME	   "stage-machine/memfd-0xf"

static int fds[2];
static struct progress pg;
static struct verdicts v;

static void setup(void)
{
	_cleanup_free_ char *path = xasprintf("%s/known.conf", test_dir());
	const char *text = "[planted]\nkernels = k\ncases = stage-machine/known*\n"
			   "outcomes = fail\nassertions = no-shared-globals\n"
			   "text = t\nref = r\nreview = 2099-01-01\n";
	struct err err = ERR_INIT;

	ck_assert_int_eq(pipe(fds), 0);
	pg = (struct progress){.fd = fds[1], .kernel = "k"};
	ck_assert_msg(verdicts_open(&v, &pg, false, &err) == 0, "%s", err.msg);
	known_free(&v.known);
	ck_assert_int_eq(publish_buffer(path, text, strlen(text), &err), 0);
	ck_assert_msg(known_load(path, &v.known, &err) == 0, "%s", err.msg);
}

static void teardown(void)
{
	verdicts_free(&v);
	close(fds[0]);
}

/* Everything that was told. Caller frees. */
static char *told(void)
{
	char *text = xcalloc(4 * PIPE_BUF, 1);

	close(fds[1]);
	for (size_t len = 0; len < 4 * PIPE_BUF - 1;) {
		ssize_t n = read(fds[0], text + len, 4 * PIPE_BUF - 1 - len);

		ck_assert_int_ge(n, 0);
		if (!n)
			break;
		len += n;
	}
	return text;
}

static void said(json_t *records)
{
	_cleanup_json_ json_t *all = records;

	verdicts_said(&v, all);
}

START_TEST(one_by_one_is_all_at_once)
{
	_cleanup_json_ json_t *whole = json_array(), *parts = json_array();

	for (int nr = 1; nr <= 4; nr++) {
		_cleanup_json_ json_t *m = nr == 1   ? controls()
					   : nr == 2 ? machine(nr, SHARED)
					   : nr == 3 ? machine(nr, UNREADABLE)
						     : machine(nr, NULL, NULL);
		_cleanup_json_ json_t *copy = json_deep_copy(m);

		json_array_extend(whole, copy);
		verdicts_said(&v, m);
		json_array_extend(parts, m);
	}
	judge_records(whole, v.known);
	ck_assert(json_equal(whole, parts));
	ck_assert_str_eq(jstr(json_array_get(parts, 4), "outcome", ""), "fail");
	ck_assert_str_eq(jstr(json_array_get(parts, 6), "outcome", ""), "error");
	ck_assert_str_eq(jstr(json_array_get(parts, 8), "outcome", ""), "pass");
}
END_TEST

/* What one machine showed is nothing without the one with the controls. */
START_TEST(nothing_is_believed_before_the_controls)
{
	_cleanup_json_ json_t *m = machine(2, NULL, NULL);

	verdicts_said(&v, m);
	ck_assert_str_eq(jstr(json_array_get(m, 0), "outcome", ""), "error");
	_cleanup_free_ char *text = told();

	ck_assert_msg(strstr(text, "N " NAME ": error: the harness could not see") == text, "%s",
		      text);
}
END_TEST

START_TEST(what_is_well_is_not_told)
{
	said(controls());
	said(machine(2, NULL, NULL));
	_cleanup_free_ char *text = told();

	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(the_unexpected_is_told_with_its_reason)
{
	said(controls());
	said(machine(2, SHARED));
	_cleanup_free_ char *text = told();

	ck_assert_msg(strstr(text, "N " NAME ": fail, unexpected: regions shared: data") == text,
		      "%s", text);
}
END_TEST

START_TEST(the_expected_is_told_as_such)
{
	_cleanup_json_ json_t *m = machine(2, SHARED);

	json_object_set_new(json_array_get(m, 0), "variant", json_string("known-1"));
	said(controls());
	verdicts_said(&v, m);
	_cleanup_free_ char *text = told();

	ck_assert_str_eq(text,
			 "E stage-machine/known-1: fail, as expected (known issue planted)\n");
}
END_TEST

static size_t lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Another round, or another variant that could not be looked at for the same reason. */
START_TEST(the_same_is_told_once)
{
	said(controls());
	said(machine(2, SHARED));
	said(machine(3, SHARED));
	said(machine(4, UNREADABLE));
	said(machine(5, UNREADABLE));
	_cleanup_free_ char *text = told();

	ck_assert_msg(lines(text) == 2, "%s", text);
}
END_TEST

/* The kernel died when all was said: no variant carries that. */
START_TEST(a_machine_that_ends_badly_is_told)
{
	_cleanup_json_ json_t *m = machine(2, NULL, NULL);

	json_object_set_new(json_array_get(m, 1), "console", json_string("oops"));
	json_object_set_new(json_array_get(m, 1), "console_line", json_string("BUG: at the end"));
	said(controls());
	verdicts_said(&v, m);
	_cleanup_free_ char *text = told();

	ck_assert_str_eq(text, "N machine 2: crash: done; console: BUG: at the end\n");
}
END_TEST

START_TEST(quiet_is_quiet)
{
	v.quiet = true;
	said(controls());
	said(machine(2, SHARED));
	_cleanup_free_ char *text = told();

	ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(the_outcome_is_the_sum)
{
	_cleanup_json_ json_t *known = machine(2, SHARED);

	v.quiet = true;
	json_object_set_new(json_array_get(known, 0), "variant", json_string("known-1"));
	said(controls());
	verdicts_said(&v, known);
	said(machine(3, SHARED));
	said(machine(4, UNREADABLE));
	said(machine(5, NULL, NULL));
	said(machine(6, NULL, NULL));
	said(machine(7, "observed/unsupported", "{\"step\":\"s\",\"errno\":\"EINVAL\"}"));
	verdicts_tell_outcome(&v);
	_cleanup_free_ char *text = told();

	ck_assert_str_eq(text, "N 2 pass, 1 unsupported, 1 failed as expected, 1 unexpected, "
			       "1 errors\n");
}
END_TEST

TEST_SUITE(run_verdicts)
{
	Suite *s = suite_create("run verdicts");
	TCase *tc = tcase_create("run verdicts");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_by_one_is_all_at_once);
	tcase_add_test(tc, nothing_is_believed_before_the_controls);
	tcase_add_test(tc, what_is_well_is_not_told);
	tcase_add_test(tc, the_unexpected_is_told_with_its_reason);
	tcase_add_test(tc, the_expected_is_told_as_such);
	tcase_add_test(tc, the_same_is_told_once);
	tcase_add_test(tc, a_machine_that_ends_badly_is_told);
	tcase_add_test(tc, quiet_is_quiet);
	tcase_add_test(tc, the_outcome_is_the_sum);
	suite_add_tcase(s, tc);
	return s;
}
