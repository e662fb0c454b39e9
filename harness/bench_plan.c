// SPDX-License-Identifier: GPL-2.0-or-later
/* The runs that `bench` times. */
#include <stdlib.h>
#include <string.h>

#include "bench_report.h"
#include "cleanup.h"
#include "xalloc.h"

#define AFFECTED   "cow-6.1" /* where schedules hang */
#define VARIANT	   "stage-machine/memfd-0x1f"
#define PER_CORE   12 /* machines that a rate is measured with, for each at once */
#define NOT_ALWAYS 2  /* what takes long has its turn in every other round */

/* Of the one kernel. */
static const struct {
	const char *name, *args;
	unsigned every;
} own_rows[RATES] = {
	[BARE] = {"bare boot", "--cold --only control-clean --append sm.init=exit", 0},
	[COLD] = {"default suite, cold", "--cold", 0},
	[WARM] = {"default suite, restored, in one machine", "--isolation boot", 0},
	[ONE] = {"one variant and the controls, restored", "--isolation variant --only " VARIANT,
		 0},
	[PART_MODULES] = {"boot and modules",
			  "--cold --only control-clean --append sm.init=modules", NOT_ALWAYS},
	[PART_CONTROLS] = {"… features and controls", "--cold --only control-*", NOT_ALWAYS},
	[PART_MACHINE] = {"… and stage machine", "--cold --only stage-machine/*", NOT_ALWAYS},
	[PART_SEAL] = {"… and seals", "--cold --only seal/*", NOT_ALWAYS},
	[PART_COW] = {"… and copy-on-write", "--cold --only cow/*", NOT_ALWAYS},
};

/*
 * Each schedule that hangs, and the same where nothing is wrong. What the rest of a machine costs
 * goes up and down by more than a variant does, so what counts is what more rounds of them add.
 */
static const struct {
	const char *name, *seals;
	int rounds;
} hung_rows[] = {
	[PASS_1] = {"schedules that pass, one round", "0xf", 1},
	[PASS_N] = {"schedules that pass, six rounds", "0xf", 6},
	[HUNG_1] = {"schedules that hang, one round", "0x1f", 1},
	[HUNG_N] = {"schedules that hang, six rounds", "0x1f", 6},
};

static const char *const default_kernels[SINGLE_END - SINGLE] = {"5.10", "6.1", "6.12", "newest",
								 AFFECTED};

static void add_kernels(struct bench_plan *p)
{
	_cleanup_strv_ struct strv all = {0};

	for (int i = SINGLE; i < SINGLE_END; i++) {
		const char *name = default_kernels[i - SINGLE];

		strv_add(&all, name);
		p->rows[i] = (struct bench_row){
			.name = xasprintf("default suite of %s alone", name),
			.every = NOT_ALWAYS,
			.args = xasprintf("%s --accel tcg", name),
		};
	}
	_cleanup_free_ char *names = strv_join(&all, " ");

	p->rows[TOGETHER] = (struct bench_row){
		.name = xstrdup("default suites of these five at once"),
		.every = NOT_ALWAYS,
		.args = xasprintf("%s --accel tcg", names),
	};
}

static void add_rate(struct bench_plan *p, unsigned at_once)
{
	struct bench_row *row = &p->rows[RATES + p->nrates];

	p->at_once[p->nrates++] = at_once;
	row->name = xasprintf("%u machines, %u at once", PER_CORE * at_once, at_once);
	row->every = NOT_ALWAYS;
	row->args = xasprintf("%s --accel tcg --isolation variant --only stage-machine/memfd-0xf "
			      "--repeat %u -j %u",
			      p->kernel, PER_CORE * at_once, at_once);
}

void bench_plan_open(struct bench_plan *p, const char *kernel, unsigned cores)
{
	*p = (struct bench_plan){.kernel = kernel, .cores = cores};
	for (int i = 0; i < RATES; i++)
		if (own_rows[i].name)
			p->rows[i] = (struct bench_row){
				.name = xstrdup(own_rows[i].name),
				.every = own_rows[i].every,
				.args = xasprintf("%s --accel tcg %s", kernel, own_rows[i].args),
			};
	for (int i = PASS_1; i <= HUNG_N; i++)
		p->rows[i] = (struct bench_row){
			.name = xstrdup(hung_rows[i].name),
			.every = NOT_ALWAYS,
			.args = xasprintf(AFFECTED
					  " --accel tcg --isolation boot --suite schedules "
					  "--only memfd-%s-H? --repeat %d",
					  hung_rows[i].seals, hung_rows[i].rounds),
		};
	add_kernels(p);
	bench_virtme_open(&p->virtme, kernel, VARIANT);
	p->rows[VIRTME] = (struct bench_row){
		.name = xstrdup("virtme-ng: one variant and the controls"),
		.every = NOT_ALWAYS,
		.measure = bench_virtme_measure,
		.arg = &p->virtme,
	};
	for (unsigned n = 1; n < cores && p->nrates < BENCH_RATES_MAX - 1; n *= 2)
		add_rate(p, n);
	add_rate(p, cores);
}

void bench_plan_close(struct bench_plan *p)
{
	for (size_t i = 0; i < bench_plan_rows(p); i++) {
		free((char *)p->rows[i].name);
		free(p->rows[i].args);
		free(p->rows[i].v);
	}
	bench_virtme_close(&p->virtme);
}

int bench_plan_memory(struct bench_plan *p, const char *dir, struct err *err)
{
	int ret = bench_memory(dir, p->rows[RATES].args, &p->one, err);

	return ret ? ret : bench_memory(dir, p->rows[WARM].args, &p->suite, err);
}
