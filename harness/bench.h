/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of this program, timed; what was measured as JSON; and one measurement against another. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "err.h"

struct bench_time {
	double cpu_s;  /* QEMU's user + system time, all boots of the run */
	double wall_s; /* of the whole command */
};

/* One thing to measure: `sealmatrix run ARGS`, the arguments separated by blanks. */
struct bench_row {
	const char *name;
	char *args;		  /* the caller's */
	struct bench_time median; /* filled in */
};

/*
 * Measure the @n rows @repeat times, in turn: what else the host does meanwhile then falls on all
 * of them alike. @dir is a folder of ours for the results. Each row's median goes into it, and with
 * its spread into the object @times. How the kernels fared is no concern here; a run that booted
 * nothing is an error.
 */
int bench_measure(struct bench_row *rows, size_t n, unsigned repeat, const char *dir, json_t *times,
		  struct err *err);

/* The run with the median CPU time of @n (the upper one of two); sorts them. */
struct bench_time bench_median(struct bench_time *v, size_t n);

/* What `bench --json` printed, from a file. ERR_USER when it is anything else. Caller owns it. */
int bench_load(const char *path, json_t **out, struct err *err);

/* The ratios of two measurements side by side. */
void bench_compare(FILE *f, const json_t *old, const json_t *new);
