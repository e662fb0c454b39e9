// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernels that are wrong on purpose: is each fault caught, and by the detector that is for it? */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "json_util.h"
#include "matrix.h"
#include "mutants.h"
#include "report.h"
#include "run.h"
#include "run_dir.h"

/* Of the kernels with this tag the faults are made; the first one is what is taken if it can be. */
#define BASE_TAG   "seeded-control"
#define BASE_FIRST "plain-6.1"

/* One kernel to be judged. */
struct item {
	char *kernel;
	const struct mutant *fault; /* NULL: the base itself, which must be quiet */
};

struct mutants_run {
	struct mutants faults;
	struct strv wanted, base_words;
	struct matrix matrix;
	size_t *bases, nbases;
	struct item *items;
	size_t nitems;
	const char *results, *report;
	long jobs;
	bool json, list;
};

static void mutants_run_free(struct mutants_run *r)
{
	for (size_t i = 0; i < r->nitems; i++)
		free(r->items[i].kernel);
	free(r->items);
	free(r->bases);
	matrix_free(&r->matrix);
	mutants_free(&r->faults);
	strv_free(&r->wanted);
	strv_free(&r->base_words);
}

static void add_item(struct mutants_run *r, const char *base, const struct mutant *fault)
{
	_cleanup_free_ char *name = fault ? xasprintf("%s+%s", base, fault->name) : xstrdup(base);

	for (size_t i = 0; i < r->nitems; i++)
		if (!strcmp(r->items[i].kernel, name))
			return;
	r->items = xreallocarray(r->items, r->nitems + 1, sizeof(*r->items));
	r->items[r->nitems++] = (struct item){steal_ptr(name), fault};
}

static const struct kernel_spec *base_at(const struct mutants_run *r, size_t i)
{
	return &r->matrix.v[r->bases[i]];
}

static const struct kernel_spec *first_base(const struct mutants_run *r, const struct mutant *fault)
{
	const struct kernel_spec *found = NULL;

	for (size_t i = 0; i < r->nbases; i++) {
		const struct kernel_spec *base = base_at(r, i);

		if (mutant_patch(fault, base->series) &&
		    (!found || !strcmp(base->name, BASE_FIRST)))
			found = base;
	}
	return found;
}

/* Each fault once, or on each base that was asked for and that it has a patch for. */
static int choose(struct mutants_run *r, const struct mutant *fault, struct err *err)
{
	size_t before = r->nitems;
	const struct kernel_spec *only = r->base_words.n ? NULL : first_base(r, fault);

	for (size_t i = 0; i < r->nbases; i++) {
		const struct kernel_spec *base = base_at(r, i);

		if ((r->base_words.n || base == only) && mutant_patch(fault, base->series)) {
			add_item(r, base->name, NULL);
			add_item(r, base->name, fault);
		}
	}
	/* One that was named must not be left out in silence. */
	if (r->nitems == before && r->wanted.n)
		return err_set(err, ERR_USER, 0, "%s has no patch for any of these kernels",
			       fault->name);
	return 0;
}

static int check_bases(const struct mutants_run *r, struct err *err)
{
	for (size_t i = 0; i < r->nbases; i++)
		if (strcmp(base_at(r, i)->provider, "source"))
			return err_set(err, ERR_USER, 0,
				       "%s is not built here; take one with the tag " BASE_TAG,
				       base_at(r, i)->name);
	return 0;
}

static int plan(struct mutants_run *r, struct err *err)
{
	static char *const usual[] = {(char *)BASE_TAG};
	bool given = r->base_words.n > 0;
	int ret = mutants_open(&r->faults, err);

	if (!ret)
		ret = matrix_open(&r->matrix, err);
	if (!ret)
		ret = matrix_select(&r->matrix, given ? r->base_words.v : usual,
				    given ? r->base_words.n : 1, &r->bases, &r->nbases, err);
	if (!ret)
		ret = check_bases(r, err);
	for (size_t i = 0; !ret && i < r->wanted.n; i++) {
		const struct mutant *fault;

		ret = mutants_find(&r->faults, r->wanted.v[i], &fault, err);
		if (!ret)
			ret = choose(r, fault, err);
	}
	for (size_t i = 0; !ret && !r->wanted.n && i < r->faults.n; i++)
		ret = choose(r, &r->faults.v[i], err);
	/* An empty list of kernels would be the default ones, which nobody wants to see run here.
	 */
	if (!ret && !r->nitems && !r->list)
		ret = err_set(err, ERR_USER, 0,
			      "no fault has a patch for any of these kernels; see %s mutants "
			      "--list",
			      program_name());
	return ret;
}

/* What a run was to try, as its folder says: nobody has to say again what was asked for then. */
static int plan_of_report(struct mutants_run *r, const struct strv *kernels, struct err *err)
{
	int ret = mutants_open(&r->faults, err);

	for (size_t i = 0; !ret && i < kernels->n; i++) {
		const char *name = kernels->v[i], *sign = strchr(name, '+');
		_cleanup_free_ char *base = sign ? xstrndup(name, sign - name) : xstrdup(name);
		const struct mutant *fault = NULL;

		if (sign)
			ret = mutants_find(&r->faults, sign + 1, &fault, err);
		if (!ret)
			add_item(r, base, fault);
	}
	return ret;
}

static void print_list(const struct mutants_run *r)
{
	for (size_t i = 0; i < r->faults.n; i++) {
		const struct mutant *m = &r->faults.v[i];

		printf("%s\n    %s\n    model: %s\n", m->name, m->text, m->ref);
		for (size_t k = 0; k < m->nmust; k++)
			printf("    caught by: %s %s%s%s\n", m->must[k].variant,
			       m->must[k].assertion, m->must[k].text ? " " : "",
			       m->must[k].text ? m->must[k].text : "");
		for (size_t k = 0; k < r->nbases; k++)
			if (mutant_patch(m, base_at(r, k)->series))
				printf("    kernel: %s+%s\n", base_at(r, k)->name, m->name);
	}
}

static int verdicts(const struct mutants_run *r, const json_t *records, const char *dir)
{
	size_t n[MUTANT_VERDICTS] = {0};
	_cleanup_json_ json_t *all = json_array();

	for (size_t i = 0; i < r->nitems; i++) {
		const struct item *it = &r->items[i];
		_cleanup_free_ char *why = NULL;
		enum mutant_verdict v = mutant_judge(it->fault, it->kernel, records, &why);

		/* The control is not counted among the faults, unless there is something to say. */
		n[v] += it->fault || v != MUTANT_CAUGHT;
		if (r->json)
			json_array_append_new(
				all, json_pack("{s:s, s:s?, s:s, s:s}", "kernel", it->kernel,
					       "fault", it->fault ? it->fault->name : NULL,
					       "verdict", mutant_verdict_name(v), "why", why));
		else
			printf("%-34s %-14s %s\n", it->kernel,
			       it->fault || v != MUTANT_CAUGHT ? mutant_verdict_name(v) : "quiet",
			       why);
	}
	if (r->json) {
		json_dumpf(all, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		printf("\n%zu caught, %zu missed, %zu caught by the wrong detector, %zu not tried\n"
		       "The records are in %s\n",
		       n[MUTANT_CAUGHT], n[MUTANT_MISSED], n[MUTANT_WRONG], n[MUTANT_BLIND], dir);
	}
	return n[MUTANT_MISSED] || n[MUTANT_WRONG] ? STATUS_BAD
	       : n[MUTANT_BLIND]		   ? STATUS_INFRA
						   : STATUS_OK;
}

static int parse(int argc, char **argv, struct mutants_run *r, struct err *err)
{
	static const struct option options[] = {{"base", required_argument, NULL, 'b'},
						{"jobs", required_argument, NULL, 'j'},
						{"json", no_argument, NULL, 'J'},
						{"list", no_argument, NULL, 'l'},
						{"report", required_argument, NULL, 'R'},
						{"results", required_argument, NULL, 'r'},
						{0}};
	int c, ret = 0;

	while (!ret && (c = getopt_long(argc, argv, "j:", options, NULL)) != -1) {
		if (c == 'b')
			strv_add(&r->base_words, optarg);
		else if (c == 'j')
			ret = parse_number(optarg, "-j", 1, 1024, &r->jobs, err);
		else if (c == 'J')
			r->json = true;
		else if (c == 'l')
			r->list = true;
		else if (c == 'R')
			r->report = optarg;
		else if (c == 'r')
			r->results = optarg;
		else
			ret = usage_error(argv, err);
	}
	for (int i = optind; !ret && i < argc; i++)
		strv_add(&r->wanted, argv[i]);
	return ret;
}

/* Build them, boot them, judge what they did. */
static int try_all(const struct mutants_run *r, int argc, char **argv, char **dir, json_t **records,
		   struct err *err)
{
	_cleanup_strv_ struct strv kernels = {0};
	struct run_opts o = {.suite = "default",
			     .accel = "tcg",
			     .vcpus = 1,
			     .results = r->results,
			     .jobs = r->jobs,
			     .untold = true,
			     .program = program_name(),
			     .argc = argc,
			     .argv = argv};

	for (size_t i = 0; i < r->nitems; i++)
		strv_add(&kernels, r->items[i].kernel);
	o.kernels = kernels;
	return run_all(&o, dir, records, err);
}

static int run(int argc, char **argv, struct err *err)
{
	_cleanup_(mutants_run_free) struct mutants_run r = {0};
	_cleanup_json_ json_t *records = NULL;
	_cleanup_free_ char *dir = NULL;
	_cleanup_strv_ struct strv ran = {0};
	int ret = parse(argc, argv, &r, err);

	if (!ret && r.report && !r.wanted.n && !r.base_words.n)
		run_dir_kernels(r.report, &ran);
	if (!ret)
		ret = ran.n ? plan_of_report(&r, &ran, err) : plan(&r, err);
	if (ret < 0)
		return ret;
	if (r.list) {
		print_list(&r);
		return STATUS_OK;
	}
	ret = r.report ? report_load(r.report, NULL, &records, err)
		       : try_all(&r, argc, argv, &dir, &records, err);
	return ret < 0 ? ret : verdicts(&r, records, dir ? dir : r.report);
}

const struct command cmd_mutants = {
	.name = "mutants",
	.args = "[FAULT…] [OPTION…]",
	.summary = "Build kernels with a seeded fault each, and see whether the right detector "
		   "catches it",
	.help = "FAULT is a section of kernels/mutants.conf; without one, all of them, each seeded "
		"into " BASE_FIRST
		"\nor, where that cannot have it, into another kernel with the tag " BASE_TAG
		".\n\n"
		"  --base KERNEL    seed into this kernel (or into all of a tag or series); "
		"repeatable\n"
		"  --list           what there is, and what must catch it\n"
		"  -j, --jobs N     at most N machines at once; by default as many as memory "
		"allows\n"
		"  --results DIR    the run's folder; by default a new one below results/\n"
		"  --report DIR     judge such a folder again, without building or booting\n"
		"  --json           print the verdicts as one JSON array\n\n"
		"Exit status 0 only if every fault was caught by its detector and by no other, and "
		"the "
		"kernels\nwithout a fault were quiet.\n",
	.run = run,
};
