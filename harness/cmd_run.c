// SPDX-License-Identifier: GPL-2.0-or-later
#include <getopt.h>
#include <string.h>

#include "cases.h"
#include "cleanup.h"
#include "cmd.h"
#include "json_util.h"
#include "report.h"
#include "run.h"
#include "run_status.h"

static void opts_free(struct run_opts *o)
{
	strv_free(&o->kernels);
}

static int parse_schedules(const char *word, struct run_opts *o, struct err *err)
{
	o->explore = true;
	return strcmp(word, "all") ? err_set(err, ERR_USER, 0,
					     "--schedules takes all, not '%s'; one schedule goes "
					     "with --schedule",
					     word)
				   : 0;
}

static int parse_isolation(const char *word, enum isolation *out, struct err *err)
{
	int which = isolation_from(word);

	if (which < 0)
		return err_set(err, ERR_USER, 0,
			       "--isolation takes boot, group, variant or auto, not '%s'", word);
	*out = which;
	return 0;
}

static int parse(int argc, char **argv, struct run_opts *o, bool *as_json, struct err *err)
{
	static const struct option options[] = {{"only", required_argument, NULL, 'o'},
						{"suite", required_argument, NULL, 's'},
						{"schedule", required_argument, NULL, 'S'},
						{"schedules", required_argument, NULL, 'X'},
						{"jobs", required_argument, NULL, 'j'},
						{"json", no_argument, NULL, 'J'},
						{"results", required_argument, NULL, 'r'},
						{"accel", required_argument, NULL, 'a'},
						{"kernel", required_argument, NULL, 'k'},
						{"require", no_argument, NULL, 'R'},
						{"vcpus", required_argument, NULL, 'v'},
						{"repeat", required_argument, NULL, 'N'},
						{"dump", no_argument, NULL, 'D'},
						{"save", required_argument, NULL, 'F'},
						{"real-time", no_argument, NULL, 'T'},
						{"append", required_argument, NULL, 'A'},
						{"cold", no_argument, NULL, 'C'},
						{"isolation", required_argument, NULL, 'i'},
						{0}};
	long n;
	int c, ret = 0;

	*o = (struct run_opts){.suite = NULL,
			       .accel = "auto",
			       .vcpus = 1,
			       .program = program_name(),
			       .argc = argc,
			       .argv = argv};
	while (!ret && (c = getopt_long(argc, argv, "j:", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			o->only = optarg;
			break;
		case 's':
			o->suite = optarg;
			break;
		case 'S':
			o->schedule = optarg;
			break;
		case 'X':
			ret = parse_schedules(optarg, o, err);
			break;
		case 'j':
			ret = parse_number(optarg, "-j", 1, 1024, &n, err);
			o->jobs = n;
			break;
		case 'J':
			*as_json = true;
			break;
		case 'r':
			o->results = optarg;
			break;
		case 'a':
			o->accel = optarg;
			break;
		case 'k':
			kernel_path(&o->kernels, optarg);
			break;
		case 'A':
			o->append = optarg;
			break;
		case 'N':
			ret = parse_number(optarg, "--repeat", 1, CASES_REPEAT_MAX, &n, err);
			o->repeat = n;
			break;
		case 'D':
			o->dump = true;
			break;
		case 'F':
			o->save = optarg;
			break;
		case 'T':
			o->realtime = true;
			break;
		case 'C':
			o->cold = true;
			break;
		case 'i':
			ret = parse_isolation(optarg, &o->isolation, err);
			break;
		case 'R':
			o->require = true;
			break;
		case 'v':
			ret = parse_number(optarg, "--vcpus", 1, 64, &n, err);
			o->vcpus = n;
			break;
		default:
			ret = usage_error(argv, err);
		}
	}
	for (int i = optind; !ret && i < argc; i++)
		strv_add(&o->kernels, argv[i]);
	if (!ret && strcmp(o->accel, "auto") && strcmp(o->accel, "tcg") && strcmp(o->accel, "kvm"))
		ret = err_set(err, ERR_USER, 0, "--accel takes auto, tcg or kvm, not '%s'",
			      o->accel);
	if (!ret && o->explore && o->schedule)
		ret = err_set(err, ERR_USER, 0, "--schedule and --schedules do not go together");
	if (!o->suite)
		o->suite = o->explore && !o->only ? "explore" : "default";
	return ret;
}

static int run(int argc, char **argv, struct err *err)
{
	_cleanup_(opts_free) struct run_opts o;
	_cleanup_json_ json_t *records = NULL;
	_cleanup_free_ char *dir = NULL;
	bool as_json = false;
	int ret = parse(argc, argv, &o, &as_json, err);

	if (!ret)
		ret = run_all(&o, &dir, &records, err);
	if (ret < 0)
		return ret;
	ret = o.schedule ? schedule_status(records, err) : 0;
	int status = report_print(dir, records, as_json, ret < 0 ? STATUS_USAGE : -1);

	return ret < 0 ? ret : status;
}

const struct command cmd_run = {
	.name = "run",
	.args = "[KERNEL…] [OPTION…]",
	.summary = "Boot kernels, run the cases in them, judge what was seen",
	.help = "KERNEL is a name, a series (6.1), a tag (default, seeded, lts), a range "
		"(5.10..6.1) or a path:\n"
		"an image, a .deb or .rpm, a built tree, or a source (a tree, a tarball, a .dsc). "
		"Without one, the\n"
		"tag default. `kernels list` shows them.\n\n"
		"  --kernel PATH    the same as naming a path\n"
		"  --suite NAME     default, exhaustive (all 64 seal combinations), schedules, "
		"smoke,\n"
		"                   repro, explore or soak\n"
		"  --only PATTERN   only variants that match (shell pattern on CASE/VARIANT)\n"
		"  --schedule LIST  run the chosen stage machines under a named schedule (H1 to "
		"H5, "
		"E1 to E3)\n"
		"                   or a list of constraints, such as "
		"'I:store-g0<C:load-syncfd#2'\n"
		"  --schedules all  execute every interleaving of the stages' conflicting "
		"operations, "
		"once each;\n"
		"                   without --suite or --only: a plain container and a user "
		"namespace\n"
		"  -j, --jobs N     at most N machines at once; by default as many as cores and "
		"memory\n"
		"                   allow\n"
		"  --isolation HOW  what shares a machine: everything (boot), the variants of a "
		"case\n"
		"                   (group), nothing (variant); auto, the default: each stage "
		"machine has\n"
		"                   one of its own, seal cases and probes share one a case; with "
		"--cold\n"
		"                   everything shares one\n"
		"  --cold           boot every machine, instead of booting each kernel once and "
		"restoring\n"
		"                   it from then on\n"
		"  --accel WHICH    auto (KVM only if a kernel was seen to boot under it), tcg or "
		"kvm\n"
		"  --vcpus N        more than one means real time: outcomes may then come by "
		"chance\n"
		"  --real-time      the same with one\n"
		"  --repeat N       run each variant N times and count how often it came out how\n"
		"  --dump           keep the memory of a machine that goes silent, for crash and "
		"drgn\n"
		"  --save FILE      the run of one kernel in a file, for `replay`\n"
		"  --append WORDS   more words for the kernel command line\n"
		"  --results DIR    the run's folder; by default a new one below results/\n"
		"  --require        a kernel that is not available makes the run fail\n"
		"  --json           print the judged records as one JSON object\n",
	.run = run,
};
