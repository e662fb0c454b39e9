// SPDX-License-Identifier: GPL-2.0-or-later
#include "schedule_check.h"

#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "cleanup.h"
#include "json_util.h"
#include "schedule.h"
#include "test.h"
#include "xalloc.h"

static const struct {
	const char *text, *ns, *list; /* NULL: as it is */
} good[] = {
	{"free", "plain", NULL},
	{"H2", "plain", NULL},
	{"H4", "plain", NULL},
	{"H5", "plain", NULL},
	{"H3", "user", NULL},
	{"E3", "user+time", NULL},
	{"I:store-g0<C:load-syncfd", "plain", NULL},
	{" I:store-g0 < C:load-syncfd#1 , P:exit<C:exit", "plain",
	 "I:store-g0<C:load-syncfd,P:exit<C:exit"},
	{"C:unshare-user<P:store-c1", "user", NULL},
	{"C:load-syncfd#6<I:store-g0", "user", NULL},
	{"P:load-syncfd#8<I:exit", "time", NULL},
	{"C:load-stage#9<P:kill-c", "plain", NULL},
	/* What P serves when is not certain, so this is no circle. */
	{"P:load-syncfd#5<C:exit,C:exit<P:store-g1", "plain", NULL},
	{"P:store-g1<C:exit,C:exit<P:read-next#2", "plain", NULL},
};

START_TEST(accepted)
{
	_cleanup_free_ char *list = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(!schedule_check(good[_i].text, good[_i].ns, "none", &list, &err), "%s: %s",
		      good[_i].text, err.msg);
	ck_assert_str_eq(list, good[_i].list ? good[_i].list : good[_i].text);
}
END_TEST

static const struct {
	const char *text, *ns, *said;
} wrong[] = {
	{"", "plain", "nothing is given"},
	{"H9", "plain", "did you mean H1"},
	{"H2", "user", "cannot happen with namespaces user"},
	{"H5", "time", "cannot happen with namespaces time"},
	{"H3", "user+time", "cannot happen"},
	{"free,", "plain", "constraint 'free': one '<' is needed"},
	{"P:exit<C:exit,", "plain", "constraint ''"},
	{"P:exit", "plain", "constraint 'P:exit': one '<' is needed"},
	{"P:exit<C:exit<I:exit", "plain", "one '<'"},
	{"exit<C:exit", "plain", "'exit' is no STAGE:POINT"},
	{"P:exit<", "plain", "'' is no STAGE:POINT"},
	{"Q:exit<C:exit", "plain", "no stage 'Q'"},
	{"I:store-g0<C:load-syncdf", "plain", "did you mean load-syncfd"},
	{"P:store-g0<C:exit", "plain", "stage P never passes store-g0, did you mean store-g1"},
	{"C:unshare-user<P:exit", "plain", "only with a new user namespace"},
	{"P:write-timeoffsets-ack<I:exit", "user", "only with time offsets"},
	{"C:join<P:exit", "plain", "only with a namespace to join"},
	{"P:entry#2<C:exit", "plain", "passes entry 1 time here, never 2"},
	{"C:load-syncfd#5<P:exit", "plain", "passes load-syncfd 4 times here, never 5"},
	{"P:exit#0<C:exit", "plain", "'#0'"},
	{"P:exit#1001<C:exit", "plain", "'#1001'"},
	{"P:exit#x<C:exit", "plain", "'#x'"},
	{"P:load-stage#-1<C:exit", "plain", "'#-1'"},
	/* Circles, each with the constraint that closes it. */
	{"P:exit<P:entry", "plain", "constraint 'P:exit<P:entry': the protocol itself"},
	{"C:exit<C:exit", "plain", "the protocol itself"},
	{"I:entry<C:close-c1", "plain", "the protocol itself"},
	{"C:entry<P:store-stage", "plain", "the protocol itself"},
	{"I:exit<P:clone-c", "plain", "the protocol itself"},
	{"C:load-syncfd#2<C:load-syncfd", "plain", "the protocol itself"},
	{"C:entry<P:clone-c", "plain", "the protocol itself"},
	{"P:write-json<P:read-pid", "plain", "the protocol itself"},
	{"P:exit<C:exit,C:exit<P:exit", "plain",
	 "constraint 'C:exit<P:exit': it closes a circle with 'P:exit<C:exit'"},
	{"E:x", "plain", "constraint 'E:x'"},
	{"P:store-c1<C:store-c0,I:exit<P:exit,C:load-syncfd<P:store-c1", "plain",
	 "'C:load-syncfd<P:store-c1': it closes a circle with 'P:store-c1<C:store-c0' and"},
	{"P:close-c0<I:entry,I:entry<C:exit,C:exit<P:clone-c", "plain",
	 "'C:exit<P:clone-c': the protocol itself"},
	{"I:exit<C:write-pid,P:store-g1<I:store-g0,C:write-finish<P:clone-c", "plain",
	 "the protocol itself"},
};

START_TEST(refused)
{
	_cleanup_free_ char *list = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_lt(schedule_check(wrong[_i].text, wrong[_i].ns, "none", &list, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_ptr_null(list);
	ck_assert_msg(strstr(err.msg, wrong[_i].said) != NULL, "'%s': %s", wrong[_i].text, err.msg);
	ck_assert_ptr_null(strchr(err.msg, '\n'));
}
END_TEST

START_TEST(longest_list)
{
	char *text = xstrdup("I:exit<P:exit"), *list = NULL;
	struct err err = ERR_INIT;

	for (int i = 1; i <= SM_CONSTRAINTS; i++) {
		char *more;

		ck_assert_int_eq(schedule_check(text, "plain", "none", &list, &err), 0);
		free(list);
		more = xasprintf("%s,C:exit<P:exit", text);
		free(text);
		text = more;
	}
	ck_assert_int_lt(schedule_check(text, "plain", "none", &list, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "more than 128"));
	free(text);
}
END_TEST

/* Every named schedule is a list that a user could have given as well. */
START_TEST(named_are_no_circles)
{
	static const struct {
		const char *name, *list[3];
	} named[] = {
#define NAMED(name, plain, one, two) {name, {plain, one, two}},
		NSEXEC_SCHEDULES(NAMED)
#undef NAMED
	};
	static const char *const ns[] = {"plain", "user", "user+time"};

	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++) {
		for (size_t k = 0; k < 3; k++) {
			_cleanup_free_ char *list = NULL;
			struct err err = ERR_INIT;

			if (!named[i].list[k])
				continue;
			ck_assert_msg(!schedule_check(named[i].list[k], ns[k], "none", &list, &err),
				      "%s: %s", named[i].name, err.msg);
			ck_assert_str_eq(list, named[i].list[k]);
		}
	}
}
END_TEST

static struct variant machine(const char *kind, enum control control, const char *schedule)
{
	return (struct variant){
		.case_name = xstrdup("stage-machine"),
		.name = xstrdup("v"),
		.kind = xstrdup(kind),
		.control = control,
		.params = json_pack("{s:s, s:s}", "ns", "plain", "schedule", schedule)};
}

START_TEST(only_chosen_machines_get_it)
{
	_cleanup_variants_ struct variants vs = {.v = xcalloc(3, sizeof(*vs.v)), .n = 3};
	struct err err = ERR_INIT;

	vs.v[0] = machine("machine", CONTROL_CAUGHT_HANG, "H3");
	vs.v[1] = machine("seal", CONTROL_NONE, "free");
	vs.v[2] = machine("machine", CONTROL_NONE, "free");
	ck_assert_int_eq(cases_schedule(&vs, "P:exit < C:exit", &err), 0);
	ck_assert_str_eq(jstr(vs.v[0].params, "schedule", ""), "H3");
	ck_assert_str_eq(jstr(vs.v[1].params, "schedule", ""), "free");
	ck_assert_ptr_null(vs.v[1].asked);
	ck_assert_str_eq(jstr(vs.v[2].params, "schedule", ""), "P:exit<C:exit");
	ck_assert_str_eq(vs.v[2].asked, "--schedule 'P:exit<C:exit'");
	/* Now it has one of its own. */
	ck_assert_int_lt(cases_schedule(&vs, "E1", &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "schedule of its own"));
}
END_TEST

START_TEST(explored_machines_change_their_kind)
{
	_cleanup_variants_ struct variants vs = {.v = xcalloc(2, sizeof(*vs.v)), .n = 2};
	struct err err = ERR_INIT;

	vs.v[0] = machine("machine", CONTROL_CLEAN, "free");
	vs.v[1] = machine("machine", CONTROL_NONE, "free");
	ck_assert_int_eq(cases_explore(&vs, &err), 0);
	ck_assert_str_eq(vs.v[0].kind, "machine");
	ck_assert_str_eq(vs.v[1].kind, "explore");
	ck_assert_str_eq(vs.v[1].asked, "--schedules all");
}
END_TEST

START_TEST(no_machine_to_schedule)
{
	_cleanup_variants_ struct variants vs = {.v = xcalloc(1, sizeof(*vs.v)), .n = 1};
	struct err err = ERR_INIT;

	vs.v[0] = machine("cow", CONTROL_NONE, "free");
	ck_assert_int_lt(cases_schedule(&vs, "E1", &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
}
END_TEST

TEST_SUITE(schedule)
{
	Suite *s = suite_create("schedule");
	TCase *tc = tcase_create("schedule");

	tcase_add_loop_test(tc, accepted, 0, sizeof(good) / sizeof(*good));
	tcase_add_loop_test(tc, refused, 0, sizeof(wrong) / sizeof(*wrong));
	tcase_add_test(tc, longest_list);
	tcase_add_test(tc, named_are_no_circles);
	tcase_add_test(tc, only_chosen_machines_get_it);
	tcase_add_test(tc, explored_machines_change_their_kind);
	tcase_add_test(tc, no_machine_to_schedule);
	suite_add_tcase(s, tc);
	return s;
}
