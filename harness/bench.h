/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs of this program, timed; what was measured as JSON; and one measurement against another. */
#pragma once

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "err.h"
#include "xalloc.h"

struct bench_sample {
	double cpu_s;	  /* QEMU's user + system time, all machines of the run; 0: not measured */
	double variant_s; /* … of the machines that carried variants and no controls */
	double all_cpu_s; /* … of everything, this program's part included */
	double wall_s;	  /* of the whole command */
	double beside_s;  /* cpu_s of what it is measured against, just before and after: its median
			   */
	unsigned machines;
	unsigned times; /* measured so often in this round, and these are the means */
};

/*
 * One thing to measure: `sealmatrix run ARGS`, the arguments separated by blanks. One without a
 * name is none.
 */
struct bench_row {
	const char *name;
	char *args;	/* the caller's */
	unsigned every; /* it has its turn in each so many rounds; 0: in each */
	/*
	 * Measured once more right before and right after it, or NULL: the speed of a host drifts,
	 * and what lies minutes apart cannot be compared.
	 */
	struct bench_row *against;
	/* So often in its turn, between as many of the other, of which the medians count; 0: once.
	 */
	unsigned passes;
	/* Another way to measure it, with @arg; NULL: run @args. */
	int (*measure)(void *arg, struct bench_sample *s, struct err *err);
	void *arg;
	struct bench_sample *v; /* filled in, one for each round; the caller's */
	double took_s;		/* the last time */
};

/* Add the words of `sealmatrix run --results DIR ARGS`. */
void bench_command(struct strv *argv, const char *dir, const char *args);

struct bench_rounds {
	unsigned wanted, done;
	double since;	 /* watchdog_now() when the time began to count */
	double budget_s; /* no round is begun that should end later, but for the first */
	FILE *log;	 /* told of each round; may be NULL */
};

/*
 * Measure the @n rows in turn, round by round: what else the host does meanwhile then falls on all
 * of them alike. @dir is a folder of ours for the results. How the kernels fared is no concern
 * here; a run that booted nothing is an error.
 */
int bench_measure(struct bench_row *rows, size_t n, struct bench_rounds *rounds, const char *dir,
		  struct err *err);

struct bench_spread {
	double median, least, most;
	unsigned n;
	unsigned noise; /* rounds in which it was below the noise */
};

/* Of @n values (the upper one of two is the median); sorts them. */
struct bench_spread bench_spread(double *v, unsigned n);

/*
 * A figure of each round: what the host did meanwhile fell on all that goes into it. BENCH_NONE
 * where a row had no turn, BENCH_NOISE where a difference that it is divided by is none.
 */
#define BENCH_NONE  ((double)NAN)
#define BENCH_NOISE ((double)INFINITY)

typedef double bench_figure(const struct bench_row *rows, unsigned round, const void *arg);
struct bench_spread bench_over(const struct bench_row *rows, const struct bench_rounds *rounds,
			       bench_figure *of, const void *arg);

/* What `bench --json` printed, from a file. ERR_USER when it is anything else. Caller owns it. */
int bench_load(const char *path, json_t **out, struct err *err);

/* The ratios of two measurements side by side. */
void bench_compare(FILE *f, const json_t *old, const json_t *new);
