// SPDX-License-Identifier: GPL-2.0-or-later
/* Guests that crash, lie, flood or cannot see: each is recognised, named, and never believed. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot_test.h"
#include "cleanup.h"
#include "json_util.h"
#include "xalloc.h"

#define KERNEL "6.1"

static json_t *run_with_agent(const char *name, const char *script, int *status)
{
	_cleanup_free_ char *dir = results_dir(name), *guest = guest_with("agent", script);

	setenv("SEALMATRIX_GUEST", guest, 1);
	return RUN(dir, status, KERNEL, "--suite", "smoke");
}

static void all_outcomes_are(const json_t *run, const char *outcome)
{
	json_t *r;
	size_t i, n = 0;

	json_array_foreach (json_object_get(run, "records"), i, r) {
		if (strcmp(jstr(r, "type", ""), "variant"))
			continue;
		ck_assert_msg(!strcmp(jstr(r, "outcome", ""), outcome), "%s: %s", jstr(r, "id", ""),
			      jstr(r, "outcome", ""));
		n++;
	}
	ck_assert_uint_gt(n, 0);
}

START_TEST(panic_is_a_crash_with_the_reason)
{
	int status;
	_cleanup_json_ json_t *run =
		run_with_agent("panic", "#!/bin/sh\necho c > /proc/sysrq-trigger\n", &status);
	const json_t *boot = find_boot(run, KERNEL, 1);

	ck_assert_int_eq(status, 1);
	ck_assert_str_eq(jstr(boot, "outcome", ""), "crash");
	ck_assert_str_ne(jstr(boot, "console", ""), "quiet");
	ck_assert_ptr_nonnull(strstr(jstr(boot, "console_line", ""), "sysrq"));
}
END_TEST

START_TEST(agent_that_says_nothing_is_an_error)
{
	int status;
	_cleanup_json_ json_t *run = run_with_agent("mute", "#!/bin/sh\nexit 0\n", &status);

	ck_assert_int_eq(status, 1);
	ck_assert_str_ne(jstr(find_boot(run, KERNEL, 1), "end", ""), "done");
	all_outcomes_are(run, "error");
}
END_TEST

START_TEST(forged_records_are_not_believed)
{
	int status;
	_cleanup_json_ json_t *run =
		run_with_agent("forged",
			       "#!/bin/sh\nprintf '1 26 00000000 "
			       "{\"type\":\"hello\",\"proto\":3}\\n' > /dev/ttyS1\nexit 0\n",
			       &status);

	ck_assert_int_eq(status, 1);
	ck_assert_str_eq(jstr(find_boot(run, KERNEL, 1), "end", ""), "protocol");
	all_outcomes_are(run, "error");
}
END_TEST

START_TEST(flood_is_stopped)
{
	int status;
	_cleanup_json_ json_t *run = run_with_agent(
		"flood", "#!/bin/sh\nwhile :; do echo xxxxxxxxxxxxxxxx; done > /dev/ttyS1\n",
		&status);
	const char *end = jstr(find_boot(run, KERNEL, 1), "end", "");

	ck_assert_int_eq(status, 1);
	ck_assert_msg(!strcmp(end, "protocol") || !strcmp(end, "flood"), "%s", end);
	all_outcomes_are(run, "error");
}
END_TEST

/* The controls exist for this: an agent with one of its detectors put out. */
static const char *const blind[] = {"proof", "memory"};

START_TEST(blind_detector_is_an_error)
{
	_cleanup_free_ char *build = xstrndup(driver(), strrchr(driver(), '/') - driver());
	_cleanup_free_ char *agent = xasprintf("%s/tests/agent-blind-%s", build, blind[_i]);
	int status;

	ck_assert_int_eq(access(agent, X_OK), 0);
	_cleanup_json_ json_t *run = run_with_agent(blind[_i], agent, &status);

	ck_assert_int_eq(status, 1);
	all_outcomes_are(run, "error");
}
END_TEST

TEST_SUITE(broken_guest)
{
	Suite *s = suite_create("broken guest");
	TCase *tc = tcase_create("broken guest");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, panic_is_a_crash_with_the_reason);
	tcase_add_test(tc, agent_that_says_nothing_is_an_error);
	tcase_add_test(tc, forged_records_are_not_believed);
	tcase_add_test(tc, flood_is_stopped);
	tcase_add_loop_test(tc, blind_detector_is_an_error, 0, sizeof(blind) / sizeof(*blind));
	suite_add_tcase(s, tc);
	return s;
}
