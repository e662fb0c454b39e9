// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest_test.h"
#include "plan.h"

#define HEADER "{\"proto\":3,\"nonce\":\"ab\",\"deadline_ms\":10000,\"cpu\":{}}\n"
#define VARIANT                                                                                    \
	"{\"index\":7,\"case\":\"c\",\"variant\":\"v\",\"kind\":\"seal\",\"params\":{\"a\":\"b\"}" \
	"}\n"

static int read_text(const char *text, struct plan *plan, char *why, size_t len)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/plan", test_dir());
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
	return plan_read(path, plan, why, len);
}

START_TEST(good_plan)
{
	struct plan plan;
	char why[200];

	ck_assert_int_eq(read_text(HEADER VARIANT VARIANT, &plan, why, sizeof(why)), 0);
	ck_assert_str_eq(plan.nonce, "ab");
	ck_assert_uint_eq(plan.deadline_ms, 10000);
	ck_assert_uint_eq(json_array_size(plan.variants), 2);
	assert_int(json_array_get(plan.variants, 1), "index", 7);
	assert_text(json_array_get(plan.variants, 1), "params.a", "b");
	plan_free(&plan);
}
END_TEST

START_TEST(header_alone_is_a_plan)
{
	struct plan plan;
	char why[200];

	ck_assert_int_eq(read_text(HEADER, &plan, why, sizeof(why)), 0);
	ck_assert_uint_eq(json_array_size(plan.variants), 0);
	plan_free(&plan);
}
END_TEST

static const struct {
	const char *text, *why;
} bad[] = {
	{"", "empty"},
	{"\n", "line 1: "},
	{VARIANT, "line 1: protocol 0"},
	{"{\"proto\":1,\"nonce\":\"a\",\"deadline_ms\":1}\n", "line 1: protocol 1"},
	{"{\"proto\":3,\"deadline_ms\":1}\n", "line 1: header needs a nonce"},
	{"{\"proto\":3,\"nonce\":\"\",\"deadline_ms\":1}\n", "line 1: header needs a nonce"},
	{"{\"proto\":3,\"nonce\":\"a\"}\n", "line 1: header needs deadline_ms"},
	{"{\"proto\":3,\"nonce\":\"a\",\"deadline_ms\":-1}\n", "line 1: header needs deadline_ms"},
	{HEADER "{\"index\":7,\"case\":\"c\"\n", "line 2: "},
	{HEADER VARIANT "{\"index\":8}\n", "line 3: \"case\" is missing"},
	{HEADER "{\"index\":\"7\"}\n", "line 2: \"index\" is missing or of the wrong type"},
	{HEADER "[1]\n", "line 2: \"index\" is missing"},
	{HEADER "{\"index\":7", "line 2: cut off"},
	{HEADER VARIANT "{", "line 3: cut off"},
};

START_TEST(bad_plan)
{
	struct plan plan;
	char why[200] = "";

	ck_assert_int_eq(read_text(bad[_i].text, &plan, why, sizeof(why)), -1);
	ck_assert_msg(!strncmp(why, bad[_i].why, strlen(bad[_i].why)), "says \"%s\", not \"%s\"",
		      why, bad[_i].why);
	ck_assert_ptr_null(plan.variants);
}
END_TEST

START_TEST(no_plan)
{
	struct plan plan;
	char why[200] = "";

	ck_assert_int_eq(plan_read("/nonexistent/plan", &plan, why, sizeof(why)), -1);
	ck_assert_str_eq(why, "open: No such file or directory");
}
END_TEST

TEST_SUITE(plan)
{
	Suite *s = suite_create("guest plan");
	TCase *t = tcase_create("plan");

	tcase_add_test(t, good_plan);
	tcase_add_test(t, header_alone_is_a_plan);
	tcase_add_loop_test(t, bad_plan, 0, sizeof(bad) / sizeof(*bad));
	tcase_add_test(t, no_plan);
	suite_add_tcase(s, t);
	return s;
}
