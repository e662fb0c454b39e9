// SPDX-License-Identifier: GPL-2.0-or-later
/* What a command exits with when some of what came out is what was asked for. */
#include <string.h>

#include "json_util.h"
#include "run_status.h"
#include "test.h"

static json_t *records;

static json_t *add(const char *kernel, const char *case_name, const char *variant,
		   const char *seals, const char *outcome, bool expected)
{
	json_t *r = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:{s:s}}", "type",
			      "variant", "kernel", kernel, "case", case_name, "variant", variant,
			      "id", variant, "control", "none", "outcome", outcome, "expected",
			      expected, "boot", 1, "params", "seals", seals);

	json_array_append_new(records, r);
	return r;
}

static json_t *add_boot(const char *kernel, int nr, const char *end, const char *outcome)
{
	json_t *r = json_pack("{s:s, s:s, s:i, s:s, s:s, s:b}", "type", "boot", "kernel", kernel,
			      "boot", nr, "end", end, "outcome", outcome, "expected",
			      !strcmp(outcome, "pass"));

	json_array_append_new(records, r);
	return r;
}

static void outcome(json_t *r, const char *what, bool expected)
{
	json_object_set_new(r, "outcome", json_string(what));
	json_object_set_new(r, "expected", json_boolean(expected));
}

static void setup(void)
{
	records = json_array();
}

static void teardown(void)
{
	json_decref(records);
}

/* --- repro ------------------------------------------------------------------------------------ */

/* A kernel of which no known issue speaks, and a healthy one. */
static struct {
	json_t *hang, *no_seal, *cow, *fixed, *fixed_cow;
} told;

static void setup_story(void)
{
	setup();
	told.hang = add("phone", "stage-machine", "memfd-0x1f-H3", "0x1f", "hang", false);
	told.no_seal = add("phone", "stage-machine", "memfd-0xf-H3", "0xf", "pass", true);
	told.cow = add("phone", "cow", "0x1f", "0x1f", "fail", false);
	add_boot("phone", 1, "done", "pass");
	told.fixed = add("6.1", "stage-machine", "memfd-0x1f-H3", "0x1f", "pass", true);
	told.fixed_cow = add("6.1", "cow", "0x1f", "0x1f", "pass", true);
	add_boot("6.1", 1, "done", "pass");
}

static int status_of_story(void)
{
	struct story s = story_find(records, "phone", "6.1");

	return story_status(records, &s);
}

START_TEST(reproduced_is_0_whatever_is_known)
{
	ck_assert_int_eq(status_of_story(), 0);
	outcome(told.hang, "hang", true);
	outcome(told.cow, "fail", true);
	ck_assert_int_eq(status_of_story(), 0);
}
END_TEST

START_TEST(not_reproduced_is_1)
{
	outcome(told.no_seal, "hang", true);
	ck_assert_int_eq(status_of_story(), 1);
	outcome(told.no_seal, "pass", true);
	outcome(told.hang, "pass", true);
	ck_assert_int_eq(status_of_story(), 1);
	outcome(told.hang, "hang", true);
	outcome(told.fixed, "unsupported", true);
	ck_assert_int_eq(status_of_story(), 1);
}
END_TEST

START_TEST(what_went_wrong_beside_it_counts)
{
	outcome(told.cow, "error", false);
	ck_assert_int_eq(status_of_story(), 1);
	outcome(told.cow, "fail", false);
	outcome(told.fixed_cow, "fail", false);
	ck_assert_int_eq(status_of_story(), 1);
	outcome(told.fixed_cow, "pass", true);
	outcome(told.fixed, "pass", false);
	ck_assert_int_eq(status_of_story(), 1);
}
END_TEST

START_TEST(kernel_that_cannot_be_had_is_3)
{
	json_array_clear(records);
	add_boot("phone", 0, "infra", "error");
	add("6.1", "stage-machine", "memfd-0x1f-H3", "0x1f", "pass", true);
	add_boot("6.1", 1, "done", "pass");
	ck_assert_int_eq(status_of_story(), 3);
}
END_TEST

/* --- run --schedule --------------------------------------------------------------------------- */

static void finding(json_t *r, const char *assertion, const char *text)
{
	json_t *all = json_object_get(r, "findings");

	if (!all) {
		all = json_array();
		json_object_set_new(r, "findings", all);
	}
	json_array_append_new(all, json_pack("{s:s, s:s}", "assertion", assertion, "text", text));
}

/* Two variants of which one cannot be run as it was asked to. */
static json_t *met, *not_met;

static void setup_schedule(void)
{
	setup();
	add_boot("a", 1, "done", "pass");
	met = add("a", "stage-machine", "met", "0xf", "pass", true);
	not_met = add("a", "stage-machine", "not-met", "0xf", "error", false);
	finding(not_met, "schedule", "the schedule cannot be met: P:exit<C:exit: P is held");
}

static void expect_usage(bool wanted)
{
	struct err err = ERR_INIT;
	int ret = schedule_status(records, &err);

	ck_assert_int_eq(ret < 0, wanted);
	ck_assert_int_eq(err.kind, wanted ? ERR_USER : ERR_NONE);
	ck_assert_str_eq(err.msg,
			 wanted ? "not-met: the schedule cannot be met: P:exit<C:exit: P is held"
				: "");
}

START_TEST(unmet_schedule_alone_is_a_mistake)
{
	expect_usage(true);
	outcome(met, "hang", true);
	expect_usage(true);
	json_object_del(not_met, "findings");
	expect_usage(false);
}
END_TEST

START_TEST(unmet_schedule_hides_nothing)
{
	outcome(met, "fail", false);
	expect_usage(false);
	outcome(met, "error", false);
	expect_usage(false);
	outcome(met, "pass", true);
	json_t *boot = add_boot("b", 1, "died", "crash");

	expect_usage(false);
	outcome(boot, "pass", true);
	expect_usage(true);
	add_boot("c", 0, "infra", "error");
	expect_usage(false);
}
END_TEST

/* The harness is blind: no control of its own could be run as it must. */
START_TEST(unmet_control_is_nobodys_mistake)
{
	json_object_set_new(not_met, "control", json_string("caught-hang"));
	expect_usage(false);
}
END_TEST

START_TEST(unmet_schedule_that_nobody_believes)
{
	finding(not_met, "controls", "the harness could not see");
	expect_usage(false);
}
END_TEST

TEST_SUITE(run_status)
{
	Suite *s = suite_create("run status");
	TCase *tc = tcase_create("repro"), *schedule = tcase_create("schedule");

	tcase_add_checked_fixture(tc, setup_story, teardown);
	tcase_add_test(tc, reproduced_is_0_whatever_is_known);
	tcase_add_test(tc, not_reproduced_is_1);
	tcase_add_test(tc, what_went_wrong_beside_it_counts);
	tcase_add_test(tc, kernel_that_cannot_be_had_is_3);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(schedule, setup_schedule, teardown);
	tcase_add_test(schedule, unmet_schedule_alone_is_a_mistake);
	tcase_add_test(schedule, unmet_schedule_hides_nothing);
	tcase_add_test(schedule, unmet_control_is_nobodys_mistake);
	tcase_add_test(schedule, unmet_schedule_that_nobody_believes);
	suite_add_tcase(s, schedule);
	return s;
}
