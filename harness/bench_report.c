// SPDX-License-Identifier: GPL-2.0-or-later
#include "bench_report.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "xalloc.h"

#define MEMORY_GOAL_MIB 64

/*
 * What a row's figures are, or are to those of a bare boot beside it; or what one row's are to
 * another's.
 */
struct pair {
	size_t a, b;
	unsigned at_once;
};

static double cpu(const struct bench_row *rows, unsigned round, const void *arg)
{
	const struct pair *p = arg;
	double cpu_s = rows[p->a].v[round].cpu_s;

	return cpu_s > 0 ? cpu_s : BENCH_NONE;
}

static double wall(const struct bench_row *rows, unsigned round, const void *arg)
{
	const struct pair *p = arg;
	const struct bench_sample *s = &rows[p->a].v[round];

	return s->machines ? s->wall_s : BENCH_NONE;
}

/* Of what was measured, or was not. */
static double divided(double a, double b)
{
	return a > 0 && b > 0 ? a / b : BENCH_NONE;
}

static double cpu_ratio(const struct bench_row *rows, unsigned round, const void *arg)
{
	const struct pair *p = arg;
	const struct bench_sample *s = &rows[p->a].v[round];

	return divided(s->cpu_s, s->beside_s);
}

/* Everything that was run for it, on the host as well. */
static double all_ratio(const struct bench_row *rows, unsigned round, const void *arg)
{
	const struct pair *p = arg;
	const struct bench_sample *a = &rows[p->a].v[round], *b = &rows[p->b].v[round];

	return a->machines && b->machines ? divided(a->all_cpu_s, b->all_cpu_s) : BENCH_NONE;
}

/* A machine without controls, of which there are one less than machines. */
static double per_variant(const struct bench_sample *a)
{
	return a->machines < 2 ? BENCH_NONE : a->variant_s / (a->machines - 1);
}

static double variant_ratio(const struct bench_row *rows, unsigned round, const void *arg)
{
	const struct pair *p = arg;
	const struct bench_sample *a = &rows[p->a].v[round];

	return divided(per_variant(a), a->beside_s);
}

static double hung_own_ratio(const struct bench_row *rows, unsigned round, const void *arg)
{
	(void)arg;
	return divided(per_variant(&rows[HUNG_OWN].v[round]),
		       per_variant(&rows[PASS_OWN].v[round]));
}

/* What one run has and the other has not, in bare boots. Chance may well make it negative. */
static double part_ratio(const struct bench_row *rows, unsigned round, const void *arg)
{
	const struct pair *p = arg;
	double a = rows[p->a].v[round].cpu_s, b = rows[p->b].v[round].cpu_s;
	double bare = rows[BARE].v[round].cpu_s;

	return a > 0 && b > 0 && bare > 0 ? (a - b) / bare : BENCH_NONE;
}

/*
 * 1: as long as the single runs' work, shared out to the cores. Their wall time would not do: a
 * single run has machines on several cores already.
 */
static double together_ratio(const struct bench_row *rows, unsigned round, const void *arg)
{
	const struct pair *p = arg;
	double sum = 0;

	for (size_t i = p->a; i < p->b; i++)
		sum += rows[i].v[round].all_cpu_s;
	return divided(rows[TOGETHER].v[round].wall_s * p->at_once, sum);
}

static double hung_ratio(const struct bench_row *rows, unsigned round, const void *arg)
{
	double p1 = rows[PASS_1].v[round].cpu_s, pn = rows[PASS_N].v[round].cpu_s;
	double h1 = rows[HUNG_1].v[round].cpu_s, hn = rows[HUNG_N].v[round].cpu_s;

	(void)arg;
	if (!(p1 > 0 && pn > 0 && h1 > 0 && hn > 0))
		return BENCH_NONE;
	return pn > p1 ? (hn - h1) / (pn - p1) : BENCH_NOISE;
}

static double rate(const struct bench_row *rows, unsigned round, const void *arg)
{
	const struct pair *p = arg;

	return divided(rows[p->a].v[round].machines, rows[p->a].v[round].wall_s);
}

/* As many times the rate of one at a time as there are at once would be 1. */
static double rate_ratio(const struct bench_row *rows, unsigned round, const void *arg)
{
	const struct pair *p = arg;
	const struct pair one = {.a = RATES};

	return divided(rate(rows, round, p), rate(rows, round, &one) * p->at_once);
}

static const struct ratio {
	const char *name;
	bench_figure *of;
	struct pair pair;
	double goal; /* at most; 0: there is none */
} ratios[] = {
	{"default suite, cold / bare boot", cpu_ratio, {.a = COLD}, 1.25},
	{"default suite, restored, one machine / bare boot", cpu_ratio, {.a = WARM}, 0.6},
	{"one variant's machine / bare boot", variant_ratio, {.a = ONE}, 0.1},
	{"… when there are many / bare boot", variant_ratio, {.a = RATES}, 0.1},
	{"one variant and the controls / bare boot", cpu_ratio, {.a = ONE}, 0},
	{"hung variant's machine / passing variant's", hung_own_ratio, {0}, 1.2},
	{"… what one more adds, in one machine", hung_ratio, {0}, 0},
	{"part of a cold suite: modules", part_ratio, {.a = PART_MODULES, .b = BARE}, 0},
	{"part: features and controls", part_ratio, {.a = PART_CONTROLS, .b = PART_MODULES}, 0},
	{"part: stage machine", part_ratio, {.a = PART_MACHINE, .b = PART_CONTROLS}, 0},
	{"part: seals", part_ratio, {.a = PART_SEAL, .b = PART_CONTROLS}, 0},
	{"part: copy-on-write", part_ratio, {.a = PART_COW, .b = PART_CONTROLS}, 0},
	{"virtme-ng / one variant, host included", all_ratio, {.a = VIRTME, .b = ONE}, 0},
};

static void show(FILE *f, const char *name, struct bench_spread s)
{
	_cleanup_free_ char *span = xasprintf("%.2f..%.2f", s.least, s.most);

	/* A letter may be several bytes. */
	int wide = (int)strlen(name);

	for (const char *c = name; *c; c++)
		wide -= ((unsigned char)*c & 0xc0) == 0x80;
	fprintf(f, "  %s%*s %7.2f  %-13s", name, 50 - wide, "", s.median, span);
}

static json_t *as_json(struct bench_spread s)
{
	return json_pack("{s:f, s:f, s:f, s:i}", "value", s.median, "least", s.least, "most",
			 s.most, "rounds", (int)s.n);
}

static void report_times(FILE *f, const struct bench_plan *p, const struct bench_rounds *rounds,
			 json_t *times)
{
	fprintf(f, "\n%-52s %7s  %-13s %s\n", "CPU time of the machines, medians", "s",
		"least..most", "wall, s");
	for (size_t i = 0; i < BENCH_ROWS; i++) {
		struct pair pair = {.a = i};
		struct bench_spread c = bench_over(p->rows, rounds, cpu, &pair);
		struct bench_spread w = bench_over(p->rows, rounds, wall, &pair);

		if (!c.n)
			continue;
		show(f, p->rows[i].name, c);
		fprintf(f, " %7.2f\n", w.median);
		json_object_set_new(times, p->rows[i].name,
				    json_pack("{s:f, s:f, s:f, s:f}", "cpu_s", c.median,
					      "cpu_s_least", c.least, "cpu_s_most", c.most,
					      "wall_s", w.median));
	}
}

/* @most: the goal is at most @goal, else at least. */
static void report_ratio(FILE *f, const char *name, struct bench_spread s, double goal, bool most,
			 json_t *out)
{
	if (!s.n && !s.noise)
		return;
	if (!s.n) {
		fprintf(f, "  %s: below the noise\n", name);
		json_object_set_new(out, name, json_pack("{s:i}", "below_noise", (int)s.noise));
		return;
	}
	json_t *r = as_json(s);

	show(f, name, s);
	if (s.noise) {
		fprintf(f, " %u below the noise;", s.noise);
		json_object_set_new(r, "below_noise", json_integer(s.noise));
	}
	if (goal > 0) {
		fprintf(f, " goal: at %s %.2f", most ? "most" : "least", goal);
		json_object_set_new(r, "goal", json_real(goal));
	}
	fputc('\n', f);
	json_object_set_new(out, name, r);
}

static void report_ratios(FILE *f, const struct bench_plan *p, const struct bench_rounds *rounds,
			  json_t *out)
{
	fprintf(f, "\n%-52s %7s  %s\n", "ratios, medians of each round's", "", "least..most");
	for (size_t i = 0; i < sizeof(ratios) / sizeof(*ratios); i++)
		report_ratio(f, ratios[i].name,
			     bench_over(p->rows, rounds, ratios[i].of, &ratios[i].pair),
			     ratios[i].goal, true, out);
	struct pair all = {.a = SINGLE, .b = SINGLE + p->nsingle, .at_once = p->nsingle};

	if (all.at_once > p->cores)
		all.at_once = p->cores;
	report_ratio(f, "default kernels at once / (their CPU time / cores)",
		     bench_over(p->rows, rounds, together_ratio, &all), 1.3, true, out);
	if (p->virtme.why)
		fprintf(f, "  virtme-ng: %s\n", p->virtme.why);
	for (size_t i = 0; i < p->left_out.n; i++)
		fprintf(f, "  left out: %s\n", p->left_out.v[i]);
}

static void report_rates(FILE *f, const struct bench_plan *p, const struct bench_rounds *rounds,
			 json_t *out, json_t *all)
{
	json_t *rates = json_object();

	fprintf(f, "\n%-52s %7s  %s\n", "machines restored, run and judged", "per s",
		"least..most");
	for (size_t i = 0; i < p->nrates; i++) {
		struct pair pair = {.a = RATES + i, .at_once = p->at_once[i]};
		struct bench_spread s = bench_over(p->rows, rounds, rate, &pair);
		_cleanup_free_ char *name = xasprintf("%u at once", p->at_once[i]);
		_cleanup_free_ char *times =
			xasprintf("rate of %u at once / (%u × one)", p->at_once[i], p->at_once[i]);

		if (!s.n)
			continue;
		show(f, name, s);
		fputc('\n', f);
		json_object_set_new(rates, name, as_json(s));
		if (i)
			report_ratio(f, times, bench_over(p->rows, rounds, rate_ratio, &pair), 0.85,
				     false, out);
	}
	json_object_set_new(all, "machines_per_s", rates);
}

static void report_memory(FILE *f, const char *name, const struct bench_memory *m, json_t *out)
{
	if (!m->private_kib)
		return;
	fprintf(f, "  %-50s %7.1f  and %.1f shared; goal: at most %d\n", name,
		m->private_kib / 1024.0, m->shared_kib / 1024.0, MEMORY_GOAL_MIB);
	json_object_set_new(out, name,
			    json_pack("{s:i, s:i}", "private_kib", (int)m->private_kib,
				      "shared_kib", (int)m->shared_kib));
}

void bench_report(FILE *f, const struct bench_plan *p, const struct bench_rounds *rounds,
		  json_t *out)
{
	json_t *times = json_object(), *values = json_object(), *memory = json_object();

	report_times(f, p, rounds, times);
	report_ratios(f, p, rounds, values);
	report_rates(f, p, rounds, values, out);
	fprintf(f, "\n%-52s %7s\n", "a restored machine's own memory at its peak", "MiB");
	report_memory(f, "one variant", &p->one, memory);
	report_memory(f, "default suite in one machine", &p->suite, memory);
	json_t *left_out = json_array();

	for (size_t i = 0; i < p->left_out.n; i++)
		json_array_append_new(left_out, json_string(p->left_out.v[i]));
	json_object_set_new(out, "left_out", left_out);
	json_object_set_new(out, "times", times);
	json_object_set_new(out, "ratios", values);
	json_object_set_new(out, "memory", memory);
}
