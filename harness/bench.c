// SPDX-License-Identifier: GPL-2.0-or-later
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "cleanup.h"
#include "json_util.h"
#include "proc.h"
#include "publish.h"
#include "record.h"
#include "sig.h"
#include "xalloc.h"

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int run_once(const char *dir, const char *args, struct bench_time *t, struct err *err)
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
	strv_split(&argv, args, " ");
	remove_tree(dir, &ignored); /* the records of the run before */
	ignored = (struct err)ERR_INIT;
	double start = now();

	proc_run(argv.v, NULL, &ignored);
	*t = (struct bench_time){.wall_s = now() - start};
	if (sig_stop())
		return err_set(err, ERR_INFRA, 0, "interrupted");
	int ret = records_load(dir, &records, err);

	if (ret < 0)
		return ret;
	json_array_foreach (records, i, r) {
		t->cpu_s += json_number_value(json_object_get(r, "cpu_s"));
	}
	return t->cpu_s > 0 ? 0 : err_set(err, ERR_INFRA, 0, "nothing was booted: %s", ignored.msg);
}

static int by_cpu(const void *a, const void *b)
{
	const struct bench_time *x = a, *y = b;

	return (x->cpu_s > y->cpu_s) - (x->cpu_s < y->cpu_s);
}

struct bench_time bench_median(struct bench_time *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_cpu);
	return v[n / 2];
}

int bench_measure(struct bench_row *rows, size_t n, unsigned repeat, const char *dir, json_t *times,
		  struct err *err)
{
	_cleanup_free_ struct bench_time *all = xcalloc(n * repeat, sizeof(*all));
	_cleanup_free_ char *results = xasprintf("%s/results", dir);

	for (size_t i = 0; i < n * repeat; i++) {
		struct bench_row *row = &rows[i % n];
		int ret = run_once(results, row->args, &all[i % n * repeat + i / n], err);

		if (ret < 0) {
			err_context(err, "measure '%s' (sealmatrix run %s)", row->name, row->args);
			return ret;
		}
	}
	for (size_t i = 0; i < n; i++) {
		struct bench_time *v = &all[i * repeat];

		rows[i].median = bench_median(v, repeat);
		json_object_set_new(times, rows[i].name,
				    json_pack("{s:f, s:f, s:f, s:f}", "cpu_s", rows[i].median.cpu_s,
					      "wall_s", rows[i].median.wall_s, "cpu_s_least",
					      v[0].cpu_s, "cpu_s_most", v[repeat - 1].cpu_s));
	}
	return 0;
}

int bench_load(const char *path, json_t **out, struct err *err)
{
	json_error_t why;
	json_t *o = json_load_file(path, 0, &why);

	if (o && json_is_object(json_object_get(o, "ratios"))) {
		*out = o;
		return 0;
	}
	err_set(err, ERR_USER, 0, "%s is not what `bench --json` prints: %s", path,
		o ? "it has no ratios" : why.text);
	json_decref(o);
	return -EINVAL;
}

void bench_compare(FILE *f, const json_t *old, const json_t *new)
{
	const char *name;
	json_t *ratio;

	fprintf(f, "%-48s %8s %8s\n", "", "before", "now");
	json_object_foreach (json_object_get(new, "ratios"), name, ratio) {
		const json_t *before = json_object_get(json_object_get(old, "ratios"), name);
		double was = json_number_value(json_object_get(before, "value"));
		double is = json_number_value(json_object_get(ratio, "value"));

		if (was > 0)
			fprintf(f, "%-48s %8.2f %8.2f  %+.0f %%\n", name, was, is,
				100 * (is / was - 1));
		else
			fprintf(f, "%-48s %8s %8.2f\n", name, "-", is);
	}
}
