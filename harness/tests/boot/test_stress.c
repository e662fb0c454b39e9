// SPDX-License-Identifier: GPL-2.0-or-later
/* Several vCPUs in real time: which class comes is chance, that it is counted is not. */
#include <string.h>

#include "boot_test.h"
#include "cleanup.h"
#include "json_util.h"
#include "xalloc.h"

START_TEST(classes_are_counted)
{
	_cleanup_free_ char *dir = results_dir("stress");
	int status;
	_cleanup_json_ json_t *run = RUN(dir, &status, "cow-6.1", "--only", "memfd-0x1f", "--vcpus",
					 "2", "--repeat", "4", "--accel", "tcg");
	const json_t *boot = find_boot(run, "cow-6.1", 1);
	const json_t *counts = json_object_get(json_object_get(run, "frequencies"),
					       "cow-6.1/stage-machine/memfd-0x1f");
	json_int_t sum = 0;
	const char *class;
	json_t *n;

	json_object_foreach ((json_t *)counts, class, n) {
		/* Which class comes is chance, but no order of things is a success. */
		ck_assert_str_ne(class, "pass");
		ck_assert_str_ne(class, "error");
		sum += json_integer_value(n);
	}
	ck_assert_int_eq(sum, 4);
	ck_assert_int_eq(status, 0);
	ck_assert_str_eq(jstr(boot, "time", ""), "real");
	ck_assert_int_eq(jint(boot, "vcpus", 0), 2);
	ck_assert_int_eq(jint(json_object_get(boot, "hello"), "cpus", 0), 2);
}
END_TEST

TEST_SUITE(stress)
{
	Suite *s = suite_create("stress");
	TCase *tc = tcase_create("stress");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, classes_are_counted);
	suite_add_tcase(s, tc);
	return s;
}
