// SPDX-License-Identifier: GPL-2.0-or-later
/* The same inputs give the same bytes, whatever else the host is doing (DESIGN rule 7). */
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot_test.h"
#include "cleanup.h"
#include "hash.h"
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

/*
 * Records without the host's times, and without the template's hash: QEMU keeps the host's time in
 * it too, which no machine that counts instructions looks at. Caller owns them.
 */
static json_t *comparable(const json_t *run)
{
	json_t *records = json_deep_copy(json_object_get(run, "records")), *r;
	size_t i;

	json_array_foreach (records, i, r) {
		json_object_del(r, "cpu_s");
		json_object_del(r, "wall_s");
		json_object_del(r, "template");
	}
	return records;
}

/* The first difference is shown; a whole run would be more than Check takes as a message. */
static void same_records(const json_t *one, const json_t *two, const char *dir)
{
	_cleanup_json_ json_t *as = comparable(one), *bs = comparable(two);
	json_t *a;
	size_t i;

	json_array_foreach (as, i, a) {
		const json_t *b = json_array_get(bs, i);

		if (b && json_equal(a, b))
			continue;
		_cleanup_free_ char *ta = json_dumps(a, JSON_COMPACT | JSON_SORT_KEYS);
		_cleanup_free_ char *tb = b ? json_dumps(b, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

		ck_abort_msg("record %zu of %s differs\n%.1500s\n%.1500s", i + 1, dir, ta,
			     tb ? tb : "none");
	}
	ck_assert_uint_eq(json_array_size(as), json_array_size(bs));
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

static void same_run(const char *first, const json_t *expected, const char *dir, const json_t *run,
		     const char *const kernels[])
{
	struct err err = ERR_INIT;

	same_records(expected, run, dir);
	for (size_t i = 0; kernels[i]; i++)
		same_files(first, dir, kernels[i]);
	ck_assert_msg(remove_tree(dir, &err) == 0, "%s", err.msg);
}

/* Two runs, one of them with every core kept busy. Each test is done one way, with machines that
 * are booted or restored; a soak does all. */
static json_t *booted(const char *kernel, const char *suite)
{
	const char *const kernels[] = {kernel, NULL};
	_cleanup_free_ char *first = results_dir("first"), *dir = results_dir("again");
	json_t *run = one_run(first, kernel, suite, true, false);
	_cleanup_json_ json_t *again = one_run(dir, kernel, suite, true, true);

	same_run(first, run, dir, again, kernels);
	return run;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

#define TEMPLATES 2 /* the kernel's, and the one with the cases */

/* The memory of @cache's templates, in any order; they are then forgotten. */
static void take_templates(const char *cache, char sha256[TEMPLATES][SHA256_HEX])
{
	struct err err = ERR_INIT;
	_cleanup_free_ char *all = xasprintf("%s/sealmatrix/template", cache);
	_cleanup_free_ char *pattern = xasprintf("%s/*/ram", all);
	glob_t found;

	ck_assert_int_eq(glob(pattern, 0, NULL, &found), 0);
	ck_assert_uint_eq(found.gl_pathc, TEMPLATES);
	for (size_t i = 0; i < TEMPLATES; i++)
		ck_assert_msg(hash_data(found.gl_pathv[i], sha256[i], &err) == 0, "%s", err.msg);
	qsort(sha256, TEMPLATES, SHA256_HEX, by_text);
	globfree(&found);
	ck_assert_msg(remove_tree(all, &err) == 0, "%s", err.msg);
}

/* The templates are made anew too, under load: they must be the same, and all that goes on from
 * them.
 */
static void restored(const char *kernel)
{
	const char *const kernels[] = {kernel, NULL};
	_cleanup_free_ char *first = results_dir("first"), *dir = results_dir("again");
	_cleanup_free_ char *cache = cache_without("template", kernel);
	char alone[TEMPLATES][SHA256_HEX], loaded[TEMPLATES][SHA256_HEX];

	setenv("XDG_CACHE_HOME", cache, 1);
	_cleanup_json_ json_t *run = one_run(first, kernel, "default", false, false);

	take_templates(cache, alone);
	_cleanup_json_ json_t *again = one_run(dir, kernel, "default", false, true);

	take_templates(cache, loaded);
	for (int i = 0; i < TEMPLATES; i++)
		ck_assert_str_eq(alone[i], loaded[i]);
	same_run(first, run, dir, again, kernels);
}

START_TEST(healthy_runs_are_identical)
{
	restored("6.1");
}
END_TEST

START_TEST(affected_runs_are_identical)
{
	restored("cow-6.1");
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

static void check_all_named(const json_t *run, const char *kernel, bool affected)
{
	check_named(run, kernel, "0x1f", affected);
	check_named(run, kernel, "0xf", false);
}

START_TEST(schedules_of_an_affected_kernel)
{
	_cleanup_json_ json_t *run = booted("cow-6.1", "schedules");

	check_all_named(run, "cow-6.1", true);
}
END_TEST

START_TEST(schedules_of_a_healthy_kernel)
{
	_cleanup_json_ json_t *run = booted("6.1", "schedules");

	check_all_named(run, "6.1", false);
}
END_TEST

/* In batches of one more than there are cores, which keeps each of them busy, @args once more until
 * there are @runs of them, the first included; each is as that one. */
static void batches(const char *const args[], int runs, const char *first, const json_t *expected,
		    const char *const kernels[], const char *what)
{
	int batch = (int)sysconf(_SC_NPROCESSORS_ONLN) + 1, status;
	pid_t pid[MAX_CPUS];
	char *dir[MAX_CPUS];

	batch = batch < MAX_CPUS ? batch : MAX_CPUS;
	for (int done = 1, n; done < runs; done += n) {
		for (n = 0; n < batch && done + n < runs; n++) {
			_cleanup_free_ char *name = xasprintf("run %d", done + n + 1);

			dir[n] = results_dir(name);
			pid[n] = driver_run_start(dir[n], args);
		}
		for (int i = 0; i < n; i++) {
			_cleanup_json_ json_t *again = driver_run_end(dir[i], pid[i], &status);

			ck_assert_int_eq(status, 0);
			same_run(first, expected, dir[i], again, kernels);
			free(dir[i]);
		}
		if (what && done / 20 != (done + n) / 20)
			fprintf(stderr, "%s: %d runs are identical\n", what, done + n);
	}
}

/*
 * While several machines of as many drivers are restored, QEMU's main loop and its vCPU meet in any
 * order. With rcupdate.rcu_expedited=1 a difference of microseconds shows in 6.1.
 */
START_TEST(runs_side_by_side_are_identical)
{
	static const char *const args[] = {"cow-6.1",	 "--accel", "tcg", "--only",
					   "memfd-0x1*", "-j",	    "1",   NULL};
	static const char *const kernels[] = {"cow-6.1", NULL};
	_cleanup_free_ char *first = results_dir("first");
	int status;
	_cleanup_json_ json_t *run = driver_run(first, &status, args);

	ck_assert_int_eq(status, 0);
	batches(args, 10, first, run, kernels, NULL);
}
END_TEST

#define SOAK "6.1", "cow-6.1", "--accel", "tcg", "--suite", "soak", "-j", "1"

/* The default suite and all schedules, one machine at a time: restored, cold. */
static const char *const soak_args[2][10] = {{SOAK}, {SOAK, "--cold"}};
static const char *const soaked[] = {"6.1", "cow-6.1", NULL};

/* `make soak`: as many runs as it asks for. The first is alone. */
START_TEST(soaked_runs_are_identical)
{
	const char *soak = getenv("SM_SOAK");
	int runs = soak ? atoi(soak) : 0, status;
	_cleanup_free_ char *first = results_dir("first");

	if (!soak)
		return;
	ck_assert_int_gt(runs, 1);
	_cleanup_json_ json_t *run = driver_run(first, &status, soak_args[_i]);

	ck_assert_int_eq(status, 0);
	check_all_named(run, "6.1", false);
	check_all_named(run, "cow-6.1", true);
	batches(soak_args[_i], runs, first, run, soaked, _i ? "cold" : "restored");
}
END_TEST

TEST_SUITE(determinism)
{
	Suite *s = suite_create("determinism");
	TCase *tc = tcase_create("determinism");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, healthy_runs_are_identical);
	tcase_add_test(tc, affected_runs_are_identical);
	tcase_add_test(tc, runs_side_by_side_are_identical);
	tcase_add_test(tc, schedules_of_an_affected_kernel);
	tcase_add_test(tc, schedules_of_a_healthy_kernel);
	suite_add_tcase(s, tc);
	tc = tcase_create("soak");
	tcase_set_timeout(tc, 0);
	tcase_add_loop_test(tc, soaked_runs_are_identical, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
