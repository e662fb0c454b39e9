// SPDX-License-Identifier: GPL-2.0-or-later
/* The watchdog looks at this very process, which spends CPU time when it is asked to. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "test.h"
#include "watchdog.h"

static const struct vm_limits limits = {
	.silent_cpu_s = 0.1,
	.idle_wall_s = 0.5,
	.idle_cpu_s = 0.05,
	.unheard = 4,
	.poll_ms = 100,
};

/* Twice the limit of the process's own CPU time, however long that takes. */
static void spend(void)
{
	clock_t until = clock() + 2 * limits.silent_cpu_s * CLOCKS_PER_SEC;

	while (clock() < until)
		;
}

static void pause_s(double s)
{
	struct timespec ts = {.tv_sec = s, .tv_nsec = (s - (time_t)s) * 1e9};

	nanosleep(&ts, NULL);
}

static void looks_well(struct watchdog *w, bool progress)
{
	_cleanup_free_ char *why = watchdog_look(w, progress, false);

	ck_assert_pstr_eq(why, NULL);
}

static void complains(struct watchdog *w, const char *what)
{
	_cleanup_free_ char *why = watchdog_look(w, false, false);

	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, what) != NULL, "%s", why);
}

START_TEST(cpu_time_counts_from_the_last_byte)
{
	struct watchdog w;

	watchdog_start(&w, &limits, getpid());
	for (int i = 0; i < 3; i++) {
		looks_well(&w, false);
		spend();
		looks_well(&w, true);
	}
	looks_well(&w, false);
	spend();
	complains(&w, "CPU time");
}
END_TEST

START_TEST(idle_time_counts_from_the_last_byte)
{
	struct watchdog w;

	watchdog_start(&w, &limits, getpid());
	looks_well(&w, false);
	for (int i = 0; i < 4; i++) {
		pause_s(0.1);
		looks_well(&w, false);
		looks_well(&w, true);
		looks_well(&w, false);
	}
	for (int i = 0; i < 7; i++) {
		_cleanup_free_ char *why = NULL;

		pause_s(0.1);
		why = watchdog_look(&w, false, false);
		if (why) {
			ck_assert_ptr_nonnull(strstr(why, "no CPU time"));
			return;
		}
	}
	ck_abort_msg("silence was not noticed");
}
END_TEST

/* A stuck kernel may complain for ever. */
START_TEST(console_alone_is_progress_for_a_while)
{
	_cleanup_free_ char *why = NULL;
	struct watchdog w;

	watchdog_start(&w, &limits, getpid());
	for (int i = 0; i < 2; i++) {
		ck_assert_pstr_eq(watchdog_look(&w, false, true), NULL);
		spend();
	}
	ck_assert_pstr_eq(watchdog_look(&w, true, true), NULL);
	for (int i = 0; i < 4 && !why; i++) {
		why = watchdog_look(&w, false, true);
		spend();
	}
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, "no byte on the channel in") != NULL, "%s", why);
}
END_TEST

/* Stopped with Ctrl-Z, frozen with its container: the time in which nobody looked does not count.
 */
START_TEST(time_without_a_look_does_not_count)
{
	struct watchdog w;

	watchdog_start(&w, &limits, getpid());
	looks_well(&w, false);
	pause_s(2 * limits.idle_wall_s);
	looks_well(&w, false);
}
END_TEST

START_TEST(time_in_all)
{
	struct vm_limits lim = limits;
	struct watchdog w;

	lim.wall_s = 0.2;
	watchdog_start(&w, &lim, getpid());
	looks_well(&w, true);
	pause_s(0.3);
	complains(&w, "not through");
}
END_TEST

TEST_SUITE(watchdog)
{
	Suite *s = suite_create("watchdog");
	TCase *tc = tcase_create("watchdog");

	tcase_set_timeout(tc, 120); /* only against a hang */
	tcase_add_test(tc, cpu_time_counts_from_the_last_byte);
	tcase_add_test(tc, idle_time_counts_from_the_last_byte);
	tcase_add_test(tc, console_alone_is_progress_for_a_while);
	tcase_add_test(tc, time_without_a_look_does_not_count);
	tcase_add_test(tc, time_in_all);
	suite_add_tcase(s, tc);
	return s;
}
