// SPDX-License-Identifier: GPL-2.0-or-later
#include "bench.h"

#include <errno.h>
#include <stdlib.h>

#include "bench_host.h"
#include "cleanup.h"
#include "json_util.h"
#include "proc.h"
#include "publish.h"
#include "record.h"
#include "sig.h"
#include "watchdog.h"
#include "xalloc.h"

static void add_machines(const json_t *records, struct bench_sample *s)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		double cpu_s = json_number_value(json_object_get(r, "cpu_s"));

		s->cpu_s += cpu_s;
		s->machines += cpu_s > 0;
		if (json_object_get(r, "controls_boot"))
			s->variant_s += cpu_s;
	}
}

void bench_command(struct strv *argv, const char *dir, const char *args)
{
	strv_add(argv, "/proc/self/exe");
	strv_add(argv, "run");
	strv_add(argv, "--results");
	strv_add(argv, dir);
	strv_split(argv, args, " ");
}

static int run_once(const char *dir, const char *args, struct bench_sample *s, struct err *err)
{
	_cleanup_strv_ struct strv argv = {0};
	_cleanup_json_ json_t *records = NULL;
	struct err ignored = ERR_INIT;

	bench_command(&argv, dir, args);
	remove_tree(dir, &ignored); /* the records of the run before */
	ignored = (struct err)ERR_INIT;
	double start = watchdog_now(), cpu = bench_children_s();

	proc_run(argv.v, NULL, &ignored);
	*s = (struct bench_sample){.wall_s = watchdog_now() - start,
				   .all_cpu_s = bench_children_s() - cpu};
	if (sig_stop())
		return err_set(err, ERR_INFRA, 0, "interrupted");
	int ret = records_load(dir, &records, err);

	if (ret < 0)
		return ret;
	add_machines(records, s);
	return s->machines ? 0 : err_set(err, ERR_INFRA, 0, "nothing was booted: %s", ignored.msg);
}

static int measure_row(struct bench_row *row, unsigned round, const char *dir, struct err *err)
{
	if (row->every && round % row->every)
		return 0;
	int ret = row->measure ? row->measure(row->arg, &row->v[round], err)
			       : run_once(dir, row->args, &row->v[round], err);

	if (ret < 0)
		err_context(err, "measure '%s' (sealmatrix run %s)", row->name,
			    row->args ? row->args : "");
	return ret;
}

int bench_measure(struct bench_row *rows, size_t n, struct bench_rounds *rounds, const char *dir,
		  struct err *err)
{
	_cleanup_free_ char *results = xasprintf("%s/results", dir);
	double longest = 0;
	int ret = 0;

	for (size_t i = 0; i < n; i++)
		rows[i].v = xcalloc(rounds->wanted, sizeof(*rows[i].v));
	for (rounds->done = 0; !ret && rounds->done < rounds->wanted; rounds->done++) {
		double began = watchdog_now();

		if (rounds->done && began - rounds->since + longest > rounds->budget_s)
			break;
		for (size_t i = 0; !ret && i < n; i++)
			ret = measure_row(&rows[i], rounds->done, results, err);
		if (watchdog_now() - began > longest)
			longest = watchdog_now() - began;
		if (!ret && rounds->log)
			fprintf(rounds->log, "round %u of %u: %.0f s\n", rounds->done + 1,
				rounds->wanted, watchdog_now() - began);
	}
	return ret;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

struct bench_spread bench_spread(double *v, unsigned n)
{
	if (!n)
		return (struct bench_spread){0};
	qsort(v, n, sizeof(*v), by_size);
	return (struct bench_spread){.median = v[n / 2], .least = v[0], .most = v[n - 1], .n = n};
}

struct bench_spread bench_over(const struct bench_row *rows, const struct bench_rounds *rounds,
			       bench_figure *of, const void *arg)
{
	_cleanup_free_ double *v = xcalloc(rounds->done + 1, sizeof(*v));
	unsigned n = 0;

	for (unsigned i = 0; i < rounds->done; i++) {
		double value = of(rows, i, arg);

		if (value > 0)
			v[n++] = value;
	}
	return bench_spread(v, n);
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
