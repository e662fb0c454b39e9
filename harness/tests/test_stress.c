// SPDX-License-Identifier: GPL-2.0-or-later
/* Variants run several times: what is run, and what is counted. */
#include <string.h>

#include "cases.h"
#include "cleanup.h"
#include "frequency.h"
#include "json_util.h"
#include "judge.h"
#include "paths.h"
#include "table.h"
#include "test.h"

static void load(struct variants *vs, const char *only)
{
	_cleanup_free_ char *path = paths_data("cases/cases.conf");
	struct err err = ERR_INIT;

	ck_assert_msg(cases_load(path, vs, &err) == 0, "%s", err.msg);
	ck_assert_msg(cases_select(vs, "default", only, &err) == 0, "%s", err.msg);
}

START_TEST(rounds_of_all_but_the_controls)
{
	_cleanup_variants_ struct variants vs = {0};
	struct err err = ERR_INIT;
	size_t once, own = 0;

	load(&vs, "memfd-0x*f");
	once = vs.n;
	for (size_t i = 0; i < once; i++)
		own += vs.v[i].control == CONTROL_NONE;
	ck_assert_uint_gt(own, 1);
	ck_assert_uint_lt(own, once);
	ck_assert_int_eq(cases_repeat(&vs, 3, &err), 0);
	cases_asked(&vs, "--vcpus", "2");
	cases_asked(&vs, "--append", "lsm=yama quiet");
	cases_asked(&vs, "--real-time", NULL);
	ck_assert_uint_eq(vs.n, once + 2 * own);
	for (size_t i = 0; i < vs.n; i++) {
		const struct variant *v = &vs.v[i];

		ck_assert_str_eq(v->asked, "--vcpus 2 --append 'lsm=yama quiet' --real-time");
		/* All once before any twice. */
		ck_assert_uint_eq(v->round, v->control != CONTROL_NONE ? 0
					    : i < once		       ? 1
								       : 2 + (i - once) / own);
		if (v->round > 1)
			ck_assert_str_eq(v->name, vs.v[i - own].name);
	}
}
END_TEST

START_TEST(more_than_a_channel_carries)
{
	_cleanup_variants_ struct variants vs = {0};
	struct err err = ERR_INIT;

	load(&vs, NULL);
	ck_assert_int_lt(cases_repeat(&vs, 1000, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_ptr_nonnull(strstr(err.msg, "--only"));
}
END_TEST

static void add(json_t *records, int round, const char *outcome, const char *class)
{
	json_t *r = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:b, s:s}", "type",
			      "variant", "id", "k/machine/one", "kernel", "k", "case", "machine",
			      "variant", "one", "control", "none", "outcome", outcome, "boot", 1,
			      "expected", strcmp(outcome, "error") != 0, "repeat", "r");

	if (round)
		json_object_set_new(r, "round", json_integer(round));
	if (class)
		json_object_set_new(r, "class", json_string(class));
	json_array_append_new(records, r);
}

static char *table(const json_t *records, struct tally *t)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	tally_records(records, t);
	table_print(f, records, t, &(struct table_opts){.width = 100});
	fclose(f);
	return text;
}

START_TEST(frequencies_are_counted_and_not_judged)
{
	_cleanup_json_ json_t *records = json_array();
	struct tally t;

	add(records, 1, "fail", "E1");
	add(records, 2, "hang", "H3");
	add(records, 3, "fail", "E1");
	add(records, 4, "pass", NULL);
	_cleanup_json_ json_t *often = frequencies(records);
	const json_t *one = json_object_get(often, "k/machine/one");
	_cleanup_free_ char *text = table(records, &t);

	ck_assert_int_eq(jint(one, "E1", 0), 2);
	ck_assert_int_eq(jint(one, "H3", 0), 1);
	ck_assert_int_eq(jint(one, "pass", 0), 1);
	ck_assert_msg(strstr(text, "k/machine/one, 4 rounds: E1 2, H3 1, pass 1\n") != NULL, "%s",
		      text);
	/* In the table the worst stands for all, and it does not have "likewise: one, one". */
	ck_assert_msg(strstr(text, "fail*") != NULL, "%s", text);
	ck_assert_ptr_null(strstr(text, "likewise"));
	ck_assert_int_eq(t.unexpected, 0);
}
END_TEST

START_TEST(an_error_in_any_round_is_one)
{
	_cleanup_json_ json_t *records = json_array();
	struct tally t;

	add(records, 1, "fail", "E1");
	add(records, 2, "error", "E1");
	_cleanup_free_ char *text = table(records, &t);

	ck_assert_msg(strstr(text, "ERROR") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "2 rounds: E1 1, error 1\n") != NULL, "%s", text);
	ck_assert_int_eq(tally_status(&t), 1);
}
END_TEST

START_TEST(one_run_counts_nothing)
{
	_cleanup_json_ json_t *records = json_array();
	struct tally t;

	add(records, 0, "fail", "E1");
	_cleanup_json_ json_t *often = frequencies(records);
	_cleanup_free_ char *text = table(records, &t);

	ck_assert_uint_eq(json_object_size(often), 0);
	ck_assert_ptr_null(strstr(text, "rounds"));
}
END_TEST

TEST_SUITE(stress)
{
	Suite *s = suite_create("stress");
	TCase *tc = tcase_create("stress");

	tcase_add_test(tc, rounds_of_all_but_the_controls);
	tcase_add_test(tc, more_than_a_channel_carries);
	tcase_add_test(tc, frequencies_are_counted_and_not_judged);
	tcase_add_test(tc, an_error_in_any_round_is_one);
	tcase_add_test(tc, one_run_counts_nothing);
	suite_add_tcase(s, tc);
	return s;
}
