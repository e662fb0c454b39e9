// SPDX-License-Identifier: GPL-2.0-or-later
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cases.h"
#include "cleanup.h"
#include "cmd.h"
#include "json_util.h"
#include "paths.h"

static json_t *as_object(const struct variant *v)
{
	json_t *suites = json_array();

	for (size_t i = 0; i < v->suites.n; i++)
		json_array_append_new(suites, json_string(v->suites.v[i]));
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:O}", "case", v->case_name, "variant",
			 v->name, "kind", v->kind, "doc", v->doc, "control",
			 control_name(v->control), "suites", suites, "params", v->params);
}

static void print_json(const struct variants *vs)
{
	_cleanup_json_ json_t *all = json_array();

	for (size_t i = 0; i < vs->n; i++)
		json_array_append_new(all, as_object(&vs->v[i]));
	json_dumpf(all, stdout, JSON_COMPACT);
	putchar('\n');
}

static void print_plain(const struct variants *vs)
{
	const char *doc = "";

	for (size_t i = 0; i < vs->n; i++) {
		const struct variant *v = &vs->v[i];

		if (strcmp(doc, v->doc))
			printf("%s# %s\n", i ? "\n" : "", v->doc);
		doc = v->doc;
		printf("%s/%s%s\n", v->case_name, v->name,
		       v->control == CONTROL_NONE ? "" : "  (control)");
	}
}

static int list(int argc, char **argv, struct err *err)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'J'},
						{"suite", required_argument, NULL, 's'},
						{"only", required_argument, NULL, 'o'},
						{0}};
	_cleanup_variants_ struct variants vs = {0};
	_cleanup_free_ char *path = paths_data("cases/cases.conf");
	const char *suite = "default", *only = NULL;
	bool as_json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'J':
			as_json = true;
			break;
		case 's':
			suite = optarg;
			break;
		case 'o':
			only = optarg;
			break;
		default:
			return usage_error(argv, err);
		}
	}
	if (optind != argc)
		return err_set(err, ERR_USER, 0,
			       "cases list takes no '%s'; a pattern goes with --only",
			       argv[optind]);
	int ret = cases_load(path, &vs, err);

	if (!ret)
		ret = cases_select(&vs, suite, only, err);
	if (ret < 0)
		return ret;
	(as_json ? print_json : print_plain)(&vs);
	return STATUS_OK;
}

static int run(int argc, char **argv, struct err *err)
{
	if (argc < 2 || strcmp(argv[1], "list"))
		return err_set(err, ERR_USER, 0, "cases knows one verb: %s cases list",
			       program_name());
	return list(argc - 1, argv + 1, err);
}

const struct command cmd_cases = {
	.name = "cases",
	.args = "list [--suite NAME] [--only PATTERN] [--json]",
	.summary = "List the cases and variants of a suite",
	.help = "  --suite NAME    default, exhaustive, schedules, smoke, repro, explore or soak\n"
		"  --only PATTERN  shell pattern on CASE/VARIANT, or on either part\n"
		"  --json          print them as one JSON array\n",
	.run = run,
};
