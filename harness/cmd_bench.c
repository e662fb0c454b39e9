// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long things take, as ratios measured side by side in one run: seconds move from host to host,
 * ratios do not. Nothing is asserted here; tests never depend on speed.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench_host.h"
#include "bench_report.h"
#include "cleanup.h"
#include "cmd.h"
#include "host.h"
#include "json_util.h"
#include "publish.h"
#include "vm.h"
#include "watchdog.h"
#include "xalloc.h"

#define BUDGET_S 180 /* by default */
#define BUSY	 0.1 /* others had so much of the processors: said aloud */

struct options {
	const char *kernel;
	long repeat, budget_s;
	bool json;
	json_t *old;
};

static const char *load(char *buf, size_t len)
{
	double v[3];

	if (getloadavg(v, 3) < 3)
		return "unknown";
	snprintf(buf, len, "%.1f %.1f %.1f", v[0], v[1], v[2]);
	return buf;
}

static json_t *report_host(FILE *f, const struct options *o, const struct bench_rounds *rounds,
			   const struct bench_host *from)
{
	struct bench_host to = bench_host_now("/proc/stat");
	_cleanup_free_ char *qemu = NULL;
	struct err ignored = ERR_INIT;
	double others = 0, stolen = 0;
	char buf[64];
	int cores = (int)host_cpus();
	json_t *host;

	vm_qemu_version("x86_64", &qemu, &ignored);
	host = json_pack("{s:i, s:s, s:s}", "cores", cores, "qemu", qemu ? qemu : "unknown", "load",
			 load(buf, sizeof(buf)));
	fprintf(f, "%s under TCG, QEMU %s, %d %s; %u of %u rounds\n", o->kernel,
		qemu ? qemu : "unknown", cores, cores == 1 ? "core" : "cores", rounds->done,
		rounds->wanted);
	if (rounds->done < rounds->wanted)
		fprintf(f, "no more rounds in %ld s (see --budget): less to go by\n", o->budget_s);
	if (!bench_host_others(from, &to, &others, &stolen))
		return host;
	fprintf(f,
		"meanwhile other programs had %.0f %% of the processors' time, the hypervisor "
		"took %.0f %%; load %s\n",
		100 * others, 100 * stolen, load(buf, sizeof(buf)));
	if (others + stolen > BUSY)
		fprintf(f, "the host was BUSY: distrust wall times, rates and seconds, and ratios "
			   "whose least and most lie apart\n");
	json_object_set_new(host, "others", json_real(others));
	json_object_set_new(host, "stolen", json_real(stolen));
	return host;
}

static int measure(const struct options *o, struct bench_plan *p, const char *dir, json_t *out,
		   struct err *err)
{
	struct bench_rounds rounds = {.wanted = o->repeat,
				      .since = watchdog_now(),
				      .budget_s = o->budget_s,
				      .log = stderr};
	struct bench_host from = bench_host_now("/proc/stat");
	_cleanup_free_ char *looked = xasprintf("%s/memory", dir);
	FILE *f = o->json ? stderr : stdout;

	/* First: before it, the templates are made, which are no part of what is timed. */
	int ret = bench_plan_memory(p, looked, err);

	if (!ret)
		ret = bench_measure(p->rows, BENCH_ROWS, &rounds, dir, err);
	if (ret < 0)
		return ret;
	json_object_set_new(out, "host", report_host(f, o, &rounds, &from));
	json_object_set_new(out, "kernel", json_string(o->kernel));
	json_object_set_new(out, "rounds", json_integer(rounds.done));
	bench_report(f, p, &rounds, out);
	if (o->old) {
		fputc('\n', f);
		bench_compare(f, o->old, out);
	}
	if (o->json) {
		json_dumpf(out, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	return STATUS_OK;
}

static int bench(const struct options *o, struct err *err)
{
	char dir[] = "/tmp/sealmatrix-bench.XXXXXX";
	_cleanup_json_ json_t *out = json_object();
	struct err ignored = ERR_INIT;
	struct bench_plan p;

	if (!mkdtemp(dir))
		return err_set(err, ERR_INFRA, errno, "make a directory %s", dir);
	int ret = bench_plan_open(&p, o->kernel, host_cpus(), err);

	if (!ret)
		ret = measure(o, &p, dir, out, err);

	bench_plan_close(&p);
	remove_tree(dir, &ignored);
	return ret;
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'J'},	   {"repeat", required_argument, NULL, 'n'},
		{"budget", required_argument, NULL, 'b'},  {"kernel", required_argument, NULL, 'k'},
		{"compare", required_argument, NULL, 'c'}, {0}};
	struct options o = {.kernel = "6.1", .repeat = 5, .budget_s = BUDGET_S};
	_cleanup_json_ json_t *old = NULL;
	int c, ret = 0;

	while (!ret && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'J')
			o.json = true;
		else if (c == 'n')
			ret = parse_number(optarg, "--repeat", 1, 1000, &o.repeat, err);
		else if (c == 'b')
			ret = parse_number(optarg, "--budget", 1, 86400, &o.budget_s, err);
		else if (c == 'k')
			o.kernel = optarg;
		else if (c == 'c' && !old)
			ret = bench_load(optarg, &old, err);
		else
			ret = usage_error(argv, err);
	}
	if (!ret && optind < argc)
		ret = err_set(err, ERR_USER, 0, "bench takes no argument, not '%s'; see --help",
			      argv[optind]);
	o.old = old;
	return ret < 0 ? ret : bench(&o, err);
}

const struct command cmd_bench = {
	.name = "bench",
	.args = "[--repeat N] [--budget S] [--kernel NAME] [--json] [--compare OLD.json]",
	.summary = "Measure how long things take, as ratios",
	.help = "  --repeat N          N rounds, of which medians are taken (5)\n"
		"  --budget S          begin no round that would end later than S seconds (180)\n"
		"  --kernel NAME       the kernel that is measured (6.1)\n"
		"  --json              print what was measured as JSON\n"
		"  --compare OLD.json  set the ratios beside those of an earlier --json\n",
	.run = run,
};
