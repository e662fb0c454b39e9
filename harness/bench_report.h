/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `bench` measures, and how it is shown. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "bench.h"
#include "bench_memory.h"
#include "bench_virtme.h"

/* The rows in their order; those of RATES, one for each number of machines at once, come last. */
enum bench_rows {
	BARE,
	COLD,
	WARM,
	ONE,
	PASS_1,
	PASS_N,
	HUNG_1,
	HUNG_N,
	/* What a cold suite consists of: each part beside a boot with what comes before it. */
	PART_MODULES,
	PART_CONTROLS,
	PART_MACHINE,
	PART_SEAL,
	PART_COW,
	/* The default kernels, each for itself, and together. */
	SINGLE,
	SINGLE_END = SINGLE + 5,
	TOGETHER = SINGLE_END,
	VIRTME,
	RATES,
};
#define BENCH_RATES_MAX 12

struct bench_plan {
	const char *kernel; /* the word for it */
	unsigned cores;
	struct bench_row rows[RATES + BENCH_RATES_MAX];
	size_t nrates;
	unsigned at_once[BENCH_RATES_MAX]; /* of the rates: 1, 2, 4, … and all cores */
	struct bench_virtme virtme;
	struct bench_memory one, suite; /* a machine of one variant; one with the whole suite */
};

/* @cores: how many machines at once there may be. */
void bench_plan_open(struct bench_plan *p, const char *kernel, unsigned cores);
void bench_plan_close(struct bench_plan *p);
#define bench_plan_rows(p) (RATES + (p)->nrates)

/* Memory is looked at in runs that are not timed. */
int bench_plan_memory(struct bench_plan *p, const char *dir, struct err *err);

/* Print what was measured, and put it into the objects "times", "ratios", "memory" of @out. */
void bench_report(FILE *f, const struct bench_plan *p, const struct bench_rounds *rounds,
		  json_t *out);
