// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fixture.h"
#include "json_util.h"
#include "judge.h"
#include "postmortem.h"
#include "table.h"
#include "test.h"
#include "xalloc.h"

static json_t *stages(const char *p, const char *c, const char *i)
{
	return json_pack("[o, o, o]", json_loads(p, 0, NULL), json_loads(c, 0, NULL),
			 json_loads(i, 0, NULL));
}

#define WELL(s)	 "{\"stage\":\"" s "\",\"end\":\"exited\",\"status\":0}"
#define BADLY(s) "{\"stage\":\"" s "\",\"end\":\"exited\",\"status\":1}"
#define READS(s) "{\"stage\":\"" s "\",\"end\":\"blocked\",\"reads\":\"g0\"}"

static json_t *outcome(json_t *ends, const char *failures, const char *why, int deadlock, int count)
{
	return json_pack("{s:o, s:o, s:{s:s, s:b}, s:i, s:s}", "stages", ends, "failures",
			 json_loads(failures, 0, NULL), "stop", "why", why, "deadlock", deadlock,
			 "count", count, "witness", "P:exit<C:exit");
}

static json_t *complete(int count)
{
	return outcome(stages(WELL("P"), WELL("C"), WELL("I")), "[]", "complete", 0, count);
}

static json_t *record(json_t *outcomes, int executions)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:{s:s}, s:{s:[], s:s, s:i, s:i, s:i, s:b, s:i, s:o}}",
		"type", "variant", "kind", "explore", "id", "k/stage-machine/v", "control", "none",
		"state", "ran", "params", "image", "file", "observed", "setup", "exe",
		"/bin/nsexec-static", "executions", executions, "longest", 59, "foreign", 0,
		"whole", 1, "redundant", 3, "outcomes", outcomes);
}

static json_t *healthy(void)
{
	return record(json_pack("[o]", complete(100)), 100);
}

static void set(json_t *r, const char *key, json_t *value)
{
	json_object_set_new(json_object_get(r, "observed"), key, value);
}

static void assert_verdict(const json_t *r, enum outcome want, const char *said)
{
	_cleanup_verdict_ struct verdict v;
	_cleanup_free_ char *all = NULL;

	judge_variant(r, &v);
	all = json_dumps(v.findings, JSON_COMPACT);
	ck_assert_msg(v.outcome == want, "%s: %s", outcome_name(v.outcome), all);
	ck_assert_msg(strstr(all, said) != NULL, "nothing of '%s' in %s", said, all);
}

START_TEST(one_outcome_complete_is_a_pass)
{
	_cleanup_json_ json_t *r = healthy();

	assert_verdict(r, OUTCOME_PASS, "[]");
}
END_TEST

START_TEST(truncated_is_no_pass)
{
	_cleanup_json_ json_t *r = healthy();

	set(r, "whole", json_false());
	set(r, "stopped", json_string("the deadline passed"));
	assert_verdict(r, OUTCOME_ERROR, "not whole, 100 executions were made: the deadline");
	json_object_del(json_object_get(r, "observed"), "whole");
	assert_verdict(r, OUTCOME_ERROR, "not whole");
}
END_TEST

START_TEST(foreign_load_is_a_failure)
{
	_cleanup_json_ json_t *r = healthy();

	set(r, "foreign", json_integer(1));
	assert_verdict(r, OUTCOME_FAIL, "in 1 of 100 executions a stage loaded");
}
END_TEST

START_TEST(missing_evidence_is_no_pass)
{
	_cleanup_json_ json_t *r = healthy();

	json_object_del(json_object_get(r, "observed"), "foreign");
	assert_verdict(r, OUTCOME_ERROR, "is not known");
	set(r, "foreign", json_integer(0));
	set(r, "executions", json_integer(101));
	assert_verdict(r, OUTCOME_ERROR, "101 executions were made, and the outcomes speak of 100");
	set(r, "executions", json_integer(0));
	assert_verdict(r, OUTCOME_ERROR, "0 executions");
	set(r, "outcomes", json_array());
	assert_verdict(r, OUTCOME_ERROR, "0 executions");
}
END_TEST

/* Each with one of 100 executions that came to something else. */
static const struct {
	const char *p, *c, *i, *failures, *class;
	bool hangs;
} others[] = {
	{READS("P"), BADLY("C"), BADLY("I"), "[]", "H1", true},
	{BADLY("P"), READS("C"), READS("I"), "[]", "H2", true},
	{READS("P"), READS("C"), READS("I"), "[]", "H3", true},
	{READS("P"), WELL("C"), READS("I"), "[]", "H4", true},
	{READS("P"), READS("C"), BADLY("I"), "[]", "H5", true},
	{WELL("P"), WELL("C"), READS("I"), "[]", "hang of I", true},
	{BADLY("P"), BADLY("C"), BADLY("I"),
	 "[{\"stage\":\"P\",\"op\":\"read-pid\",\"problem\":\"ebadf\",\"errno\":\"EBADF\"}]", "E1",
	 false},
	{BADLY("P"), BADLY("C"), BADLY("I"),
	 "[{\"stage\":\"C\",\"op\":\"write-pid\",\"problem\":\"ebadf\",\"errno\":\"EBADF\"}]", "E2",
	 false},
	{BADLY("P"), BADLY("C"), BADLY("I"),
	 "[{\"stage\":\"C\",\"op\":\"write-pid\",\"problem\":\"epipe\"}]", "E3", false},
	{BADLY("P"), "{\"stage\":\"C\",\"end\":\"signaled\",\"signal\":13}", BADLY("I"), "[]", "E3",
	 false},
	{BADLY("P"), WELL("C"), WELL("I"), "[]", "other error", false},
	/* All ended well, but for something that failed on the way. */
	{WELL("P"), WELL("C"), WELL("I"),
	 "[{\"stage\":\"I\",\"op\":\"close-g0\",\"problem\":\"ebadf\",\"errno\":\"EBADF\"}]",
	 "other error", false},
};

START_TEST(another_outcome_is_told_by_its_class)
{
	_cleanup_json_ json_t *r = healthy();
	_cleanup_verdict_ struct verdict v;
	const json_t *c;

	set(r, "outcomes",
	    json_pack("[o, o]", complete(99),
		      outcome(stages(others[_i].p, others[_i].c, others[_i].i), others[_i].failures,
			      others[_i].hangs ? "quiescent" : "ended", others[_i].hangs, 1)));
	judge_variant(r, &v);
	ck_assert_int_eq(v.outcome, others[_i].hangs ? OUTCOME_HANG : OUTCOME_FAIL);
	ck_assert_int_eq((int)json_array_size(v.classes), 2);
	c = json_array_get(v.classes, 1);
	ck_assert_str_eq(jstr(c, "class", ""), others[_i].class);
	ck_assert_int_eq(jint(c, "executions", 0), 1);
	ck_assert_str_eq(jstr(c, "witness", ""), "P:exit<C:exit");
	ck_assert_int_eq(jint(json_array_get(v.classes, 0), "executions", 0), 99);
}
END_TEST

/* All 40 outcomes of a real exploration of cow-6.1, as many as the model has: none is unknown. */
START_TEST(every_outcome_of_an_affected_kernel_has_a_class)
{
	static const struct {
		const char *class;
		int outcomes, executions;
	} want[] = {{"H1", 4, 155}, {"H2", 1, 14}, {"H3", 3, 61},   {"H4", 1, 12},
		    {"H5", 1, 6},   {"E1", 1, 62}, {"E2", 18, 273}, {"E3", 11, 186}};
	_cleanup_json_ json_t *r = fixture("explore-cow.json");
	_cleanup_verdict_ struct verdict v;
	json_t *c;
	size_t i, k;

	judge_variant(r, &v);
	ck_assert_uint_eq(json_array_size(v.classes), sizeof(want) / sizeof(*want));
	json_array_foreach (v.classes, i, c) {
		const char *name = jstr(c, "class", "?");

		for (k = 0; strcmp(want[k].class, name); k++)
			ck_assert_msg(k + 1 < sizeof(want) / sizeof(*want), "%s", name);
		ck_assert_int_eq(jint(c, "outcomes", 0), want[k].outcomes);
		ck_assert_int_eq(jint(c, "executions", 0), want[k].executions);
		ck_assert_msg(postmortem_class(name), "no words for %s", name);
		if (*name == 'H')
			ck_assert_int_eq(jint(c, "proved", 0), want[k].outcomes);
	}
}
END_TEST

/* A hang without a proof is not called a deadlock. */
/* A kernel's fault is told from a deadlock of the protocol, and does not wait for a class of it. */
START_TEST(lost_wakeups_are_classes_of_their_own)
{
	static const char *const keys[] = {"lost_wakeup", "lost_eof"};
	static const char *const classes[] = {"lost-wakeup", "lost-eof"};
	json_t *odd = outcome(stages(READS("P"), WELL("C"), WELL("I")), "[]", "quiescent", 0, 7);

	json_object_set_new(json_object_get(odd, "stop"), keys[_i],
			    json_pack("{s:s, s:s}", "stage", "P", "end", "c1"));
	_cleanup_json_ json_t *r = record(json_pack("[o, o]", complete(93), odd), 100);
	_cleanup_free_ char *said =
		xasprintf("%s in 7 of 100 executions: left for ever: P (the kernel's fault, "
			  "proved each time)",
			  classes[_i]);

	assert_verdict(r, OUTCOME_HANG, said);
}
END_TEST

START_TEST(unproved_is_said)
{
	_cleanup_json_ json_t *r = healthy();

	set(r, "outcomes",
	    json_pack("[o, o]", complete(99),
		      outcome(stages(READS("P"), READS("C"), READS("I")), "[]", "deadline", 0, 1)));
	assert_verdict(r, OUTCOME_HANG, "not each time with a proof");
}
END_TEST

START_TEST(table_shows_classes_and_witnesses)
{
	_cleanup_json_ json_t *records = json_pack("[o]", healthy());
	json_t *r = json_array_get(records, 0);
	struct table_opts opts = {.width = 100};
	_cleanup_verdict_ struct verdict v;
	struct tally t = {0};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	judge_variant(r, &v);
	json_object_set(r, "classes", v.classes);
	table_print(out, records, &t, &opts);
	fclose(out);
	ck_assert_msg(strstr(text, "all interleavings: 100 executions of up to 59 operations, 1 "
				   "distinct outcome\n") != NULL,
		      "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "complete        100 executions, 1 outcome\n"));
	ck_assert_ptr_nonnull(strstr(text, "--schedule 'P:exit<C:exit'"));
	free(text);
}
END_TEST

TEST_SUITE(explorations)
{
	Suite *s = suite_create("explorations");
	TCase *tc = tcase_create("judge_explore");

	tcase_add_test(tc, one_outcome_complete_is_a_pass);
	tcase_add_test(tc, truncated_is_no_pass);
	tcase_add_test(tc, foreign_load_is_a_failure);
	tcase_add_test(tc, missing_evidence_is_no_pass);
	tcase_add_loop_test(tc, another_outcome_is_told_by_its_class, 0,
			    sizeof(others) / sizeof(*others));
	tcase_add_test(tc, every_outcome_of_an_affected_kernel_has_a_class);
	tcase_add_loop_test(tc, lost_wakeups_are_classes_of_their_own, 0, 2);
	tcase_add_test(tc, unproved_is_said);
	tcase_add_test(tc, table_shows_classes_and_witnesses);
	suite_add_tcase(s, tc);
	return s;
}
