/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `bench` measures, and how it is shown. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "bench.h"
#include "bench_memory.h"
#include "bench_virtme.h"
#include "xalloc.h"

#define BENCH_RATES_MAX	  12
#define BENCH_SINGLES_MAX 16

/*
 * The rows in their order. RATES has one for each number of machines at once, SINGLE one for each
 * default kernel; what is not there has no name.
 */
enum bench_rows {
	BARE,
	COLD,
	WARM,
	ONE,
	PASS_1,
	HUNG_1,
	PASS_N,
	HUNG_N,
	PASS_OWN,
	HUNG_OWN,
	RATES,
	RATES_END = RATES + BENCH_RATES_MAX,
	/* What a cold suite consists of: each part beside a boot with what comes before it. */
	PART_MODULES = RATES_END,
	PART_CONTROLS,
	PART_MACHINE,
	PART_SEAL,
	PART_COW,
	/* The default kernels, each for itself, and together. */
	SINGLE,
	SINGLE_END = SINGLE + BENCH_SINGLES_MAX,
	TOGETHER = SINGLE_END,
	VIRTME,
	BENCH_ROWS,
};

struct bench_plan {
	const char *kernel; /* the word for it */
	unsigned cores;
	struct bench_row rows[BENCH_ROWS];
	size_t nrates, nsingle;
	unsigned at_once[BENCH_RATES_MAX]; /* of the rates: 1, 2, 4, … and all cores */
	struct strv left_out;		   /* "NAME: why", of kernels that cannot be had */
	struct bench_virtme virtme;
	struct bench_memory one, suite; /* a machine of one variant; one with the whole suite */
};

/*
 * @cores: how many machines at once there may be. The kernels are got, those of the matrix with the
 * tag "default" and the one where schedules hang; one that cannot be had is left out, and so is
 * what is measured of it. An error: no matrix, or interrupted. Closed even then.
 */
int bench_plan_open(struct bench_plan *p, const char *kernel, unsigned cores, struct err *err);
void bench_plan_close(struct bench_plan *p);

/* Memory is looked at in runs that are not timed. */
int bench_plan_memory(struct bench_plan *p, const char *dir, struct err *err);

/* Print what was measured, and put it into the objects "times", "ratios", "memory" of @out. */
void bench_report(FILE *f, const struct bench_plan *p, const struct bench_rounds *rounds,
		  json_t *out);
