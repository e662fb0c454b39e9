// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "err.h"
#include "test.h"

START_TEST(first_error_wins)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(err_set(&e, ERR_INFRA, ENOSPC, "write %s", "x"), -ENOSPC);
	ck_assert_int_eq(err_set(&e, ERR_USER, 0, "later"), -EINVAL);
	ck_assert_str_eq(e.msg, "write x: No space left on device");
	ck_assert_int_eq(e.kind, ERR_INFRA);
	err_context(&e, "kernel %d", 6);
	ck_assert_str_eq(e.msg, "kernel 6: write x: No space left on device");
}
END_TEST

START_TEST(who_was_asked_to_stop_says_so)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(err_set(&e, ERR_INFRA, EINTR, "wait for it"), -EINTR);
	ck_assert_str_eq(e.msg, "wait for it: interrupted");
}
END_TEST

START_TEST(long_messages_are_cut_not_overrun)
{
	struct err e = ERR_INIT;
	char big[8192];

	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	err_set(&e, ERR_INFRA, EIO, "%s", big);
	err_context(&e, "%s", big);
	ck_assert_uint_eq(strlen(e.msg), sizeof(e.msg) - 1);
}
END_TEST

TEST_SUITE(err)
{
	Suite *s = suite_create("err");
	TCase *tc = tcase_create("err");

	tcase_add_test(tc, first_error_wins);
	tcase_add_test(tc, who_was_asked_to_stop_says_so);
	tcase_add_test(tc, long_messages_are_cut_not_overrun);
	suite_add_tcase(s, tc);
	return s;
}
