// SPDX-License-Identifier: GPL-2.0-or-later
/* Whole boots: controls, crashes, and everything that makes a boot's word worthless. */
#include <string.h>

#include "cleanup.h"
#include "fixture.h"
#include "json_util.h"
#include "judge.h"
#include "known.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

/* Boot 1 of kernel k: three controls and one variant, all well. */
enum { CLEAN, CAUGHT_ERROR, CAUGHT_HANG, VARIANT, BOOT, RECORDS };

static json_t *healthy_boot(void)
{
	static const char *const files[] = {"control-clean.json", "control-error.json",
					    "control-hang.json", "machine-healthy.json"};
	json_t *all = json_array();

	for (int i = 0; i < BOOT; i++)
		json_array_append_new(all, fixture(files[i]));
	json_array_append_new(all, json_pack("{s:s, s:s, s:i, s:s, s:s, s:i, s:i}", "type", "boot",
					     "kernel", "k", "boot", 1, "end", "done", "console",
					     "quiet", "planned", 4, "ran", 4));
	return all;
}

static const char *outcome(const json_t *records, size_t i)
{
	return jstr(json_array_get(records, i), "outcome", "none");
}

static const char *first_text(const json_t *records, size_t i)
{
	const json_t *findings = json_object_get(json_array_get(records, i), "findings");

	return jstr(json_array_get(findings, 0), "text", "");
}

static int expected(const json_t *records, size_t i)
{
	return jbool(json_array_get(records, i), "expected", -1);
}

START_TEST(healthy_boot_is_as_expected)
{
	_cleanup_json_ json_t *all = healthy_boot();
	struct tally t;

	judge_records(all, NULL);
	ck_assert_str_eq(outcome(all, CLEAN), "pass");
	ck_assert_str_eq(outcome(all, CAUGHT_ERROR), "fail");
	ck_assert_str_eq(jstr(json_array_get(all, CAUGHT_ERROR), "class", ""), "E1");
	ck_assert_str_eq(outcome(all, CAUGHT_HANG), "hang");
	ck_assert_str_eq(jstr(json_array_get(all, CAUGHT_HANG), "class", ""), "H3");
	ck_assert_str_eq(outcome(all, VARIANT), "pass");
	ck_assert_str_eq(outcome(all, BOOT), "pass");
	for (int i = 0; i < RECORDS; i++)
		ck_assert_int_eq(expected(all, i), 1);
	tally_records(all, &t);
	ck_assert_uint_eq(t.n[OUTCOME_PASS], 1);
	ck_assert_uint_eq(t.n[OUTCOME_FAIL] + t.n[OUTCOME_HANG], 0);
	ck_assert_uint_eq(t.booted, 1);
	ck_assert_int_eq(tally_status(&t), 0);
}
END_TEST

START_TEST(unsupported_is_neither_good_nor_bad)
{
	_cleanup_json_ json_t *all = healthy_boot();
	struct tally t;

	plant(all, "3/observed/unsupported", "{\"step\":\"s\",\"errno\":\"EINVAL\"}");
	judge_records(all, NULL);
	ck_assert_int_eq(expected(all, VARIANT), 1);
	tally_records(all, &t);
	ck_assert_uint_eq(t.n[OUTCOME_UNSUPPORTED], 1);
	ck_assert_uint_eq(t.expected_bad + t.unexpected + t.errors, 0);
	ck_assert_int_eq(tally_status(&t), 0);
}
END_TEST

START_TEST(attributes_get_into_the_record)
{
	_cleanup_json_ json_t *all = healthy_boot();
	json_t *cow = fixture_seals("cow", 0xf, json_pack("{s:i, s:{}}", "seals", 0xf, "probes"));

	json_array_set_new(all, VARIANT, cow);
	judge_records(all, NULL);
	ck_assert_str_eq(jstr(json_object_get(cow, "attributes"), "pfn", ""), "blind");
	ck_assert(json_is_array(json_object_get(json_array_get(all, BOOT), "findings")));
}
END_TEST

/* What makes nothing of the boot credible. */
static const struct {
	const char *path, *value, *part;
} disbelieved[] = {
	{"0/observed/stages/0/status", "1", "control-clean was fail, wanted pass"},
	{"0/observed/unsupported", "{\"step\":\"exec\",\"errno\":\"ENOENT\"}",
	 "control-clean was unsupported, wanted pass"},
	{"0/observed/error", "\"signalfd (CONFIG_SIGNALFD): Function not implemented\"",
	 "control-clean was error, wanted pass: signalfd (CONFIG_SIGNALFD): Function"},
	{"1/observed", NULL, "control-error was error, wanted fail"},
	{"2/observed/stop/deadlock", "false", "control-hang was error, wanted hang"},
	{"2/observed/stop", "{\"why\":\"deadline\",\"deadlock\":false,\"unmet\":[]}",
	 "control-hang hung without a proof"},
	{"2/observed/stop", "{\"why\":\"quiescent\",\"deadlock\":false,\"unmet\":[\"a<b\"]}",
	 "control-hang was error, wanted hang"},
	{"0/control", "\"none\"", "no control 'clean' was run"},
	{"1/control", "\"none\"", "no control 'caught-error' was run"},
	{"2/control", "\"none\"", "no control 'caught-hang' was run"},
	{"3/control", "\"frob\"", "unknown kind of control"},
	{"3/control", NULL, "unknown kind of control"},
	{"4/ran", "5", "ran 5 variants, and there are 4 records"},
	{"4/ran", NULL, "and there are 4 records"},
	{"4/end", "\"protocol\"", "broke the protocol"},
	{"4/end", "\"flood\"", "flooded"},
	{"4/end", "\"frob\"", "nobody knows how it ended"},
	{"4/end", NULL, "nobody knows how it ended"},
	{"4/boot", "2", "no record of the boot"},
	{"2/state", "\"running\"", "4 variants, and there are 3 records"},
};

/* No record of this boot, control or not, may look as if it said something. */
START_TEST(nothing_of_such_a_boot_is_believed)
{
	_cleanup_json_ json_t *all = healthy_boot();
	struct tally t;

	plant(all, disbelieved[_i].path, disbelieved[_i].value);
	judge_records(all, NULL);
	for (int i = 0; i <= VARIANT; i++) {
		const char *text = first_text(all, i);

		ck_assert_msg(
			!strcmp(outcome(all, i), "error") && strstr(text, disbelieved[_i].part),
			"%s: record %d is %s: %s", disbelieved[_i].path, i, outcome(all, i), text);
		ck_assert_int_eq(expected(all, i), 0);
		ck_assert_ptr_null(json_object_get(json_array_get(all, i), "class"));
	}
	tally_records(all, &t);
	ck_assert_uint_ge(t.errors, 1);
	ck_assert_int_eq(tally_status(&t), 1);
}
END_TEST

/* The shared globals are the point of a positive control: failing for another reason is chance. */
START_TEST(control_must_be_caught_at_sharing)
{
	_cleanup_json_ json_t *all = healthy_boot();
	json_t *fail = fixture("machine-healthy.json");

	plant(fail, "control", "\"caught-error\"");
	plant(fail, "variant", "\"control-error\"");
	plant(fail, "observed/stray", "1");
	json_array_set_new(all, CAUGHT_ERROR, fail);
	judge_records(all, NULL);
	ck_assert_str_eq(outcome(all, VARIANT), "error");
	ck_assert(strstr(first_text(all, VARIANT), "control-error shows no shared globals"));
}
END_TEST

/* Another boot, even of the same kernel, is believed or not by its own controls. */
START_TEST(boots_are_judged_apart)
{
	_cleanup_json_ json_t *all = healthy_boot(), *other = healthy_boot();
	json_t *r;
	size_t i;

	json_array_foreach (other, i, r)
		json_object_set_new(r, _i ? "boot" : "kernel",
				    _i ? json_integer(2) : json_string("l"));
	plant(other, "2/observed/stop/deadlock", "false");
	json_array_extend(all, other);
	judge_records(all, NULL);
	ck_assert_str_eq(outcome(all, VARIANT), "pass");
	ck_assert_str_eq(outcome(all, RECORDS + VARIANT), "error");
}
END_TEST

/* The boot ended within the variant. */
static const struct {
	const char *end, *console;
	const char *variant, *boot, *part;
} crashes[] = {
	{"reset", "panic", "crash", "crash", "console: BUG: x"},
	{"reset", "quiet", "crash", "crash", "reset itself: why"},
	{"died", "quiet", "crash", "crash", "the machine died"},
	{"silent", "quiet", "crash", "crash", "stuck"},
	{"broken", "quiet", "error", "error", "the agent gave up"},
	{"broken", "oops", "crash", "crash", "console: BUG: x"},
	{"interrupted", "quiet", "error", "error", "interrupted"},
	{"done", "quiet", "error", "error", ""},
	{"protocol", "panic", "error", "error", "broke the protocol"},
};

/* Boot 2 of kernel k, restored: one variant, and the controls are boot 1's. */
static json_t *restored_boots(void)
{
	json_t *all = healthy_boot(), *r = json_deep_copy(json_array_get(all, VARIANT));

	plant(json_array_get(all, BOOT), "template", "\"t\"");
	plant(json_array_get(all, BOOT), "cases_sha256", "\"c\"");
	json_object_set_new(r, "boot", json_integer(2));
	json_object_set_new(r, "variant", json_string("other"));
	json_array_append_new(all, r);
	json_array_append_new(all,
			      json_pack("{s:s, s:s, s:i, s:s, s:s, s:i, s:i, s:s, s:s, s:i}",
					"type", "boot", "kernel", "k", "boot", 2, "end", "done",
					"console", "quiet", "planned", 1, "ran", 1, "template", "t",
					"cases_sha256", "c", "controls_boot", 1));
	return all;
}

#define RESTORED      RECORDS
#define RESTORED_BOOT (RECORDS + 1)

START_TEST(controls_of_the_same_template_hold)
{
	_cleanup_json_ json_t *all = restored_boots();

	judge_records(all, NULL);
	ck_assert_str_eq(outcome(all, RESTORED), "pass");
	ck_assert_str_eq(outcome(all, RESTORED_BOOT), "pass");
}
END_TEST

/* What must make boot 2 worthless: a path in the records, and what is put there. */
static const struct {
	const char *path, *value;
} no_controls[] = {
	{"6/controls_boot", NULL},
	{"6/controls_boot", "3"},
	{"4/template", "\"u\""},
	{"4/template", NULL},
	{"6/template", NULL},
	{"4/cases_sha256", "\"d\""},
	{"6/cases_sha256", NULL},
	{"4/kernel", "\"l\""},
	{"4/end", "\"protocol\""},
	{"2/observed/stop/deadlock", "false"},
	{"2/control", "\"none\""},
	{"4/boot", "9"},
	{"4/ran", "5"},
};

START_TEST(without_controls_nothing_restored_is_believed)
{
	_cleanup_json_ json_t *all = restored_boots();

	plant(all, no_controls[_i].path, no_controls[_i].value);
	judge_records(all, NULL);
	ck_assert_str_eq(outcome(all, RESTORED), "error");
	ck_assert_str_eq(outcome(all, RESTORED_BOOT), "error");
}
END_TEST

START_TEST(ended_within_a_variant)
{
	_cleanup_json_ json_t *all = healthy_boot();
	_cleanup_free_ char *end = xasprintf("\"%s\"", crashes[_i].end);
	_cleanup_free_ char *console = xasprintf("\"%s\"", crashes[_i].console);
	struct tally t;

	plant(all, "3/state", "\"running\"");
	plant(all, "3/observed", NULL);
	plant(all, "4/ran", "3");
	plant(all, "4/end", end);
	plant(all, "4/text", "\"why\"");
	plant(all, "4/console", console);
	plant(all, "4/console_line", "\"BUG: x\"");
	judge_records(all, NULL);
	ck_assert_str_eq(outcome(all, VARIANT), crashes[_i].variant);
	ck_assert_str_eq(outcome(all, BOOT), crashes[_i].boot);
	ck_assert_msg(strstr(first_text(all, VARIANT), crashes[_i].part), "%s",
		      first_text(all, VARIANT));
	ck_assert_int_eq(expected(all, VARIANT), 0);
	tally_records(all, &t);
	/* One crash is one piece of news, though the boot has it too. */
	ck_assert_uint_eq(t.unexpected + t.errors, 1);
	ck_assert_int_eq(tally_status(&t), 1);
}
END_TEST

START_TEST(oops_behind_good_variants)
{
	_cleanup_json_ json_t *all = healthy_boot();
	struct tally t;

	plant(all, "4/console", "\"oops\"");
	plant(all, "4/console_line", "\"BUG: sleeping\"");
	judge_records(all, NULL);
	ck_assert_str_eq(outcome(all, VARIANT), "pass");
	ck_assert_str_eq(outcome(all, BOOT), "crash");
	ck_assert_int_eq(expected(all, BOOT), 0);
	ck_assert(strstr(first_text(all, BOOT), "BUG: sleeping"));
	tally_records(all, &t);
	ck_assert_uint_eq(t.unexpected, 1);
	ck_assert_int_eq(tally_status(&t), 1);
}
END_TEST

START_TEST(a_boot_needs_its_evidence_too)
{
	static const struct {
		const char *path, *value;
	} plants[] = {{"4/console", NULL}, {"4/planned", NULL}, {"4/console", "\"deaf\""}};
	_cleanup_json_ json_t *all = healthy_boot();
	struct tally t;

	plant(all, plants[_i].path, plants[_i].value);
	judge_records(all, NULL);
	ck_assert_str_eq(outcome(all, BOOT), "error");
	tally_records(all, &t);
	ck_assert_int_eq(tally_status(&t), 1);
}
END_TEST

START_TEST(not_run)
{
	_cleanup_json_ json_t *all = healthy_boot();

	plant(all, "3/state", "\"not-run\"");
	plant(all, "3/observed", NULL);
	plant(all, "4/ran", "3");
	plant(all, "4/end", "\"interrupted\"");
	judge_records(all, NULL);
	ck_assert_str_eq(outcome(all, VARIANT), "error");
	ck_assert_str_eq(first_text(all, VARIANT), "not run: interrupted");
	ck_assert_int_eq(expected(all, VARIANT), 0);
	ck_assert_str_eq(outcome(all, CAUGHT_HANG), "hang");
}
END_TEST

/* Of several rounds one was not run: that another one was is no excuse. */
START_TEST(a_round_that_was_not_run_stays)
{
	_cleanup_json_ json_t *all = healthy_boot();
	json_t *second = fixture("machine-healthy.json");

	plant(all, "3/round", "1");
	plant(second, "round", "2");
	plant(second, "state", "\"not-run\"");
	plant(second, "observed", NULL);
	json_array_append_new(all, second);
	judge_records(all, NULL);
	ck_assert_uint_eq(json_array_size(all), RECORDS + 1);
	ck_assert_str_eq(outcome(all, VARIANT), "pass");
	ck_assert_str_eq(outcome(all, RECORDS), "error");
}
END_TEST

/* Kernels that never came to boot. */
static const struct {
	const char *end;
	size_t unavailable, infra, incomplete;
	int status;
} absent[] = {{"unavailable", 1, 0, 0, 0}, {"infra", 0, 1, 0, 3}, {"interrupted", 0, 0, 1, 1}};

START_TEST(kernel_that_never_booted)
{
	_cleanup_json_ json_t *all = healthy_boot();
	struct tally t;

	json_array_append_new(all, json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "boot", "kernel",
					     "l", "boot", 0, "end", absent[_i].end, "text", "t"));
	judge_records(all, NULL);
	tally_records(all, &t);
	ck_assert_uint_eq(t.unavailable, absent[_i].unavailable);
	ck_assert_uint_eq(t.infra, absent[_i].infra);
	ck_assert_uint_eq(t.boots_incomplete, absent[_i].incomplete);
	ck_assert_uint_eq(t.errors + t.unexpected, 0);
	ck_assert_int_eq(tally_status(&t), absent[_i].status);
}
END_TEST

START_TEST(nothing_at_all_is_no_success)
{
	_cleanup_json_ json_t *all = json_pack("[{s:s, s:s, s:i, s:s}]", "type", "boot", "kernel",
					       "l", "boot", 0, "end", "unavailable");
	_cleanup_json_ json_t *none = json_array();
	struct tally t;

	judge_records(all, NULL);
	tally_records(all, &t);
	ck_assert_int_eq(tally_status(&t), 3);
	judge_records(none, NULL);
	tally_records(none, &t);
	ck_assert_int_eq(tally_status(&t), 3);
}
END_TEST

static const char issues[] = "[issue]\n"
			     "kernels = k\n"
			     "cases = stage-machine/memfd-*\n"
			     "outcomes = fail\n"
			     "strict = yes\n"
			     "text = t\n";

static struct known *known_issue(void)
{
	_cleanup_free_ char *path = xasprintf("%s/known.conf", test_dir());
	struct err err = ERR_INIT;
	struct known *known;

	ck_assert_int_eq(publish_buffer(path, issues, strlen(issues), &err), 0);
	ck_assert_msg(known_load(path, &known, &err) == 0, "%s", err.msg);
	return known;
}

START_TEST(known_failure_is_expected)
{
	_cleanup_known_ struct known *known = known_issue();
	_cleanup_json_ json_t *all = healthy_boot();
	struct tally t;

	plant(all, "3/observed/stray", "1");
	judge_records(all, known);
	ck_assert_str_eq(outcome(all, VARIANT), "fail");
	ck_assert_int_eq(expected(all, VARIANT), 1);
	ck_assert_str_eq(jstr(json_array_get(all, VARIANT), "known", ""), "issue");
	tally_records(all, &t);
	ck_assert_uint_eq(t.expected_bad, 1);
	ck_assert_int_eq(tally_status(&t), 0);
}
END_TEST

START_TEST(strict_issue_that_passes_is_news)
{
	_cleanup_known_ struct known *known = known_issue();
	_cleanup_json_ json_t *all = healthy_boot();
	struct tally t;

	judge_records(all, known);
	ck_assert_str_eq(outcome(all, VARIANT), "pass");
	ck_assert_int_eq(expected(all, VARIANT), 0);
	ck_assert_int_eq(expected(all, CLEAN), 1);
	tally_records(all, &t);
	ck_assert_uint_eq(t.unexpected, 1);
	ck_assert_int_eq(tally_status(&t), 1);
}
END_TEST

START_TEST(nobody_knows_that_nobody_could_look)
{
	_cleanup_known_ struct known *known = known_issue();
	_cleanup_json_ json_t *all = healthy_boot();

	plant(all, "2/observed/stop/deadlock", "false");
	plant(all, "3/observed/stray", "1");
	judge_records(all, known);
	ck_assert_str_eq(outcome(all, VARIANT), "error");
	ck_assert_int_eq(expected(all, VARIANT), 0);
	ck_assert_ptr_null(json_object_get(json_array_get(all, VARIANT), "known"));
}
END_TEST

/* Records that were judged before, or claim to have been, are judged anew. */
START_TEST(earlier_verdicts_are_forgotten)
{
	_cleanup_json_ json_t *all = healthy_boot(), *again;

	plant(all, "3/outcome", "\"crash\"");
	plant(all, "3/known", "\"frob\"");
	plant(all, "3/class", "\"H1\"");
	plant(all, "3/attributes", "{\"a\":1}");
	plant(all, "4/outcome", "\"crash\"");
	judge_records(all, NULL);
	ck_assert_str_eq(outcome(all, VARIANT), "pass");
	ck_assert_str_eq(outcome(all, BOOT), "pass");
	ck_assert_ptr_null(json_object_get(json_array_get(all, VARIANT), "known"));
	ck_assert_ptr_null(json_object_get(json_array_get(all, VARIANT), "class"));
	ck_assert_ptr_null(json_object_get(json_array_get(all, VARIANT), "attributes"));
	again = json_deep_copy(all);
	judge_records(again, NULL);
	ck_assert(json_equal(all, again));
}
END_TEST

START_TEST(outcomes_have_names)
{
	for (int o = 0; o < OUTCOMES; o++)
		ck_assert_int_eq(outcome_from(outcome_name(o)), o);
	ck_assert_int_eq(outcome_from("frob"), OUTCOME_ERROR);
	ck_assert_int_eq(outcome_from(NULL), OUTCOME_ERROR);
}
END_TEST

#define N(a) (int)(sizeof(a) / sizeof(*(a)))

TEST_SUITE(judge_records_suite)
{
	Suite *s = suite_create("judge records");
	TCase *tc = tcase_create("judge records");

	tcase_add_test(tc, healthy_boot_is_as_expected);
	tcase_add_test(tc, unsupported_is_neither_good_nor_bad);
	tcase_add_test(tc, attributes_get_into_the_record);
	tcase_add_loop_test(tc, nothing_of_such_a_boot_is_believed, 0, N(disbelieved));
	tcase_add_test(tc, control_must_be_caught_at_sharing);
	tcase_add_loop_test(tc, boots_are_judged_apart, 0, 2);
	tcase_add_loop_test(tc, ended_within_a_variant, 0, N(crashes));
	tcase_add_test(tc, oops_behind_good_variants);
	tcase_add_loop_test(tc, a_boot_needs_its_evidence_too, 0, 3);
	tcase_add_test(tc, not_run);
	tcase_add_test(tc, a_round_that_was_not_run_stays);
	tcase_add_loop_test(tc, kernel_that_never_booted, 0, N(absent));
	tcase_add_test(tc, nothing_at_all_is_no_success);
	tcase_add_test(tc, known_failure_is_expected);
	tcase_add_test(tc, strict_issue_that_passes_is_news);
	tcase_add_test(tc, nobody_knows_that_nobody_could_look);
	tcase_add_test(tc, earlier_verdicts_are_forgotten);
	tcase_add_test(tc, outcomes_have_names);
	tcase_add_test(tc, controls_of_the_same_template_hold);
	tcase_add_loop_test(tc, without_controls_nothing_restored_is_believed, 0,
			    sizeof(no_controls) / sizeof(*no_controls));
	suite_add_tcase(s, tc);
	return s;
}
