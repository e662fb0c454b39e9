// SPDX-License-Identifier: GPL-2.0-or-later
#include <getopt.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "json_util.h"
#include "report.h"

static int run(int argc, char **argv, struct err *err)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'J'}, {0}};
	_cleanup_json_ json_t *records = NULL;
	bool as_json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'J')
			return usage_error(argv, err);
		as_json = true;
	}
	if (optind + 1 != argc)
		return err_set(err, ERR_USER, 0,
			       "report takes one folder of results; see %s report --help",
			       program_name());
	int ret = report_load(argv[optind], &records, err);

	return ret < 0 ? ret : report_print(argv[optind], records, as_json);
}

const struct command cmd_report = {
	.name = "report",
	.args = "[--json] RESULTS",
	.summary = "Judge the records of a run again and print its table, without booting",
	.help = "RESULTS is a run's folder, or one kernel's folder in it. Outcomes are computed "
		"anew from\n"
		"the recorded facts and kernels/known-issues.conf.\n\n"
		"  --json   print the judged records as one JSON object\n",
	.run = run,
};
