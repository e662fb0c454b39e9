// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive.h"
#include "bench.h"
#include "bench_host.h"
#include "bench_memory.h"
#include "bench_virtme.h"
#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "test.h"
#include "watchdog.h"
#include "xalloc.h"

START_TEST(median_and_its_span)
{
	double odd[] = {3, 1, 2}, even[] = {4, 1, 3, 2};
	struct bench_spread s = bench_spread(odd, 3);

	ck_assert_double_eq(s.median, 2);
	ck_assert_double_eq(s.least, 1);
	ck_assert_double_eq(s.most, 3);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_double_eq(bench_spread(even, 4).median, 3);
	ck_assert_double_eq(bench_spread(even, 1).median, 1);
	ck_assert_uint_eq(bench_spread(even, 0).n, 0);
}
END_TEST

/* Each call is one more turn, and takes a second of CPU time more than the last. */
static int count_turns(void *arg, struct bench_sample *s, struct err *err)
{
	unsigned *turns = arg;

	(void)err;
	*s = (struct bench_sample){.cpu_s = ++*turns, .machines = 1};
	return 0;
}

static double second_to_first(const struct bench_row *rows, unsigned round, const void *arg)
{
	(void)arg;
	return rows[1].v[round].times ? rows[1].v[round].cpu_s / rows[0].v[round].cpu_s
				      : BENCH_NONE;
}

START_TEST(rows_take_turns)
{
	unsigned turns[2] = {0};
	struct bench_row rows[] = {
		{.name = "each", .measure = count_turns, .arg = &turns[0]},
		{.name = "every other", .every = 2, .measure = count_turns, .arg = &turns[1]},
	};
	struct bench_rounds rounds = {.wanted = 5, .since = watchdog_now(), .budget_s = 1000};
	struct err err = ERR_INIT;

	ck_assert_int_eq(bench_measure(rows, 2, &rounds, test_dir(), &err), 0);
	ck_assert_uint_eq(rounds.done, 5);
	ck_assert_uint_eq(turns[0], 5);
	ck_assert_uint_eq(turns[1], 3);
	/* 1/1, 2/3, 3/5; where the second had no turn there is no ratio. */
	struct bench_spread s = bench_over(rows, &rounds, second_to_first, NULL);

	ck_assert_uint_eq(s.n, 3);
	ck_assert_double_eq_tol(s.median, 2.0 / 3, 1e-9);
	ck_assert_double_eq_tol(s.least, 3.0 / 5, 1e-9);
	free(rows[0].v);
	free(rows[1].v);
}
END_TEST

/*
 * A host that gets slower and slower: each call takes the next step's time, as often as the row's
 * work is that of the bare one. The order of the calls is kept.
 */
static struct {
	double speed;
	const double *speeds;
	char order[64];
} drift;

struct work {
	char letter;
	double share;
};

static int drifting(void *arg, struct bench_sample *s, struct err *err)
{
	const struct work *w = arg;

	(void)err;
	drift.order[strlen(drift.order)] = w->letter;
	drift.speed += 1;
	*s = (struct bench_sample){.cpu_s = w->share * drift.speed, .machines = 1};
	return 0;
}

static double beside(const struct bench_row *rows, unsigned round, const void *arg)
{
	const struct bench_sample *s = &rows[*(const int *)arg].v[round];

	return s->times ? s->cpu_s / s->beside_s : BENCH_NONE;
}

/* Of three passes the host is much slower in one, in that of the row or in that beside it; or it
 * gets slower and slower. */
static const double speeds[][7] = {
	{1, 1, 1, 5, 1, 1, 1}, {1, 1, 5, 1, 1, 1, 1}, {5, 1, 1, 1, 1, 1, 1}, {1, 2, 3, 4, 5, 6, 7}};

static int jumping(void *arg, struct bench_sample *s, struct err *err)
{
	const struct work *w = arg;
	size_t n = strlen(drift.order);

	(void)err;
	drift.order[n] = w->letter;
	*s = (struct bench_sample){.cpu_s = w->share * drift.speeds[n], .machines = 1};
	return 0;
}

START_TEST(pass_that_was_hit_does_not_count)
{
	static struct work bare = {'b', 1}, cold = {'c', 1.25};
	struct bench_row rows[] = {
		{.name = "bare", .measure = jumping, .arg = &bare},
		{.name = "cold",
		 .measure = jumping,
		 .arg = &cold,
		 .against = &rows[0],
		 .passes = 3},
	};
	struct bench_rounds rounds = {.wanted = 1, .since = watchdog_now(), .budget_s = 1000};
	struct err err = ERR_INIT;
	int row = 1;

	memset(drift.order, 0, sizeof(drift.order));
	drift.speeds = speeds[_i];
	ck_assert_int_eq(bench_measure(rows, 2, &rounds, test_dir(), &err), 0);
	ck_assert_str_eq(drift.order, "bcbcbcb");
	struct bench_spread s = bench_over(rows, &rounds, beside, &row);

	ck_assert_uint_eq(s.n, 1);
	ck_assert_double_eq_tol(s.median, 1.25, 1e-9);
	free(rows[0].v);
	free(rows[1].v);
}
END_TEST

START_TEST(what_is_compared_is_measured_side_by_side)
{
	static struct work bare = {'b', 1}, cold = {'c', 1.25}, far = {'x', 9}, warm = {'w', 0.5};
	struct bench_row rows[] = {
		{.name = "bare", .measure = drifting, .arg = &bare},
		{.name = "cold", .measure = drifting, .arg = &cold, .against = &rows[0]},
		{.name = "no ratio", .measure = drifting, .arg = &far},
		{0},
		{.name = "warm",
		 .every = 2,
		 .measure = drifting,
		 .arg = &warm,
		 .against = &rows[0]},
	};
	struct bench_rounds rounds = {.wanted = 2, .since = watchdog_now(), .budget_s = 1000};
	struct err err = ERR_INIT;

	drift.speed = 0;
	memset(drift.order, 0, sizeof(drift.order));
	ck_assert_int_eq(bench_measure(rows, 5, &rounds, test_dir(), &err), 0);
	ck_assert_str_eq(drift.order, "bcbxbwb"
				      "bcbx");
	/* The neighbours' mean is what the bare one would have taken just then. */
	for (int i = 1; i < 5; i += 3) {
		struct bench_spread s = bench_over(rows, &rounds, beside, &i);

		ck_assert_uint_eq(s.n, i == 1 ? 2 : 1);
		ck_assert_double_eq_tol(s.least, i == 1 ? 1.25 : 0.5, 1e-9);
		ck_assert_double_eq_tol(s.most, i == 1 ? 1.25 : 0.5, 1e-9);
	}
	/* Its own figure is the mean of 1, 3, 5 and 7. */
	ck_assert_uint_eq(rows[0].v[0].times, 4);
	ck_assert_double_eq_tol(rows[0].v[0].cpu_s, 4, 1e-9);
	for (int i = 0; i < 5; i++)
		free(rows[i].v);
}
END_TEST

static double as_given(const struct bench_row *rows, unsigned round, const void *arg)
{
	(void)rows;
	return ((const double *)arg)[round];
}

/* A difference that is negative is one; what cannot be said is counted. */
START_TEST(nothing_is_dropped_for_its_sign)
{
	static const double given[] = {-0.25, BENCH_NOISE, 0, BENCH_NONE, 0.5};
	struct bench_rounds rounds = {.done = 5};
	struct bench_spread s = bench_over(NULL, &rounds, as_given, given);

	ck_assert_uint_eq(s.n, 3);
	ck_assert_uint_eq(s.noise, 1);
	ck_assert_double_eq(s.least, -0.25);
	ck_assert_double_eq(s.median, 0);
	ck_assert_double_eq(s.most, 0.5);
}
END_TEST

/* Time that was up before anything began: one round all the same, and no second. */
START_TEST(time_that_is_up_ends_it)
{
	unsigned turns = 0;
	struct bench_row row = {.name = "one", .measure = count_turns, .arg = &turns};
	struct bench_rounds rounds = {.wanted = 5, .since = watchdog_now() - 10, .budget_s = 5};
	struct err err = ERR_INIT;

	ck_assert_int_eq(bench_measure(&row, 1, &rounds, test_dir(), &err), 0);
	ck_assert_uint_eq(rounds.done, 1);
	ck_assert_uint_eq(turns, 1);
	free(row.v);
}
END_TEST

static int no_luck(void *arg, struct bench_sample *s, struct err *err)
{
	(void)arg;
	(void)s;
	return err_set(err, ERR_INFRA, 0, "out of luck");
}

START_TEST(what_failed_is_named)
{
	struct bench_row row = {.name = "the third thing", .measure = no_luck};
	struct bench_rounds rounds = {.wanted = 2, .since = watchdog_now(), .budget_s = 5};
	struct err err = ERR_INIT;

	ck_assert_int_lt(bench_measure(&row, 1, &rounds, test_dir(), &err), 0);
	ck_assert_msg(strstr(err.msg, "the third thing") && strstr(err.msg, "out of luck"), "%s",
		      err.msg);
	free(row.v);
}
END_TEST

static char *put(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", test_dir(), name);
	struct err err = ERR_INIT;

	ck_assert_msg(publish_buffer(path, text, strlen(text), &err) == 0, "%s", err.msg);
	return path;
}

static const struct {
	const char *text, *said;
} bad[] = {
	{"", "not what `bench --json` prints"},
	{"{\"ratios\":", "not what `bench --json` prints"},
	{"[1]", "it has no ratios"},
	{"{\"ratios\":[]}", "it has no ratios"},
};

START_TEST(other_files_are_refused)
{
	_cleanup_free_ char *path = put("old.json", bad[_i].text);
	struct err err = ERR_INIT;
	json_t *old = NULL;

	ck_assert_int_lt(bench_load(path, &old, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, bad[_i].said) != NULL, "%s", err.msg);
	ck_assert_ptr_null(old);
}
END_TEST

START_TEST(missing_file_is_named)
{
	struct err err = ERR_INIT;
	json_t *old = NULL;

	ck_assert_int_lt(bench_load("/nonexistent/old.json", &old, &err), 0);
	ck_assert_msg(strstr(err.msg, "/nonexistent/old.json") != NULL, "%s", err.msg);
}
END_TEST

/* --- what else the host did ------------------------------------------------------------------- */

START_TEST(what_others_had)
{
	_cleanup_free_ char *a = put("stat-a", "cpu  1000 0 0 1000 0 0 0 0 0 0\ncpu0 1 1\n");
	_cleanup_free_ char *b = put("stat-b", "cpu  1400 50 50 1300 100 0 0 100 0 0\n");
	struct bench_host from = bench_host_now(a), to = bench_host_now(b);
	double others, stolen, hz = sysconf(_SC_CLK_TCK);

	/* 1000 ticks, 500 of them busy; 300 were ours. */
	from.ours_s = 0;
	to.ours_s = 300 / hz;
	ck_assert(bench_host_others(&from, &to, &others, &stolen));
	ck_assert_double_eq_tol(others, 0.2, 1e-9);
	ck_assert_double_eq_tol(stolen, 0.1, 1e-9);
	to.ours_s = 501 / hz;
	ck_assert(bench_host_others(&from, &to, &others, &stolen));
	ck_assert_double_eq(others, 0);
}
END_TEST

START_TEST(nothing_is_known_without_the_file)
{
	_cleanup_free_ char *odd = put("odd", "no such words\n");
	struct bench_host none = bench_host_now("/nonexistent/stat"), wrong = bench_host_now(odd);
	struct bench_host now = bench_host_now("/proc/stat");
	double others, stolen;

	ck_assert(!bench_host_others(&none, &now, &others, &stolen));
	ck_assert(!bench_host_others(&wrong, &now, &others, &stolen));
	ck_assert(!bench_host_others(&now, &now, &others, &stolen));
}
END_TEST

/* --- memory ----------------------------------------------------------------------------------- */

#define MIB (1L << 20)

/* A grandchild called @name: 24 MiB of its own, 16 MiB of a file that it only reads. */
static pid_t start_hog(const char *name, int ready)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		int fd = memfd_create("file", 0);
		char *own = mmap(NULL, 24 * MIB, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (ftruncate(fd, 16 * MIB) < 0)
			_exit(1);
		volatile char *file =
			mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

		memset(own, 1, 24 * MIB);
		for (long i = 0; i < 16 * MIB; i += 4096)
			(void)file[i];
		file[0] = 1;
		(void)!write(ready, "", 1);
	}
	for (;;)
		pause();
}

static struct bench_memory look_at_hog(const char *name)
{
	struct bench_memory peak = {0};
	int ready[2];
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	pid_t pid = start_hog(name, ready[1]);

	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	bench_memory_look(pid, &peak);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	return peak;
}

START_TEST(own_and_shared_memory_are_told_apart)
{
	struct bench_memory m = look_at_hog("qemu-system-x86");

	ck_assert_int_ge(m.private_kib, 24 << 10);
	ck_assert_int_lt(m.private_kib, 32 << 10);
	ck_assert_int_ge(m.shared_kib, (16 << 10) - 4);
}
END_TEST

START_TEST(other_programs_are_no_machines)
{
	struct bench_memory m = look_at_hog("some-program");

	ck_assert_int_eq(m.private_kib, 0);
	ck_assert_int_eq(m.shared_kib, 0);
}
END_TEST

/* --- virtme-ng -------------------------------------------------------------------------------- */

/* A `vng` of ours, that does @does, found first. */
static void put_vng(const char *does)
{
	_cleanup_free_ char *text = xasprintf("#!/bin/sh\n%s\n", does);
	_cleanup_free_ char *vng = put("vng", text);
	_cleanup_free_ char *path = xasprintf("%s:%s", test_dir(), getenv("PATH"));

	ck_assert_int_eq(chmod(vng, 0755), 0);
	setenv("PATH", path, 1);
}

static const struct {
	const char *does, *why; /* NULL: it was measured */
} vngs[] = {
	{"echo '{\"type\":\"bye\"}'", NULL},
	{"[ \"$1 $2 $3 $4 $5\" = '--run IMAGE --disable-kvm --cpus 1' ] && echo '\"bye\"'", NULL},
	{"for last; do :; done; [ \"$last\" = 'the command' ] && echo '\"bye\"'", NULL},
	{"exit 0", "did not get to the end"},
	{"echo no 9p >&2; exit 3", "no 9p"},
};

START_TEST(virtme_is_measured_or_says_why)
{
	struct bench_virtme v = {.image = xstrdup("IMAGE"), .command = xstrdup("the command")};
	struct bench_sample s = {0};
	struct err err = ERR_INIT;

	put_vng(vngs[_i].does);
	ck_assert_int_eq(bench_virtme_measure(&v, &s, &err), 0);
	ck_assert_int_eq(s.machines, !vngs[_i].why);
	if (vngs[_i].why)
		ck_assert_msg(strstr(v.why, vngs[_i].why) != NULL, "%s", v.why);
	else
		ck_assert_ptr_null(v.why);
	bench_virtme_close(&v);
}
END_TEST

/* vng runs depmod above the image: what it finds there are links, in a folder that is ours. */
START_TEST(virtme_gets_the_modules_as_links)
{
	static const char at[] = "root/lib/modules/6.1.0-9-amd64/kernel/x.ko";
	_cleanup_free_ char *image = xasprintf("%s/root/boot/vmlinuz", test_dir());
	_cleanup_free_ char *module = xasprintf("%s/%s", test_dir(), at);
	struct bench_virtme v;
	struct stat st;

	put_vng("exit 1");
	test_bzimage("root/boot/vmlinuz", "6.1.0-9-amd64");
	test_file(at, "module", 6);
	bench_virtme_open(&v, image, "memfd-0x1f");
	ck_assert_msg(!v.why, "%s", v.why);
	_cleanup_free_ char *dir = xstrdup(v.dir);
	_cleanup_free_ char *link = xasprintf("%s%s", dir, at + strlen("root"));
	_cleanup_free_ char *real = realpath(link, NULL), *real_image = realpath(v.image, NULL);

	ck_assert_str_eq(real, module);
	ck_assert_str_eq(real_image, image);
	ck_assert_int_eq(strncmp(v.image, dir, strlen(dir)), 0);
	bench_virtme_close(&v);
	ck_assert_int_lt(lstat(dir, &st), 0);
	ck_assert_int_eq(stat(module, &st), 0);
}
END_TEST

START_TEST(virtme_is_not_there)
{
	struct bench_virtme v;

	setenv("PATH", test_dir(), 1);
	bench_virtme_open(&v, "6.1", "memfd-0x1f");
	ck_assert_str_eq(v.why, "not installed");
	bench_virtme_close(&v);
}
END_TEST

/* What one of them lacks, or has as something else than a number, is no change. */
START_TEST(ratios_stand_side_by_side)
{
	_cleanup_free_ char *path = put("old.json", "{\"ratios\":{\"a\":{\"value\":2.0},"
						    "\"gone\":{\"value\":1.0},\"c\":7}}");
	_cleanup_json_ json_t *old = NULL,
			      *new = json_loads("{\"ratios\":{\"a\":{\"value\":1.5},"
						"\"b\":{\"value\":1.0},\"c\":{\"value\":3}}}",
						0, NULL);
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t len;

	ck_assert_int_eq(bench_load(path, &old, &err), 0);
	FILE *f = open_memstream(&text, &len);

	bench_compare(f, old, new);
	fclose(f);
	_cleanup_free_ char *out = text;
	const char *a = strstr(out, "\na "), *b = strstr(out, "\nb "), *c = strstr(out, "\nc ");

	ck_assert_msg(a && b && c, "%s", out);
	ck_assert_msg(strstr(a, "2.00     1.50  -25 %") != NULL, "%s", out);
	ck_assert_msg(strstr(b, "-     1.00\n") != NULL, "%s", out);
	ck_assert_msg(strstr(c, "-     3.00\n") != NULL, "%s", out);
	ck_assert_ptr_null(strstr(out, "gone"));
}
END_TEST

TEST_SUITE(bench)
{
	Suite *s = suite_create("bench");
	TCase *tc = tcase_create("bench");

	tcase_add_test(tc, median_and_its_span);
	tcase_add_test(tc, rows_take_turns);
	tcase_add_loop_test(tc, pass_that_was_hit_does_not_count, 0,
			    sizeof(speeds) / sizeof(*speeds));
	tcase_add_test(tc, what_is_compared_is_measured_side_by_side);
	tcase_add_test(tc, nothing_is_dropped_for_its_sign);
	tcase_add_test(tc, time_that_is_up_ends_it);
	tcase_add_test(tc, what_failed_is_named);
	tcase_add_test(tc, what_others_had);
	tcase_add_test(tc, nothing_is_known_without_the_file);
	tcase_add_test(tc, own_and_shared_memory_are_told_apart);
	tcase_add_test(tc, other_programs_are_no_machines);
	tcase_add_loop_test(tc, virtme_is_measured_or_says_why, 0, sizeof(vngs) / sizeof(*vngs));
	tcase_add_test(tc, virtme_gets_the_modules_as_links);
	tcase_add_test(tc, virtme_is_not_there);
	tcase_add_loop_test(tc, other_files_are_refused, 0, sizeof(bad) / sizeof(*bad));
	tcase_add_test(tc, missing_file_is_named);
	tcase_add_test(tc, ratios_stand_side_by_side);
	suite_add_tcase(s, tc);
	return s;
}
