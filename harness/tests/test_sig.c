// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>

#include "sig.h"
#include "test.h"

static const int stops[] = {SIGINT, SIGTERM, SIGHUP};

START_TEST(asks_to_stop)
{
	signal(stops[_i], SIG_DFL);
	sig_init();
	raise(stops[_i]);
	ck_assert_int_eq(sig_stop(), stops[_i]);
}
END_TEST

/* As under nohup; but for SIGTERM, with which workers are ended. */
START_TEST(what_is_ignored_stays_so)
{
	signal(stops[_i], SIG_IGN);
	sig_init();
	raise(stops[_i]);
	ck_assert_int_eq(sig_stop(), stops[_i] == SIGTERM ? SIGTERM : 0);
}
END_TEST

TEST_SUITE(sig)
{
	Suite *s = suite_create("sig");
	TCase *tc = tcase_create("sig");

	tcase_add_loop_test(tc, asks_to_stop, 0, sizeof(stops) / sizeof(*stops));
	tcase_add_loop_test(tc, what_is_ignored_stays_so, 0, sizeof(stops) / sizeof(*stops));
	suite_add_tcase(s, tc);
	return s;
}
