// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long things take, as ratios measured side by side in one run: seconds move from host to host,
 * ratios do not. Nothing is asserted here; tests never depend on speed.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "json_util.h"
#include "proc.h"
#include "publish.h"
#include "record.h"
#include "sig.h"
#include "xalloc.h"

struct sample {
	double cpu_s;  /* QEMU's user + system time, all boots of the run */
	double wall_s; /* of the whole command */
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/*
 * `sealmatrix run ARGS…`, and what it took. Its exit status says how the kernels fared, which is no
 * concern here; no records at all is an error.
 */
static int run_once(const char *dir, const struct strv *args, struct sample *s, struct err *err)
{
	_cleanup_strv_ struct strv argv = {0};
	_cleanup_json_ json_t *records = NULL;
	struct err ignored = ERR_INIT;
	json_t *r;
	size_t i;

	strv_add(&argv, "/proc/self/exe");
	strv_add(&argv, "run");
	strv_add(&argv, "--results");
	strv_add(&argv, dir);
	for (i = 0; i < args->n; i++)
		strv_add(&argv, args->v[i]);
	double start = now();

	proc_run(argv.v, NULL, &ignored);
	s->wall_s = now() - start;
	s->cpu_s = 0;
	if (sig_stop())
		return err_set(err, ERR_INFRA, 0, "interrupted");
	int ret = records_load(dir, &records, err);

	if (ret < 0)
		return ret;
	json_array_foreach (records, i, r) {
		s->cpu_s += json_number_value(json_object_get(r, "cpu_s"));
	}
	return s->cpu_s > 0 ? 0 : err_set(err, ERR_INFRA, 0, "nothing was booted: %s", ignored.msg);
}

static int by_cpu(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->cpu_s > y->cpu_s) - (x->cpu_s < y->cpu_s);
}

/* The run with the median CPU time of @n. */
static int median(const char *dir, const struct strv *args, unsigned n, struct sample *out,
		  struct err *err)
{
	_cleanup_free_ struct sample *all = xcalloc(n, sizeof(*all));

	for (unsigned i = 0; i < n; i++) {
		int ret = run_once(dir, args, &all[i], err);

		if (ret < 0)
			return ret;
	}
	qsort(all, n, sizeof(*all), by_cpu);
	*out = all[n / 2];
	return 0;
}

struct bench {
	const char *dir;
	unsigned repeat;
	json_t *out; /* what was measured, by name */
};

static int measure(const struct bench *b, const char *name, const char *args, struct sample *s,
		   struct err *err)
{
	_cleanup_strv_ struct strv v = {0};

	strv_split(&v, args, " ");
	int ret = median(b->dir, &v, b->repeat, s, err);

	if (ret < 0) {
		err_context(err, "measure '%s'", name);
		return ret;
	}
	json_object_set_new(b->out, name,
			    json_pack("{s:f, s:f}", "cpu_s", s->cpu_s, "wall_s", s->wall_s));
	return 0;
}

static void print_ratio(const struct bench *b, const char *name, double value, const char *goal)
{
	fprintf(stderr, "%-44s %6.2f   %s\n", name, value, goal);
	json_object_set_new(b->out, name, json_real(value));
}

static int bench_cold(const struct bench *b, const char *kernel, struct err *err)
{
	_cleanup_free_ char *bare_args =
		xasprintf("%s --accel tcg --suite smoke --append sm.init=exit", kernel);
	_cleanup_free_ char *cold_args = xasprintf("%s --accel tcg", kernel);
	struct sample bare, cold;
	int ret = measure(b, "bare boot", bare_args, &bare, err);

	if (!ret)
		ret = measure(b, "default suite, cold", cold_args, &cold, err);
	if (ret < 0)
		return ret;
	fprintf(stderr, "%s: bare boot %.2f CPU s, default suite %.2f CPU s (medians of %u)\n",
		kernel, bare.cpu_s, cold.cpu_s, b->repeat);
	print_ratio(b, "default suite, cold / bare boot (CPU)", cold.cpu_s / bare.cpu_s,
		    "(goal: at most 1.5)");
	return 0;
}

/* The kernels one after the other, and all at once. */
static int bench_parallel(const struct bench *b, const char *kernels, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};
	struct bench once = *b;
	struct sample s, all;
	double sum = 0;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int ret = 0;

	once.repeat = 1;
	strv_split(&names, kernels, " ");
	for (size_t i = 0; !ret && i < names.n; i++) {
		_cleanup_free_ char *args = xasprintf("%s --accel tcg", names.v[i]);
		_cleanup_free_ char *name = xasprintf("single %s", names.v[i]);

		ret = measure(&once, name, args, &s, err);
		sum += s.wall_s;
	}
	_cleanup_free_ char *args = xasprintf("%s --accel tcg", kernels);

	if (!ret)
		ret = measure(&once, "all at once", args, &all, err);
	if (ret < 0)
		return ret;
	if ((size_t)cores > names.n)
		cores = names.n;
	fprintf(stderr, "%zu kernels: %.2f s one after the other, %.2f s at once on %ld cores\n",
		names.n, sum, all.wall_s, cores);
	print_ratio(b, "all at once / (sum / cores) (wall)", all.wall_s / (sum / cores),
		    "(goal: at most 1.3)");
	return 0;
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'J'}, {"repeat", required_argument, NULL, 'n'}, {0}};
	char dir[] = "/tmp/sealmatrix-bench.XXXXXX";
	_cleanup_json_ json_t *out = json_object();
	struct err ignored = ERR_INIT;
	bool as_json = false;
	long repeat = 5;
	int c, ret = 0;

	while (!ret && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'J')
			as_json = true;
		else if (c == 'n')
			ret = parse_number(optarg, "--repeat", 1, 1000, &repeat, err);
		else
			ret = usage_error(argv, err);
	}
	if (ret < 0)
		return ret;
	if (!mkdtemp(dir))
		return err_set(err, ERR_INFRA, errno, "make a directory %s", dir);
	struct bench b = {.dir = dir, .repeat = repeat, .out = out};

	ret = bench_cold(&b, "6.1", err);
	if (!ret)
		ret = bench_parallel(&b, "5.10 6.1 6.12 newest cow-6.1", err);
	remove_tree(dir, &ignored);
	if (ret == 0 && as_json) {
		json_dumpf(out, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	return ret < 0 ? ret : STATUS_OK;
}

const struct command cmd_bench = {
	.name = "bench",
	.args = "[--repeat N] [--json]",
	.summary = "Measure how long things take, as ratios",
	.help = "  --repeat N  take the median of N runs (5)\n"
		"  --json      print what was measured as JSON\n",
	.run = run,
};
