// SPDX-License-Identifier: GPL-2.0-or-later
/* The same inputs give the same bytes, whatever else the host is doing (DESIGN rule 7). */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot_test.h"
#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "xalloc.h"

#define MAX_CPUS 64

static pid_t load[MAX_CPUS];

/* Two busy loops for every core. */
static int start_load(void)
{
	long cpus = 2 * sysconf(_SC_NPROCESSORS_ONLN);
	int n = cpus < MAX_CPUS ? cpus : MAX_CPUS;

	for (int i = 0; i < n; i++) {
		load[i] = fork();
		if (load[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				;
		}
	}
	return n;
}

static void end_load(int n)
{
	for (int i = 0; i < n; i++) {
		kill(load[i], SIGKILL);
		waitpid(load[i], NULL, 0);
	}
}

/* Records without the host's times. */
static char *comparable(const json_t *run)
{
	_cleanup_json_ json_t *records = json_deep_copy(json_object_get(run, "records"));
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		json_object_del(r, "cpu_s");
		json_object_del(r, "wall_s");
	}
	return json_dumps(records, JSON_COMPACT | JSON_SORT_KEYS);
}

static void same_file(const char *one, const char *two, const char *kernel, const char *name)
{
	_cleanup_free_ char *a = xasprintf("%s/%s/%s", one, kernel, name), *ta = NULL;
	_cleanup_free_ char *b = xasprintf("%s/%s/%s", two, kernel, name), *tb = NULL;
	struct err err = ERR_INIT;
	size_t na, nb;

	ck_assert_msg(read_file(a, 64 << 20, &ta, &na, &err) == 0, "%s", err.msg);
	ck_assert_msg(read_file(b, 64 << 20, &tb, &nb, &err) == 0, "%s", err.msg);
	ck_assert_msg(na == nb && !memcmp(ta, tb, na), "%s differs between two runs", name);
}

static void twice(const char *kernel, const char *suite)
{
	_cleanup_free_ char *one = results_dir("one"), *two = results_dir("two");
	int status1, status2;
	_cleanup_json_ json_t *run1 =
		RUN(one, &status1, kernel, "--accel", "tcg", "--suite", suite);
	int n = start_load();
	_cleanup_json_ json_t *run2 =
		RUN(two, &status2, kernel, "--accel", "tcg", "--suite", suite);

	end_load(n);
	_cleanup_free_ char *text1 = comparable(run1), *text2 = comparable(run2);

	ck_assert_int_eq(status1, 0);
	ck_assert_int_eq(status2, 0);
	ck_assert_str_eq(text1, text2);
	same_file(one, two, kernel, "channel-1.log");
	same_file(one, two, kernel, "console-1.log");
}

START_TEST(healthy_runs_are_identical)
{
	twice("6.1", "default");
}
END_TEST

START_TEST(affected_runs_are_identical)
{
	twice("cow-6.1", "default");
}
END_TEST

TEST_SUITE(determinism)
{
	Suite *s = suite_create("determinism");
	TCase *tc = tcase_create("determinism");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, healthy_runs_are_identical);
	tcase_add_test(tc, affected_runs_are_identical);
	suite_add_tcase(s, tc);
	return s;
}
