// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An exploration on the affected kernel, and each class of it again by its witness. The counts are
 * those of the independent model (cases/tests/model.c), which cases/tests/test_explore.c compares
 * with; a healthy kernel takes minutes, see `make soak`.
 */
#include <stdlib.h>
#include <string.h>

#include "boot_test.h"
#include "cleanup.h"
#include "json_util.h"
#include "xalloc.h"

#define KERNEL	"cow-6.1"
#define VARIANT "stage-machine/memfd-0x1f-userns"

static const json_t *explored(const json_t *run, const char *kernel, const char *variant)
{
	const json_t *r = find_variant(run, kernel, variant);

	ck_assert_str_eq(jstr(r, "kind", ""), "explore");
	ck_assert_msg(jbool(json_object_get(r, "observed"), "whole", 0) == 1, "%s: %s",
		      jstr(r, "id", ""), jstr(json_object_get(r, "observed"), "stopped", "?"));
	return r;
}

static void again(const json_t *c)
{
	_cleanup_free_ char *dir = results_dir(jstr(c, "class", "?"));
	int status;
	_cleanup_json_ json_t *run = RUN(dir, &status, KERNEL, "--accel", "tcg", "--only", VARIANT,
					 "--schedule", jstr(c, "witness", "?"));
	const json_t *r = find_variant(run, KERNEL, VARIANT);

	ck_assert_int_eq(status, 0);
	ck_assert_msg(!strcmp(jstr(r, "class", ""), jstr(c, "class", "?")), "%s: %s, not %s",
		      jstr(c, "witness", "?"), jstr(r, "class", "none"), jstr(c, "class", "?"));
}

START_TEST(affected_kernel_and_witnesses)
{
	_cleanup_free_ char *dir = results_dir("affected");
	int status;
	_cleanup_json_ json_t *run = RUN(dir, &status, KERNEL, "--accel", "tcg", "--schedules",
					 "all", "--only", VARIANT);
	const json_t *r = explored(run, KERNEL, VARIANT), *facts = json_object_get(r, "observed");
	json_t *c;
	size_t i;

	ck_assert_int_eq(status, 0);
	ck_assert_str_eq(jstr(r, "outcome", ""), "hang");
	ck_assert_int_eq(jint(facts, "executions", 0), 38);
	ck_assert_int_eq(jint(facts, "foreign", 0), 38);
	ck_assert_int_eq((int)json_array_size(json_object_get(facts, "outcomes")), 11);
	ck_assert_ptr_nonnull(strstr(jstr(r, "repeat", ""), "--only " VARIANT " --schedules all"));
	json_array_foreach (json_object_get(r, "classes"), i, c)
		again(c);
	ck_assert_int_eq((int)i, 5); /* H1, H3, E1, E2, E3: no H2 after an exchange */
}
END_TEST

static void assert_complete(const json_t *run, const char *kernel, const char *variant)
{
	const json_t *r = explored(run, kernel, variant), *facts = json_object_get(r, "observed");
	const json_t *classes = json_object_get(r, "classes");

	ck_assert_str_eq(jstr(r, "outcome", ""), "pass");
	ck_assert_int_eq((int)json_array_size(classes), 1);
	ck_assert_str_eq(jstr(json_array_get(classes, 0), "class", ""), "complete");
	ck_assert_int_gt(jint(facts, "executions", 0), 1000);
	ck_assert_int_eq(jint(facts, "foreign", -1), 0);
}

START_TEST(healthy_kernel_completes_in_every_order)
{
	_cleanup_free_ char *dir = results_dir("healthy");
	int status;

	if (!getenv("SM_SOAK"))
		return;
	_cleanup_json_ json_t *run =
		RUN(dir, &status, "6.1", "--accel", "tcg", "--schedules", "all");

	ck_assert_int_eq(status, 0);
	assert_complete(run, "6.1", "stage-machine/memfd-0x1f");
	assert_complete(run, "6.1", "stage-machine/memfd-0x1f-userns");
}
END_TEST

TEST_SUITE(explore)
{
	Suite *s = suite_create("explore");
	TCase *tc = tcase_create("explore");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, affected_kernel_and_witnesses);
	tcase_add_test(tc, healthy_kernel_completes_in_every_order);
	suite_add_tcase(s, tc);
	return s;
}
