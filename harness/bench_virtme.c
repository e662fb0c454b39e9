// SPDX-License-Identifier: GPL-2.0-or-later
#include "bench_virtme.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_host.h"
#include "cleanup.h"
#include "modules.h"
#include "paths.h"
#include "pick.h"
#include "plan.h"
#include "proc.h"
#include "publish.h"
#include "run_dir.h"
#include "sig.h"
#include "vm.h"
#include "watchdog.h"
#include "xalloc.h"

#define PROGRAM	 "vng"
#define PATIENCE "120" /* seconds: a kernel that finds no root waits for ever */

/*
 * vng looks for lib/modules above the image, and runs depmod there where there is no index; ours
 * are not its to write to. So: a folder of links.
 */
static int lay_out(struct bench_virtme *v, const struct kernel *k, struct err *err)
{
	_cleanup_free_ char *image = xasprintf("%s/vmlinuz", v->dir);

	if (symlink(k->image, image) < 0)
		return err_set(err, ERR_INFRA, errno, "link %s to %s", image, k->image);
	v->image = steal_ptr(image);
	return k->modules ? modules_mirror(k->modules, k->release, v->dir, err) : 0;
}

static int get_ready(struct bench_virtme *v, const char *kernel, const char *only, struct err *err)
{
	_cleanup_free_ char *agent = paths_guest("agent"), *bin = paths_guest(".");
	_cleanup_free_ char *text = NULL;
	_cleanup_kernel_ struct kernel k = {0};
	const struct plan_opts what = {
		.nonce = "virtme", .deadline_ms = PLAN_DEADLINE_MS, .probe = true};
	int ret = run_dir_make(NULL, &v->dir, err);

	if (ret < 0)
		return ret;
	_cleanup_free_ char *plan = xasprintf("%s/plan.jsonl", v->dir);
	_cleanup_free_ char *qagent = proc_quoted(agent), *qbin = proc_quoted(bin);
	_cleanup_free_ char *qplan = proc_quoted(plan);

	v->command = xasprintf("%s --plan %s --out - --bin %s", qagent, qplan, qbin);
	/* The controls and @only, as a machine of ours would get it. */
	ret = plan_default(only, &what, &text, err);
	if (!ret)
		ret = publish_buffer(plan, text, strlen(text), err);
	if (!ret)
		ret = pick_kernel(kernel, &k, err);
	return ret ? ret : lay_out(v, &k, err);
}

void bench_virtme_open(struct bench_virtme *v, const char *kernel, const char *only)
{
	struct err err = ERR_INIT;

	*v = (struct bench_virtme){0};
	if (!proc_in_path(PROGRAM))
		v->why = xstrdup("not installed");
	else if (get_ready(v, kernel, only, &err) < 0)
		v->why = xstrdup(err.msg);
}

void bench_virtme_close(struct bench_virtme *v)
{
	struct err ignored = ERR_INIT;

	if (v->dir)
		remove_tree(v->dir, &ignored);
	free(v->dir);
	free(v->image);
	free(v->command);
	free(v->why);
	*v = (struct bench_virtme){0};
}

static void look_for_end(void *arg, const char *line)
{
	bool *said = arg;

	*said |= strstr(line, "\"bye\"") != NULL;
}

/* It may not boot this kernel at all (it needs drivers built in); that is said, and no error. */
int bench_virtme_measure(void *arg, struct bench_sample *s, struct err *err)
{
	struct bench_virtme *v = arg;
	_cleanup_free_ char *memory = xasprintf("%uM", VM_MEMORY_MIB);
	char *argv[] = {"timeout",	 "-k",	     "5", PATIENCE,   PROGRAM, "--run",	 v->image,
			"--disable-kvm", "--cpus",   "1", "--memory", memory,  "--user", "root",
			"--exec",	 v->command, NULL};
	bool said = false;
	struct proc_opts opts = {.line = look_for_end, .arg = &said, .guarded = true};
	struct err failed = ERR_INIT;

	if (v->why)
		return 0; /* it would not this time either */
	double start = watchdog_now(), cpu = bench_children_s();

	proc_run(argv, &opts, &failed);
	if (sig_stop())
		return err_set(err, ERR_INFRA, 0, "interrupted");
	*s = (struct bench_sample){.wall_s = watchdog_now() - start,
				   .all_cpu_s = bench_children_s() - cpu,
				   .machines = said};
	s->cpu_s = s->all_cpu_s;
	if (!said)
		v->why = xasprintf("did not run it: %s",
				   failed.kind ? failed.msg : "its guest did not get to the end");
	return 0;
}
