// SPDX-License-Identifier: GPL-2.0-or-later
/* The Android hang in one command, explained, with the proof that seals and kernel both matter. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "json_util.h"
#include "matrix.h"
#include "mechanism.h"
#include "paths.h"
#include "pick.h"
#include "postmortem.h"
#include "replay.h"
#include "report.h"
#include "run.h"
#include "run_status.h"

#define AFFECTED_KERNEL "cow-6.1"
#define SUITE		"repro"
#define SCHEDULE	"H3"

static void print_line(const json_t *r, const char *what)
{
	printf("  %-44s %s%s%s\n", what, jstr(r, "outcome", "not run"), r ? "   " : "",
	       jstr(r, "id", ""));
}

/*
 * The kernel that @word names, by the matrix's own name for it, and the one to compare with: its
 * own, or where the matrix knows none, that of the default. The caller frees both.
 */
static int find_pair(const char *word, char **affected, char **fixed, struct err *err)
{
	_cleanup_matrix_ struct matrix m = {0};
	int ret = matrix_open(&m, err);

	if (ret < 0)
		return ret;
	const struct kernel_spec *spec = pick_spec(&m, word, err);

	if (!spec)
		return -EINVAL;
	*affected = xstrdup(spec->name);
	const char *other = spec_get(spec, "fixed");

	if (!other && (spec = pick_spec(&m, AFFECTED_KERNEL, err)))
		other = spec_get(spec, "fixed");
	if (!other)
		return err_set(err, ERR_USER, 0,
			       "kernels/matrix.conf names no fixed kernel to compare %s with",
			       word);
	*fixed = xstrdup(other);
	return 0;
}

/* There is no post-mortem of what did not die. */
static void print_healthy(const json_t *record)
{
	const char *outcome = jstr(record, "outcome", "not run");
	json_t *f;
	size_t i;

	printf("%s (%s): %s", jstr(record, "id", "?"), jstr(record, "release", "?"), outcome);
	if (!strcmp(outcome, "pass"))
		puts(": under the schedule that hangs an affected kernel all three stages ended as "
		     "they should, and share no globals");
	else
		putchar('\n');
	json_array_foreach (json_object_get(record, "findings"), i, f)
		printf("  %s: %s\n", jstr(f, "assertion", "?"), jstr(f, "text", ""));
}

static void print_end(const struct story *s, const char *kernel, int status)
{
	if (status == STATUS_OK)
		puts("\nReproduced: it takes this kernel and this seal together.");
	else if (status == STATUS_INFRA)
		puts("\nNot reproduced: a kernel could not be had or run, see above.");
	else if (story_reproduced(s))
		puts("\nReproduced, but not all else came out as it should: `report` shows it.");
	else if (!strcmp(jstr(s->hang, "outcome", ""), "pass"))
		printf("\nNot reproduced: %s has not got this bug.\n", kernel);
	else if (!strcmp(jstr(s->hang, "outcome", ""), "hang"))
		puts("\nIt hangs, but the comparison did not come out as it should: see above.");
	else
		puts("\nNot reproduced on this kernel: see above.");
}

static void print_story(const json_t *records, const struct story *s, const struct mechanisms *ms)
{
	if (s->hang && postmortem_wanted(s->hang))
		postmortem_print(stdout, s->hang, records, ms);
	else if (s->hang)
		print_healthy(s->hang);
	puts("\nThe same schedule, one thing changed");
	print_line(s->hang, "memfd sealed 0x1f (with FUTURE_WRITE)");
	print_line(s->no_seal, "the same kernel, memfd sealed 0xf");
	if (s->fixed != s->hang)
		print_line(s->fixed, "memfd sealed 0x1f, on a fixed kernel");
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option options[] = {{"kernel", required_argument, NULL, 'k'},
						{"save", required_argument, NULL, 's'},
						{"results", required_argument, NULL, 'r'},
						{"json", no_argument, NULL, 'J'},
						{0}};
	struct run_opts o = {.suite = SUITE,
			     .accel = "tcg",
			     .vcpus = 1,
			     .require = true,
			     .program = program_name(),
			     .argc = argc,
			     .argv = argv};
	_cleanup_strv_ struct strv kernels = {0};
	_cleanup_json_ json_t *records = NULL;
	_cleanup_mechanisms_ struct mechanisms ms = {0};
	_cleanup_free_ char *known = paths_data("kernels/mechanisms.conf");
	_cleanup_free_ char *dir = NULL, *affected = NULL, *fixed = NULL;
	const char *kernel = AFFECTED_KERNEL;
	bool as_json = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'k')
			kernel = optarg;
		else if (c == 's')
			o.save = optarg;
		else if (c == 'r')
			o.results = optarg;
		else if (c == 'J')
			as_json = true;
		else
			return usage_error(argv, err);
	}
	if (optind != argc)
		return err_set(err, ERR_USER, 0, "repro takes no '%s'; a kernel goes with --kernel",
			       argv[optind]);
	int ret = o.save ? replay_save_check(o.save, err) : 0;

	if (!ret)
		ret = mechanisms_load(known, &ms, err);
	if (!ret)
		ret = find_pair(kernel, &affected, &fixed, err);
	if (ret < 0)
		return ret;
	strv_add(&kernels, kernel);
	strv_add(&kernels, fixed);
	o.kernels = kernels;
	o.save_of = affected;
	o.narrate = !as_json;
	if (!as_json)
		fprintf(stderr,
			"Each stage waits where schedule " SCHEDULE " says, on %s and, to compare, "
			"on %s.\n",
			affected, fixed);
	ret = run_all(&o, &dir, &records, err);

	if (ret < 0)
		return ret;
	struct story story = story_find(records, affected, fixed);
	int status = story_status(records, &story);

	if (as_json)
		return report_print(dir, records, true, status);
	print_story(records, &story, &ms);
	print_end(&story, affected, status);
	printf("The records are in %s\n", dir);
	return status;
}

const struct command cmd_repro = {
	.name = "repro",
	.args = "[--kernel KERNEL] [--save FILE] [--results DIR] [--json]",
	.summary = "The Android hang in one command, every time, with a post-mortem",
	.help = "Forces the schedule in which all three stages wait for each other for ever (class "
		"H3), and\n"
		"shows the same schedule without the seal and on a fixed kernel. Exit status 0 "
		"when it was\n"
		"reproduced and all else is as expected, 1 when not, 3 when a kernel could not be "
		"had or run.\n\n"
		"  --kernel KERNEL  instead of " AFFECTED_KERNEL
		": a name, or the path of an image\n"
		"  --save FILE      the run of that kernel in a file, for `replay`\n"
		"  --results DIR    the run's folder\n"
		"  --json           print the judged records as one JSON object\n",
	.run = run,
};
