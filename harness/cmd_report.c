// SPDX-License-Identifier: GPL-2.0-or-later
#include <getopt.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "json_util.h"
#include "paths.h"
#include "postmortem.h"
#include "report.h"

static int print_post_mortems(const json_t *records, const char *pattern, struct err *err)
{
	_cleanup_mechanisms_ struct mechanisms ms = {0};
	_cleanup_free_ char *path = paths_data("kernels/mechanisms.conf");
	int ret = mechanisms_load(path, &ms, err);

	if (ret < 0)
		return ret;
	if (!postmortem_print_all(stdout, records, pattern, &ms))
		printf("No stage machine failed%s%s.\n", pattern ? " that matches " : "",
		       pattern ? pattern : "");
	return STATUS_OK;
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'J'},
						{"post-mortem", optional_argument, NULL, 'p'},
						{0}};
	_cleanup_json_ json_t *records = NULL;
	bool as_json = false, explain = false;
	const char *pattern = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'J')
			as_json = true;
		else if (c == 'p')
			explain = true, pattern = optarg;
		else
			return usage_error(argv, err);
	}
	if (optind + 1 != argc)
		return err_set(err, ERR_USER, 0,
			       "report takes one folder of results; see %s report --help",
			       program_name());
	int ret = report_load(argv[optind], NULL, &records, err);

	if (ret < 0)
		return ret;
	return explain ? print_post_mortems(records, pattern, err)
		       : report_print(argv[optind], records, as_json, -1);
}

const struct command cmd_report = {
	.name = "report",
	.args = "[--json | --post-mortem[=PATTERN]] RESULTS",
	.summary = "Judge the records of a run again and print its table, without booting",
	.help = "RESULTS is a run's folder, or one kernel's folder in it. Outcomes are computed "
		"anew from\n"
		"the recorded facts and kernels/known-issues.conf. A run that was killed, or is "
		"not "
		"through, is\n"
		"reported as far as it has come, and as incomplete.\n\n"
		"  --post-mortem[=PATTERN]  explain each failed stage machine (whose name "
		"matches) instead\n"
		"  --json                   print the judged records as one JSON object\n",
	.run = run,
};
