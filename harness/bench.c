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

/* A round under way. */
struct turns {
	unsigned round;
	const char *dir;	      /* of the results */
	const struct bench_row *last; /* what was measured last, and its CPU time then */
	double last_s;
};

static bool has_turn(const struct bench_row *row, unsigned round)
{
	return row->name && !(row->every && round % row->every);
}

static double mean(double before, double now, unsigned times)
{
	return (before * times + now) / (times + 1);
}

static int measure_once(struct turns *t, struct bench_row *row, struct err *err)
{
	struct bench_sample s = {0}, *v = &row->v[t->round];
	double began = watchdog_now();
	int ret = row->measure ? row->measure(row->arg, &s, err)
			       : run_once(t->dir, row->args, &s, err);

	if (ret < 0) {
		err_context(err, "measure '%s' (sealmatrix run %s)", row->name,
			    row->args ? row->args : "");
		return ret;
	}
	row->took_s = watchdog_now() - began;
	*v = (struct bench_sample){.cpu_s = mean(v->cpu_s, s.cpu_s, v->times),
				   .variant_s = mean(v->variant_s, s.variant_s, v->times),
				   .all_cpu_s = mean(v->all_cpu_s, s.all_cpu_s, v->times),
				   .wall_s = mean(v->wall_s, s.wall_s, v->times),
				   .machines = s.machines,
				   .times = v->times + 1};
	t->last = row;
	t->last_s = s.cpu_s;
	return 0;
}

static int by_cpu(const void *a, const void *b)
{
	const struct bench_sample *x = a, *y = b;

	return (x->cpu_s > y->cpu_s) - (x->cpu_s < y->cpu_s);
}

static double middle(struct bench_sample *s, unsigned n)
{
	qsort(s, n, sizeof(*s), by_cpu);
	return (s[(n - 1) / 2].cpu_s + s[n / 2].cpu_s) / 2;
}

static unsigned passes(const struct bench_row *row)
{
	return row->passes ? row->passes : 1;
}

/* Taking turns, both have the same middle of time: a drift falls on both, a jump on neither. */
static int measure_row(struct turns *t, struct bench_row *row, struct err *err)
{
	const unsigned n = passes(row);
	_cleanup_free_ struct bench_sample *own = xcalloc(n, sizeof(*own));
	_cleanup_free_ struct bench_sample *beside = xcalloc(n + 1, sizeof(*beside));
	struct bench_sample *v = &row->v[t->round];
	int ret = 0;

	if (!row->against)
		return measure_once(t, row, err);
	if (t->last != row->against)
		ret = measure_once(t, row->against, err);
	beside[0].cpu_s = t->last_s;
	for (unsigned i = 0; !ret && i < n; i++) {
		*v = (struct bench_sample){0};
		ret = measure_once(t, row, err);
		own[i] = *v;
		if (!ret)
			ret = measure_once(t, row->against, err);
		beside[i + 1].cpu_s = t->last_s;
	}
	middle(own, n);
	*v = own[n / 2];
	v->beside_s = middle(beside, n + 1);
	return ret;
}

/* As long as what has its turn took the last time. */
static double should_take(const struct bench_row *rows, size_t n, unsigned round)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		if (has_turn(&rows[i], round))
			sum += passes(&rows[i]) *
			       (rows[i].took_s + (rows[i].against ? rows[i].against->took_s : 0));
	return sum;
}

int bench_measure(struct bench_row *rows, size_t n, struct bench_rounds *rounds, const char *dir,
		  struct err *err)
{
	_cleanup_free_ char *results = xasprintf("%s/results", dir);
	int ret = 0;

	for (size_t i = 0; i < n; i++)
		rows[i].v = xcalloc(rounds->wanted, sizeof(*rows[i].v));
	for (rounds->done = 0; !ret && rounds->done < rounds->wanted; rounds->done++) {
		struct turns t = {.round = rounds->done, .dir = results};
		double began = watchdog_now(), needs = should_take(rows, n, t.round);

		if (t.round && began - rounds->since + needs > rounds->budget_s)
			break;
		for (size_t i = 0; !ret && i < n; i++)
			if (has_turn(&rows[i], t.round))
				ret = measure_row(&t, &rows[i], err);
		if (!ret && rounds->log)
			fprintf(rounds->log, "round %u of %u: %.0f s\n", t.round + 1,
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
	unsigned n = 0, noise = 0;

	for (unsigned i = 0; i < rounds->done; i++) {
		double value = of(rows, i, arg);

		noise += isinf(value) != 0;
		if (isfinite(value))
			v[n++] = value;
	}
	struct bench_spread s = bench_spread(v, n);

	s.noise = noise;
	return s;
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

/* Below the noise, or not measured: "-". */
static const char *figure(char *buf, size_t size, const json_t *value)
{
	if (!json_is_number(value))
		return "-";
	snprintf(buf, size, "%.2f", json_number_value(value));
	return buf;
}

void bench_compare(FILE *f, const json_t *old, const json_t *new)
{
	const char *name;
	json_t *ratio;

	fprintf(f, "%-48s %8s %8s\n", "", "before", "now");
	json_object_foreach (json_object_get(new, "ratios"), name, ratio) {
		const json_t *old_ratio = json_object_get(json_object_get(old, "ratios"), name);
		const json_t *before = json_object_get(old_ratio, "value");
		const json_t *now = json_object_get(ratio, "value");
		char was[32], is[32];

		fprintf(f, "%-48s %8s %8s", name, figure(was, sizeof(was), before),
			figure(is, sizeof(is), now));
		if (json_number_value(before) > 0 && json_is_number(now))
			fprintf(f, "  %+.0f %%",
				100 * (json_number_value(now) / json_number_value(before) - 1));
		fputc('\n', f);
	}
}
