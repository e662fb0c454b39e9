// SPDX-License-Identifier: GPL-2.0-or-later
/* The same inputs give the same bytes, whatever else the host is doing (DESIGN rule 7). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Every boot and every restored machine has a channel and a console of its own. */
static void same_files(const char *one, const char *two, const char *kernel)
{
	static const char *const kinds[] = {"channel", "console"};

	for (size_t k = 0; k < 2; k++) {
		for (int nr = 1;; nr++) {
			_cleanup_free_ char *name = xasprintf("%s-%d.log", kinds[k], nr);
			_cleanup_free_ char *a = xasprintf("%s/%s/%s", one, kernel, name);
			_cleanup_free_ char *b = xasprintf("%s/%s/%s", two, kernel, name);

			if (access(a, F_OK) < 0) {
				ck_assert_msg(access(b, F_OK) < 0, "%s is new", name);
				ck_assert_int_gt(nr, 1);
				break;
			}
			same_file(one, two, kernel, name);
		}
	}
}

/* Outside of a soak each test is done one way, with machines that are booted (@cold) or restored.
 */
static bool is_due(int cold, int usual)
{
	return cold == usual || getenv("SM_SOAK");
}

/* How often: the few that are worth it in every check, or what `make soak` asks for. */
static int runs(void)
{
	const char *soak = getenv("SM_SOAK");
	int n = soak ? atoi(soak) : 2;

	return n < 2 ? 2 : n;
}

static json_t *one_run(const char *dir, const char *kernel, const char *suite, bool cold,
		       bool loaded)
{
	int status, n = loaded ? start_load() : 0;
	json_t *run = cold ? RUN(dir, &status, kernel, "--accel", "tcg", "--suite", suite, "--cold")
			   : RUN(dir, &status, kernel, "--accel", "tcg", "--suite", suite);

	end_load(n);
	ck_assert_int_eq(status, 0);
	return run;
}

/* Every second run with every core kept busy; the first is what all others must be like. */
static json_t *repeated(const char *kernel, const char *suite, bool cold)
{
	_cleanup_free_ char *first = results_dir("first"), *text = NULL;
	json_t *run = one_run(first, kernel, suite, cold, false);
	struct err err = ERR_INIT;

	text = comparable(run);
	for (int i = 1; i < runs(); i++) {
		_cleanup_free_ char *dir = results_dir("again");
		_cleanup_json_ json_t *again = one_run(dir, kernel, suite, cold, i % 2);
		_cleanup_free_ char *other = comparable(again);

		ck_assert_msg(!strcmp(text, other), "run %d differs\n%s\n%s", i + 1, text, other);
		same_files(first, dir, kernel);
		ck_assert_msg(remove_tree(dir, &err) == 0, "%s", err.msg);
		if (i % 20 == 0)
			fprintf(stderr, "%s, suite %s: %d runs are identical\n", kernel, suite,
				i + 1);
	}
	return run;
}

START_TEST(healthy_runs_are_identical)
{
	if (is_due(_i, false))
		json_decref(repeated("6.1", "default", _i));
}
END_TEST

START_TEST(affected_runs_are_identical)
{
	if (is_due(_i, false))
		json_decref(repeated("cow-6.1", "default", _i));
}
END_TEST

static const char *const named[] = {"H1", "H2", "H3", "H4", "H5", "E1", "E2", "E3"};

/* Each named schedule gives its class where there is the bug, every time, and completes elsewhere.
 */
static void check_named(const json_t *run, const char *kernel, const char *seals, bool affected)
{
	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++) {
		_cleanup_free_ char *name = xasprintf("stage-machine/memfd-%s-%s", seals, named[i]);
		const json_t *r = find_variant(run, kernel, name);
		const char *want = !affected ? "pass" : named[i][0] == 'H' ? "hang" : "fail";

		ck_assert_msg(!strcmp(jstr(r, "outcome", ""), want), "%s: %s", jstr(r, "id", ""),
			      jstr(r, "outcome", ""));
		ck_assert_str_eq(jstr(r, "class", ""), affected ? named[i] : "");
	}
}

START_TEST(schedules_of_an_affected_kernel)
{
	if (!is_due(_i, true))
		return;
	_cleanup_json_ json_t *run = repeated("cow-6.1", "schedules", _i);

	check_named(run, "cow-6.1", "0x1f", true);
	check_named(run, "cow-6.1", "0xf", false);
}
END_TEST

START_TEST(schedules_of_a_healthy_kernel)
{
	if (!is_due(_i, true))
		return;
	_cleanup_json_ json_t *run = repeated("6.1", "schedules", _i);

	check_named(run, "6.1", "0x1f", false);
	check_named(run, "6.1", "0xf", false);
}
END_TEST

TEST_SUITE(determinism)
{
	Suite *s = suite_create("determinism");
	TCase *tc = tcase_create("determinism");

	tcase_set_timeout(tc, 0);
	tcase_add_loop_test(tc, healthy_runs_are_identical, 0, 2);
	tcase_add_loop_test(tc, affected_runs_are_identical, 0, 2);
	tcase_add_loop_test(tc, schedules_of_an_affected_kernel, 0, 2);
	tcase_add_loop_test(tc, schedules_of_a_healthy_kernel, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
