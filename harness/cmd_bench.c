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
#include "cleanup.h"
#include "cmd.h"
#include "json_util.h"
#include "proc.h"
#include "publish.h"
#include "vm.h"
#include "xalloc.h"

#define AFFECTED "cow-6.1" /* where schedules hang */
#define DEFAULTS "5.10 6.1 6.12 newest cow-6.1"

struct bench {
	const char *dir, *kernel;
	unsigned repeat;
	json_t *times, *ratios;
};

/* @goal 0: there is none. */
static void ratio(const struct bench *b, const char *name, double value, double goal)
{
	json_t *r = json_pack("{s:f}", "value", value);

	fprintf(stderr, "  %-46s %8.2f", name, value);
	if (goal > 0) {
		fprintf(stderr, "   (goal: at most %.2f)", goal);
		json_object_set_new(r, "goal", json_real(goal));
	}
	fputc('\n', stderr);
	json_object_set_new(b->ratios, name, r);
}

static void rows_free(struct bench_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(rows[i].args);
}

static int measure(const struct bench *b, struct bench_row *rows, size_t n, unsigned repeat,
		   struct err *err)
{
	return bench_measure(rows, n, repeat, b->dir, b->times, err);
}

/* One kernel from a cold start, and what the parts of its suite add to a boot that ends at once. */
static int bench_cold(const struct bench *b, struct err *err)
{
	enum { BARE, MODULES, CONTROLS, MACHINE, SEAL, COW, SUITE, WARM, ALONE, ROWS };
	static const char *const args[ROWS][2] = {
		[BARE] = {"bare boot", "--only control-clean --append sm.init=exit"},
		[MODULES] = {"boot and modules", "--only control-clean --append sm.init=modules"},
		[CONTROLS] = {"boot, modules, features, controls", "--only control-*"},
		[MACHINE] = {"… and stage machine", "--only stage-machine/*"},
		[SEAL] = {"… and seals", "--only seal/*"},
		[COW] = {"… and copy-on-write", "--only cow/*"},
		[SUITE] = {"default suite, cold", ""},
		[WARM] = {"default suite, restored, one machine", "--isolation boot"},
		[ALONE] = {"default suite, restored, a machine for each variant",
			   "--isolation variant"},
	};
	struct bench_row rows[ROWS] = {0};
#define CPU(row) rows[row].median.cpu_s

	for (int i = 0; i < ROWS; i++)
		rows[i] = (struct bench_row){
			.name = args[i][0],
			.args = xasprintf("%s --accel tcg %s%s", b->kernel,
					  i < WARM ? "--cold " : "", args[i][1]),
		};
	int ret = measure(b, rows, ROWS, b->repeat, err);

	if (!ret) {
		fprintf(stderr,
			"%s, cold: bare boot %.2f CPU s, default suite %.2f CPU s (medians of %u)\n"
			"as parts of the bare boot, in CPU time:\n",
			b->kernel, CPU(BARE), CPU(SUITE), b->repeat);
		ratio(b, "modules", (CPU(MODULES) - CPU(BARE)) / CPU(BARE), 0);
		ratio(b, "features and controls", (CPU(CONTROLS) - CPU(MODULES)) / CPU(BARE), 0);
		ratio(b, "stage machine", (CPU(MACHINE) - CPU(CONTROLS)) / CPU(BARE), 0);
		ratio(b, "seals", (CPU(SEAL) - CPU(CONTROLS)) / CPU(BARE), 0);
		ratio(b, "copy-on-write", (CPU(COW) - CPU(CONTROLS)) / CPU(BARE), 0);
		ratio(b, "default suite, cold", CPU(SUITE) / CPU(BARE), 1.5);
		ratio(b, "default suite, restored, one machine", CPU(WARM) / CPU(BARE), 0.6);
		ratio(b, "default suite, restored, a machine for each variant",
		      CPU(ALONE) / CPU(BARE), 0);
	}
	rows_free(rows, ROWS);
	return ret;
}

/*
 * Each schedule that hangs, and the same where nothing is wrong. What a boot costs goes up and down
 * by more than a variant does, so what counts is what MORE rounds of them in one boot add.
 */
static int bench_hung(const struct bench *b, struct err *err)
{
	enum { PASSING_ONCE, PASSING, HUNG_ONCE, HUNG, ROWS };
	static const struct {
		const char *name, *seals, *rounds;
	} what[ROWS] = {
		[PASSING_ONCE] = {"variants that pass, one round", "0xf", "1"},
		[PASSING] = {"variants that pass, six rounds", "0xf", "6"},
		[HUNG_ONCE] = {"variants that hang, one round", "0x1f", "1"},
		[HUNG] = {"variants that hang, six rounds", "0x1f", "6"},
	};
	struct bench_row rows[ROWS] = {0};

	for (int i = 0; i < ROWS; i++)
		rows[i] = (struct bench_row){
			.name = what[i].name,
			.args = xasprintf(AFFECTED " --accel tcg --cold --suite schedules "
						   "--only memfd-%s-H? --repeat %s",
					  what[i].seals, what[i].rounds)};
	/* Some seconds each: a few will do. */
	int ret = measure(b, rows, ROWS, (b->repeat + 1) / 2, err);

	if (!ret) {
		double passing = CPU(PASSING) - CPU(PASSING_ONCE);
		double hung = CPU(HUNG) - CPU(HUNG_ONCE);

		fprintf(stderr,
			"%s: five more rounds of each schedule that hangs: %.2f CPU s where it "
			"passes, %.2f where it hangs\n",
			AFFECTED, passing, hung);
		if (passing > 0)
			ratio(b, "hung variant / passing variant", hung / passing, 1.2);
		else
			fprintf(stderr, "  (too much else is going on to tell them apart)\n");
	}
	rows_free(rows, ROWS);
	return ret;
}

/* The kernels one after the other, and all at once. */
static int bench_parallel(const struct bench *b, struct err *err)
{
	_cleanup_strv_ struct strv names = {0}, labels = {0};
	struct bench_row all = {.name = "all at once", .args = xstrdup(DEFAULTS " --accel tcg")};
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	double sum = 0;

	strv_split(&names, DEFAULTS, " ");
	_cleanup_free_ struct bench_row *rows = xcalloc(names.n, sizeof(*rows));

	for (size_t i = 0; i < names.n; i++) {
		strv_addf(&labels, "single %s", names.v[i]);
		rows[i].args = xasprintf("%s --accel tcg", names.v[i]);
	}
	for (size_t i = 0; i < names.n; i++)
		rows[i].name = labels.v[i];
	/* Whole seconds each: a third of the rounds will do. */
	unsigned repeat = (b->repeat + 2) / 3;
	int ret = measure(b, rows, names.n, repeat, err);

	if (!ret)
		ret = measure(b, &all, 1, repeat, err);
	for (size_t i = 0; i < names.n; i++)
		sum += rows[i].median.wall_s;
	if ((size_t)cores > names.n)
		cores = names.n;
	if (!ret) {
		fprintf(stderr, "%zu kernels: %.2f s one after the other, %.2f s at once, %ld %s\n",
			names.n, sum, all.median.wall_s, cores, cores == 1 ? "core" : "cores");
		ratio(b, "all at once / (sum / cores), wall time", all.median.wall_s * cores / sum,
		      1.3);
	}
	rows_free(rows, names.n);
	free(all.args);
	return ret;
}

static int measure_all(const struct bench *b, struct err *err)
{
	int ret = bench_cold(b, err);

	if (!ret)
		ret = bench_hung(b, err);
	return ret ? ret : bench_parallel(b, err);
}

static json_t *host(void)
{
	_cleanup_free_ char *qemu = NULL;
	struct err ignored = ERR_INIT;

	vm_qemu_version("x86_64", &qemu, &ignored);
	return json_pack("{s:i, s:s}", "cores", (int)sysconf(_SC_NPROCESSORS_ONLN), "qemu",
			 qemu ? qemu : "unknown");
}

static int bench(struct bench *b, bool as_json, const json_t *old, struct err *err)
{
	char dir[] = "/tmp/sealmatrix-bench.XXXXXX";
	_cleanup_json_ json_t *out = json_object();
	struct err ignored = ERR_INIT;

	if (!mkdtemp(dir))
		return err_set(err, ERR_INFRA, errno, "make a directory %s", dir);
	b->dir = dir;
	b->times = json_object();
	b->ratios = json_object();
	json_object_set_new(out, "host", host());
	json_object_set_new(out, "kernel", json_string(b->kernel));
	json_object_set_new(out, "repeat", json_integer(b->repeat));
	json_object_set_new(out, "times", b->times);
	json_object_set_new(out, "ratios", b->ratios);
	int ret = measure_all(b, err);

	remove_tree(dir, &ignored);
	if (ret < 0)
		return ret;
	if (old)
		bench_compare(stderr, old, out);
	if (as_json) {
		json_dumpf(out, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	return STATUS_OK;
}

static int run(int argc, char **argv, struct err *err)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'J'},
						{"repeat", required_argument, NULL, 'n'},
						{"kernel", required_argument, NULL, 'k'},
						{"compare", required_argument, NULL, 'c'},
						{0}};
	struct bench b = {.kernel = "6.1"};
	_cleanup_json_ json_t *old = NULL;
	bool as_json = false;
	long repeat = 5;
	int c, ret = 0;

	while (!ret && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'J')
			as_json = true;
		else if (c == 'n')
			ret = parse_number(optarg, "--repeat", 1, 1000, &repeat, err);
		else if (c == 'k')
			b.kernel = optarg;
		else if (c == 'c' && !old)
			ret = bench_load(optarg, &old, err);
		else
			ret = usage_error(argv, err);
	}
	if (!ret && optind < argc)
		ret = err_set(err, ERR_USER, 0, "bench takes no argument, not '%s'; see --help",
			      argv[optind]);
	b.repeat = repeat;
	return ret < 0 ? ret : bench(&b, as_json, old, err);
}

const struct command cmd_bench = {
	.name = "bench",
	.args = "[--repeat N] [--kernel NAME] [--json] [--compare OLD.json]",
	.summary = "Measure how long things take, as ratios",
	.help = "  --repeat N          take the median of N runs (5)\n"
		"  --kernel NAME       the kernel whose cold run is taken apart (6.1)\n"
		"  --json              print what was measured as JSON\n"
		"  --compare OLD.json  set the ratios beside those of an earlier --json\n",
	.run = run,
};
