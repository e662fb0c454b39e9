// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The explorer on this host's own kernel with the injected fault, against the model: the same
 * executions, the same outcomes, each as often; and each outcome again, by its witness.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "guest_test.h"
#include "model.h"

#define WHOLE_MS 600000

static json_t *run(case_fn *fn, unsigned deadline_ms, const char *fault, const char *ns,
		   const char *schedule)
{
	const struct case_env env = {.bin_dir = test_guest_dir(), .deadline_ms = deadline_ms};
	json_t *params = json_pack("{s:s, s:s, s:s, s:s}", "image", "file", "fault", fault, "ns",
				   ns, "schedule", schedule);
	json_t *facts = json_object();

	fn(&env, params, facts);
	json_decref(params);
	ck_assert_msg(!json_object_get(facts, "error"), "%s",
		      json_string_value(json_object_get(facts, "error")));
	return facts;
}

static const char *str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static int num(const json_t *o, const char *key)
{
	return (int)json_integer_value(json_object_get(o, key));
}

/* How the stages ended, in the model's words. */
static size_t print_ends(const json_t *stages, char *text, size_t size)
{
	json_t *s;
	size_t i, n = 0;

	json_array_foreach (stages, i, s) {
		const char *end = str(s, "end");
		char how[40];

		if (!strcmp(end, "exited"))
			snprintf(how, sizeof(how), "exited %d", num(s, "status"));
		else if (!strcmp(end, "signaled"))
			snprintf(how, sizeof(how), "signaled %d%s%s", num(s, "signal"),
				 *str(s, "killed_by") ? " by " : "", str(s, "killed_by"));
		else if (!strcmp(end, "blocked"))
			snprintf(how, sizeof(how), "reads %s",
				 *str(s, "reads") ? str(s, "reads")
						  : str(json_object_get(s, "blocked"), "end"));
		else
			snprintf(how, sizeof(how), "%s", end);
		n += (size_t)snprintf(text + n, size - n, "%s%s %s", i ? ", " : "", str(s, "stage"),
				      how);
	}
	return n;
}

static void print_outcome(const json_t *outcome, char *text, size_t size)
{
	size_t i, n = print_ends(json_object_get(outcome, "stages"), text, size);
	json_t *f;

	json_array_foreach (json_object_get(outcome, "failures"), i, f)
		n += (size_t)snprintf(text + n, size - n, "; %s %s %s%s%s", str(f, "stage"),
				      str(f, "op"), str(f, "problem"), *str(f, "errno") ? " " : "",
				      str(f, "errno"));
}

static void assert_in_model(const struct model_result *model, const json_t *outcome)
{
	char text[256];

	print_outcome(outcome, text, sizeof(text));
	for (int i = 0; i < model->n; i++) {
		if (strcmp(model->outcome[i].text, text))
			continue;
		ck_assert_msg(num(outcome, "count") == model->outcome[i].traces,
			      "%s: %d times, in the model %ld", text, num(outcome, "count"),
			      model->outcome[i].traces);
		return;
	}
	ck_abort_msg("not in the model: %s", text);
}

static const char *const namespaces[] = {"plain", "user"};

START_TEST(agrees_with_the_model)
{
	static struct model_result model;
	const json_t *outcomes;
	json_t *facts, *o;
	size_t i;

	if (test_no_machine())
		return;
	facts = run(case_explore, WHOLE_MS, "shared-globals", namespaces[_i], "free");
	model_run(true, _i, &model);
	outcomes = json_object_get(facts, "outcomes");
	ck_assert(json_is_true(json_object_get(facts, "whole")));
	ck_assert_int_eq(num(facts, "executions"), model.traces);
	/* There is no order in which it works, and none in which nobody notices. */
	ck_assert_int_eq(num(facts, "foreign"), model.traces);
	ck_assert_int_eq((int)json_array_size(outcomes), model.n);
	json_array_foreach (outcomes, i, o)
		assert_in_model(&model, o);
	json_decref(facts);
}
END_TEST

/* What an exploration of a healthy kernel must come to; it takes minutes, and `make soak` does it.
 */
START_TEST(model_of_a_healthy_kernel_completes)
{
	static struct model_result model;

	model_run(false, _i, &model);
	ck_assert_int_eq(model.n, 1);
	ck_assert_str_eq(model.outcome[0].text, "P exited 0, C exited 0, I exited 0");
	ck_assert_int_gt(model.traces, 1000);
}
END_TEST

START_TEST(healthy_kernel_completes_in_every_order)
{
	static struct model_result model;
	json_t *facts;

	if (!getenv("SM_SOAK") || test_no_machine())
		return;
	facts = run(case_explore, WHOLE_MS, "none", namespaces[_i], "free");
	model_run(false, _i, &model);
	ck_assert(json_is_true(json_object_get(facts, "whole")));
	ck_assert_int_eq(num(facts, "executions"), model.traces);
	ck_assert_int_eq(num(facts, "foreign"), 0);
	ck_assert_int_eq((int)json_array_size(json_object_get(facts, "outcomes")), 1);
	assert_in_model(&model, json_array_get(json_object_get(facts, "outcomes"), 0));
	json_decref(facts);
}
END_TEST

/* A kernel that does something else than the account says: here, close() of what is g1 fails. */
static void fail_to_close(unsigned fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, fd, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(*code), .filter = code};

	test_filter(&prog);
}

START_TEST(wrong_account_is_an_error)
{
	const struct case_env env = {.bin_dir = test_guest_dir(), .deadline_ms = WHOLE_MS};
	json_t *params, *facts = json_object();

	if (test_no_machine())
		return;
	params = json_pack("{s:s}", "image", "file");
	fail_to_close(8);
	case_explore(&env, params, facts);
	ck_assert_msg(strstr(str(facts, "error"), "otherwise than the account says") != NULL, "%s",
		      str(facts, "error"));
	ck_assert(json_is_false(json_object_get(facts, "whole")));
	json_decref(params);
	json_decref(facts);
}
END_TEST

/* One that is cut short says so, and what it has seen until then is right. */
START_TEST(bound_is_said)
{
	json_t *facts, *first;
	char text[256];

	if (test_no_machine())
		return;
	facts = run(case_explore, 500, "none", "plain", "free");
	first = json_array_get(json_object_get(facts, "outcomes"), 0);
	ck_assert(json_is_false(json_object_get(facts, "whole")));
	ck_assert_str_eq(str(facts, "stopped"), "the deadline passed");
	ck_assert_int_ge(num(facts, "executions"), 1);
	ck_assert_int_eq((int)json_array_size(json_object_get(facts, "outcomes")), 1);
	print_outcome(first, text, sizeof(text));
	ck_assert_str_eq(text, "P exited 0, C exited 0, I exited 0");
	json_decref(facts);
}
END_TEST

static void assert_witness(const json_t *outcome, const char *ns)
{
	char want[256], got[256];
	json_t *facts = run(case_machine, 10000, "shared-globals", ns, str(outcome, "witness"));

	print_ends(json_object_get(outcome, "stages"), want, sizeof(want));
	print_ends(json_object_get(facts, "stages"), got, sizeof(got));
	ck_assert_msg(!strcmp(want, got), "%s: %s, not %s", str(outcome, "witness"), got, want);
	ck_assert_int_eq(
		(int)json_array_size(json_object_get(json_object_get(facts, "stop"), "unmet")), 0);
	json_decref(facts);
}

START_TEST(witness_gives_the_outcome_again)
{
	json_t *facts, *o;
	size_t i;

	if (test_no_machine())
		return;
	facts = run(case_explore, WHOLE_MS, "shared-globals", namespaces[_i], "free");
	json_array_foreach (json_object_get(facts, "outcomes"), i, o)
		for (int again = 0; again < 3; again++)
			assert_witness(o, namespaces[_i]);
	ck_assert_int_gt((int)i, 5);
	json_decref(facts);
}
END_TEST

TEST_SUITE(explore)
{
	Suite *s = suite_create("explore");
	TCase *tc = tcase_create("explore");

	tcase_set_timeout(tc, getenv("SM_SOAK") ? 3600 : 300);
	tcase_add_loop_test(tc, agrees_with_the_model, 0, 2);
	tcase_add_loop_test(tc, model_of_a_healthy_kernel_completes, 0, 2);
	tcase_add_loop_test(tc, healthy_kernel_completes_in_every_order, 0, 2);
	tcase_add_test(tc, wrong_account_is_an_error);
	tcase_add_test(tc, bound_is_said);
	tcase_add_loop_test(tc, witness_gives_the_outcome_again, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
