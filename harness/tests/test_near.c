// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cleanup.h"
#include "near.h"
#include "test.h"

static const struct {
	const char *word, *candidates, *near;
} samples[] = {
	{"defualt", "default exhaustive schedules smoke repro", "default"},
	{"schedule", "default exhaustive schedules smoke repro", "schedules"},
	{"zzz", "default exhaustive schedules smoke repro", NULL},
	{"6.13", "5.10 6.1 6.12 6.16 newest", "6.1, 6.12 or 6.16"}, /* as near, then by name */
	{"cow", "cow-6.1 plain-6.1", "cow-6.1"},
	{"6.1-genric", "6.1-generic 6.12-generic", "6.1-generic or 6.12-generic"},
	{"a", "b c d e f g", "b, c or d"}, /* no more than three */
	{"anything", "", NULL},
	{"", "default", NULL},
};

START_TEST(the_nearest_few)
{
	_cleanup_strv_ struct strv candidates = {0};

	strv_split(&candidates, samples[_i].candidates, " ");
	_cleanup_free_ char *near = near_matches(samples[_i].word, &candidates);

	if (samples[_i].near)
		ck_assert_pstr_eq(near, samples[_i].near);
	else
		ck_assert_ptr_null(near);
}
END_TEST

TEST_SUITE(near)
{
	Suite *s = suite_create("near");
	TCase *tc = tcase_create("near");

	tcase_add_loop_test(tc, the_nearest_few, 0, sizeof(samples) / sizeof(*samples));
	suite_add_tcase(s, tc);
	return s;
}
