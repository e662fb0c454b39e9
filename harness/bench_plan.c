// SPDX-License-Identifier: GPL-2.0-or-later
/* The runs that `bench` times. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bench_report.h"
#include "cleanup.h"
#include "matrix.h"
#include "pick.h"
#include "sig.h"
#include "xalloc.h"

#define AFFECTED   "cow-6.1" /* where schedules hang */
#define VARIANT	   "stage-machine/memfd-0x1f"
#define PER_CORE   12 /* machines that a rate is measured with, for each at once */
#define NOT_ALWAYS 2  /* what takes long has its turn in every other round */

/* Of the one kernel. */
static const struct {
	const char *name, *args;
	unsigned every;
	unsigned beside_bare; /* passes, where its ratio to a bare boot counts */
} own_rows[BENCH_ROWS] = {
	[BARE] = {"bare boot", "--cold --only control-clean --append sm.init=exit", 0, 0},
	[COLD] = {"default suite, cold", "--cold", 0, 3},
	[WARM] = {"default suite, restored, in one machine", "--isolation boot", 0, 3},
	[ONE] = {"one variant and the controls, restored", "--isolation variant --only " VARIANT, 0,
		 1},
	[PART_MODULES] = {"boot and modules",
			  "--cold --only control-clean --append sm.init=modules", NOT_ALWAYS, 0},
	[PART_CONTROLS] = {"… features and controls", "--cold --only control-*", NOT_ALWAYS, 0},
	[PART_MACHINE] = {"… and stage machine", "--cold --only stage-machine/*", NOT_ALWAYS, 0},
	[PART_SEAL] = {"… and seals", "--cold --only seal/*", NOT_ALWAYS, 0},
	[PART_COW] = {"… and copy-on-write", "--cold --only cow/*", NOT_ALWAYS, 0},
};

/*
 * Each schedule that hangs, and the same where nothing is wrong: each in a machine of its own,
 * which is how they are run, and all in one. Of the latter what counts is what more rounds of them
 * add, for what the rest of a machine costs goes up and down by more than a variant does.
 */
static const struct {
	const char *name, *isolation, *seals;
	int rounds;
} hung_rows[] = {
	[PASS_1] = {"schedules that pass, one round", "boot", "0xf", 1},
	[PASS_N] = {"schedules that pass, six rounds", "boot", "0xf", 6},
	[HUNG_1] = {"schedules that hang, one round", "boot", "0x1f", 1},
	[HUNG_N] = {"schedules that hang, six rounds", "boot", "0x1f", 6},
	[PASS_OWN] = {"schedules that pass, a machine each", "variant", "0xf", 2},
	[HUNG_OWN] = {"schedules that hang, a machine each", "variant", "0x1f", 2},
};

/* Here, or got now. What takes long, or fails, is shown on stderr. */
static bool can_be_had(struct bench_plan *p, const char *name)
{
	_cleanup_kernel_ struct kernel k = {0};
	struct err err = ERR_INIT;

	if (pick_kernel(name, &k, &err) == 0)
		return true;
	_cleanup_free_ char *line = xasprintf("%s: %s", name, err.msg);

	if (!strv_contains(&p->left_out, line))
		strv_add(&p->left_out, line);
	return false;
}

static void add_single(struct bench_plan *p, const char *name)
{
	p->rows[SINGLE + p->nsingle++] = (struct bench_row){
		.name = xasprintf("default suite of %s alone", name),
		.every = NOT_ALWAYS,
		.args = xasprintf("%s --accel tcg", name),
	};
}

static int add_defaults(struct bench_plan *p, struct err *err)
{
	_cleanup_strv_ struct strv all = {0};
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_free_ size_t *sel = NULL;
	size_t n = 0;
	int ret = matrix_open(&m, err);

	if (!ret)
		ret = matrix_select(&m, NULL, 0, &sel, &n, err);
	for (size_t i = 0; !ret && i < n && !sig_stop(); i++) {
		const char *name = m.v[sel[i]].name;

		if (p->nsingle == BENCH_SINGLES_MAX) {
			strv_addf(&p->left_out, "%s: there are more than %d default kernels", name,
				  BENCH_SINGLES_MAX);
		} else if (can_be_had(p, name)) {
			strv_add(&all, name);
			add_single(p, name);
		}
	}
	if (ret || !all.n)
		return ret;
	_cleanup_free_ char *names = strv_join(&all, " ");

	p->rows[TOGETHER] = (struct bench_row){
		.name = xasprintf("default suites of these %zu at once", all.n),
		.every = NOT_ALWAYS,
		.args = xasprintf("%s --accel tcg", names),
	};
	return 0;
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

static void add_own(struct bench_plan *p)
{
	for (int i = 0; i < BENCH_ROWS; i++)
		if (own_rows[i].name)
			p->rows[i] = (struct bench_row){
				.name = xstrdup(own_rows[i].name),
				.every = own_rows[i].every,
				.against = own_rows[i].beside_bare ? &p->rows[BARE] : NULL,
				.passes = own_rows[i].beside_bare,
				.args = xasprintf("%s --accel tcg %s", p->kernel, own_rows[i].args),
			};
	for (unsigned n = 1; n < p->cores && p->nrates < BENCH_RATES_MAX - 1; n *= 2)
		add_rate(p, n);
	add_rate(p, p->cores);
	/* Of many machines each costs next to nothing: that, too, is told in bare boots. */
	p->rows[RATES].against = &p->rows[BARE];
}

static void add_hung(struct bench_plan *p)
{
	for (int i = PASS_1; i <= HUNG_OWN; i++)
		p->rows[i] = (struct bench_row){
			.name = xstrdup(hung_rows[i].name),
			.every = NOT_ALWAYS,
			.args = xasprintf(AFFECTED " --accel tcg --isolation %s --suite schedules "
						   "--only memfd-%s-H? --repeat %d",
					  hung_rows[i].isolation, hung_rows[i].seals,
					  hung_rows[i].rounds),
		};
}

int bench_plan_open(struct bench_plan *p, const char *kernel, unsigned cores, struct err *err)
{
	*p = (struct bench_plan){.kernel = kernel, .cores = cores};
	add_own(p);
	int ret = add_defaults(p, err);

	if (ret < 0)
		return ret;
	if (can_be_had(p, AFFECTED))
		add_hung(p);
	else
		strv_add(&p->left_out, "schedules that hang and that pass: they are of " AFFECTED);
	if (sig_stop())
		return err_set(err, ERR_INFRA, EINTR, "get the kernels");
	bench_virtme_open(&p->virtme, kernel, VARIANT);
	p->rows[VIRTME] = (struct bench_row){
		.name = xstrdup("virtme-ng: one variant and the controls"),
		.every = NOT_ALWAYS,
		.measure = bench_virtme_measure,
		.arg = &p->virtme,
	};
	return 0;
}

void bench_plan_close(struct bench_plan *p)
{
	strv_free(&p->left_out);
	for (size_t i = 0; i < BENCH_ROWS; i++) {
		free((char *)p->rows[i].name);
		free(p->rows[i].args);
		free(p->rows[i].v);
	}
	bench_virtme_close(&p->virtme);
}

int bench_plan_memory(struct bench_plan *p, const char *dir, struct err *err)
{
	struct bench_memory making;
	/* What makes templates is no restored machine. */
	int ret = bench_memory(dir, p->rows[ONE].args, &making, err);

	if (!ret)
		ret = bench_memory(dir, p->rows[RATES].args, &p->one, err);
	return ret ? ret : bench_memory(dir, p->rows[WARM].args, &p->suite, err);
}
