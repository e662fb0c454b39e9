// SPDX-License-Identifier: GPL-2.0-or-later
#include "run.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "boot.h"
#include "cases.h"
#include "cleanup.h"
#include "json_util.h"
#include "matrix.h"
#include "paths.h"
#include "plan.h"
#include "pool.h"
#include "postmortem.h"
#include "progress.h"
#include "provider.h"
#include "publish.h"
#include "record.h"
#include "replay.h"
#include "report.h"
#include "run_dir.h"
#include "run_verdicts.h"
#include "seen.h"
#include "sig.h"
#include "suite.h"

/* What one machine takes on the host: its RAM, or the part that it does not share, and QEMU's own.
 */
#define BOOTED_MIB   384
#define RESTORED_MIB 192

/* One run: what the workers need. They are forked, so nothing of it is shared or copied back. */
struct run {
	const struct run_opts *o;
	time_t started;
	struct matrix m;
	size_t *sel, nsel;
	struct variants vs;
	char *dir;
	char **kernel_dirs;
};

static void run_free(struct run *r)
{
	for (size_t i = 0; r->kernel_dirs && i < r->nsel; i++)
		free(r->kernel_dirs[i]);
	free(r->kernel_dirs);
	free(r->sel);
	free(r->dir);
	matrix_free(&r->m);
	variants_free(&r->vs);
}

/* Without building anything: is there a kernel at the path? */
static int look_at_path(const struct kernel_spec *spec, struct err *err)
{
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_free_ char *about = NULL, *where = NULL;

	return strcmp(spec->provider, "file") ? kernel_describe(spec, &about, &where, err)
					      : kernel_get(spec, NULL, &k, err);
}

/* A path that names no kernel is a slip of the user's: said before anything is started. */
static int check_paths(const struct run *r, struct err *err)
{
	for (size_t i = 0; i < r->nsel; i++) {
		const struct kernel_spec *spec = &r->m.v[r->sel[i]];
		struct err one = ERR_INIT;

		if (!spec->word || look_at_path(spec, &one) == 0 || one.kind != ERR_USER)
			continue;
		*err = one;
		return -EINVAL;
	}
	return 0;
}

/* Is it this kernel whose boots go into the replay file? */
static bool is_saved(const struct run *r, size_t i)
{
	return r->o->save && (!r->o->save_of || !strcmp(r->o->save_of, r->m.v[r->sel[i]].name));
}

static int check_save(const struct run *r, struct err *err)
{
	if (r->o->save && !r->o->save_of && r->nsel != 1)
		return err_set(err, ERR_USER, 0,
			       "--save takes the run of one kernel, not of %zu; name the one",
			       r->nsel);
	return r->o->save ? replay_save_check(r->o->save, err) : 0;
}

/* What else was asked for that may change how a variant ends; and several rounds. */
static int stress(struct run *r, struct err *err)
{
	_cleanup_free_ char *vcpus = xasprintf("%u", r->o->vcpus);

	if (strcmp(r->o->accel, "auto"))
		cases_asked(&r->vs, "--accel", r->o->accel);
	if (r->o->append)
		cases_asked(&r->vs, "--append", r->o->append);
	if (r->o->vcpus > 1)
		cases_asked(&r->vs, "--vcpus", vcpus);
	else if (r->o->realtime)
		cases_asked(&r->vs, "--real-time", NULL);
	return r->o->repeat ? cases_repeat(&r->vs, r->o->repeat, err) : 0;
}

static int prepare(struct run *r, struct err *err)
{
	_cleanup_free_ char *cases = paths_data("cases/cases.conf");
	int ret = matrix_open(&r->m, err);

	if (!ret)
		ret = matrix_select(&r->m, r->o->kernels.v, r->o->kernels.n, &r->sel, &r->nsel,
				    err);
	if (!ret)
		ret = check_save(r, err);
	if (!ret)
		ret = check_paths(r, err);
	if (!ret)
		ret = cases_load(cases, &r->vs, err);
	if (!ret)
		ret = cases_select(&r->vs, r->o->suite, r->o->only, err);
	if (!ret && r->o->schedule)
		ret = cases_schedule(&r->vs, r->o->schedule, err);
	if (!ret && r->o->explore)
		ret = cases_explore(&r->vs, err);
	if (!ret)
		ret = stress(r, err);
	if (!ret)
		ret = run_dir_make(r->o->results, &r->dir, err);
	if (ret < 0)
		return ret;
	r->kernel_dirs = xcalloc(r->nsel, sizeof(*r->kernel_dirs));
	for (size_t i = 0; !ret && i < r->nsel; i++)
		ret = run_dir_kernel(r->dir, r->m.v[r->sel[i]].name, &r->kernel_dirs[i], err);
	return ret;
}

static int work_on(const struct run *r, size_t i, struct progress *pg, int slots,
		   struct verdicts *v, struct err *err)
{
	const struct kernel_spec *spec = &r->m.v[r->sel[i]];
	_cleanup_kernel_ struct kernel k = {0};
	int ret = kernel_get(spec, pg, &k, err);

	if (ret < 0)
		return ret;
	struct boot_opts o = {
		.variants = &r->vs,
		.dir = r->kernel_dirs[i],
		.program = r->o->program,
		.kernel_word = spec->word ? spec->word : spec->name,
		.accel = r->o->accel,
		.append = r->o->append,
		.vcpus = r->o->vcpus,
		.deadline_ms = PLAN_DEADLINE_MS,
		.realtime = r->o->realtime,
		.dump = r->o->dump,
		.narrate = r->o->narrate,
		.keep = is_saved(r, i),
		.cold = r->o->cold,
		.isolation = r->o->isolation,
		.slots = slots,
		.said = verdicts_said,
		.said_arg = v,
	};

	return boot_kernel(&k, &o, pg, err);
}

/* It came to nothing, or not to its end: that is on record, too, and what there is is judged. */
static int work_failed(const struct run *r, size_t i, const char *end, const char *why,
		       struct err *err)
{
	const struct kernel_spec *spec = &r->m.v[r->sel[i]];
	int ret = boot_record_absent(r->kernel_dirs[i], spec->name, spec->arch, end, why, err);

	return ret ? ret : verdicts_anew(r->kernel_dirs[i], err);
}

/* The exit status is 0 when all that is in the kernel's folder is judged. */
static int work(size_t i, struct progress *pg, int slots, void *arg)
{
	const struct run *r = arg;
	_cleanup_(verdicts_free) struct verdicts v = {0};
	struct err err = ERR_INIT, second = ERR_INIT;
	int ret = verdicts_open(&v, pg, r->o->narrate || r->o->untold, &err);

	if (!ret)
		ret = work_on(r, i, pg, slots, &v, &err);
	if (ret == 0) {
		if (!r->o->narrate && !sig_stop())
			verdicts_tell_outcome(&v);
		return 0;
	}
	const char *end = sig_stop()					  ? "interrupted"
			  : ret == KERNEL_NOT_AVAILABLE && !r->o->require ? "unavailable"
									  : "infra";

	progress_note(pg, "%s", err.msg);
	if (work_failed(r, i, end, err.msg, &second) == 0)
		return 0;
	progress_note(pg, "%s", second.msg);
	return 1;
}

static json_t *kernel_names(const struct run *r)
{
	json_t *names = json_array();

	for (size_t i = 0; i < r->nsel; i++)
		json_array_append_new(names, json_string(r->m.v[r->sel[i]].name));
	return names;
}

/* A worker that died, or was never started, has left no word about its kernel. */
static int account_for(const struct run *r, const struct pool_item *items, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < r->nsel; i++) {
		if (items[i].status == 0)
			continue;
		_cleanup_free_ char *text =
			items[i].status < 0
				? xstrdup("not started")
				: xasprintf("the worker process ended with wait status %#x",
					    (unsigned)items[i].status);

		ret = work_failed(r, i, sig_stop() ? "interrupted" : "infra", text, err);
	}
	return ret;
}

static int boot_all(struct run *r, struct err *err)
{
	_cleanup_free_ struct pool_item *items = xcalloc(r->nsel, sizeof(*items));
	_cleanup_free_ const char **names = xcalloc(r->nsel, sizeof(*names));
	unsigned machines =
		r->o->jobs ? r->o->jobs : pool_machines(r->o->cold ? BOOTED_MIB : RESTORED_MIB);

	for (size_t i = 0; i < r->nsel; i++)
		items[i].name = names[i] = r->m.v[r->sel[i]].name;
	struct display *display = display_new(stderr, names, r->nsel);
	int ret = pool_run(items, r->nsel, machines, work, r, display, err);

	display_free(display);
	return ret < 0 ? ret : account_for(r, items, err);
}

/* KERNEL/postmortem.txt, where there is something to explain. */
static int write_postmortems(const struct run *r, const json_t *records, struct err *err)
{
	_cleanup_mechanisms_ struct mechanisms ms = {0};
	_cleanup_free_ char *path = paths_data("kernels/mechanisms.conf");
	int ret = mechanisms_load(path, &ms, err);

	for (size_t i = 0; !ret && i < r->nsel; i++) {
		_cleanup_json_ json_t *own = record_select(records, r->m.v[r->sel[i]].name);
		_cleanup_free_ char *text = NULL;
		_cleanup_free_ char *file = xasprintf("%s/postmortem.txt", r->kernel_dirs[i]);
		size_t len = 0;
		FILE *f = open_memstream(&text, &len);

		if (!f)
			return err_set(err, ERR_INFRA, errno, "write %s", file);
		postmortem_print_all(f, own, NULL, &ms);
		fclose(f);
		if (len)
			ret = publish_buffer(file, text, len, err);
	}
	return ret;
}

/* Our kernels are judged; a folder that was there before may hold others. */
static int conclude(struct run *r, json_t **records, struct err *err)
{
	_cleanup_json_ json_t *names = kernel_names(r);
	_cleanup_strv_ struct strv judged = {0};
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < r->nsel; i++)
		strv_add(&judged, r->m.v[r->sel[i]].name);
	int failed, ret = report_load(r->dir, &judged, records, err);

	/* For `kernels why`; a run is none the worse without it. */
	if (!ret)
		seen_save(*records, r->dir, &ignored);
	if (!ret)
		ret = write_postmortems(r, *records, err);
	if (!ret)
		ret = suite_write(r->dir, *records, &failed, err);
	if (!ret)
		ret = run_dir_describe(r->dir, r->started, r->o->argc, r->o->argv, names,
				       !sig_stop(), err);
	return ret;
}

/* What a boot left for the replay file is of no use once that is written, or could not be. */
static void remove_kept(const char *dir)
{
	_cleanup_closedir_ DIR *d = opendir(dir);

	for (struct dirent *e; d && (e = readdir(d));)
		if (!fnmatch("initrd-*.cpio", e->d_name, 0) || !fnmatch("rr-*.log", e->d_name, 0))
			unlinkat(dirfd(d), e->d_name, 0);
}

/* What a replay of this kernel's boots cannot promise is said when the file is made. */
static void warn_of_chance(const json_t *records, const char *kernel)
{
	json_t *rec;
	size_t i;

	json_array_foreach (records, i, rec) {
		bool kvm = !strcmp(jstr(rec, "accel", ""), "kvm");

		if (strcmp(jstr(rec, "type", ""), "boot") ||
		    strcmp(jstr(rec, "kernel", ""), kernel) ||
		    strcmp(jstr(rec, "time", ""), "real") || (!kvm && jint(rec, "vcpus", 1) < 2))
			continue;
		fprintf(stderr,
			"%s ran in real time, and QEMU can make no recording of %s: a replay may "
			"differ\n",
			kernel, kvm ? "KVM" : "several vCPUs");
		return;
	}
}

static int save(const struct run *r, const json_t *records, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < r->nsel; i++) {
		_cleanup_kernel_ struct kernel k = {0};

		if (!is_saved(r, i))
			continue;
		if (!sig_stop())
			ret = kernel_get(&r->m.v[r->sel[i]], NULL, &k, err);
		if (!ret && !sig_stop())
			ret = replay_save(r->o->save, &k, r->kernel_dirs[i], records, err);
		remove_kept(r->kernel_dirs[i]);
		if (!ret)
			warn_of_chance(records, k.name ? k.name : "");
	}
	if (ret < 0)
		err_context(err, "the run is in %s, but not saved", r->dir);
	return ret;
}

int run_all(const struct run_opts *o, char **dir, json_t **records, struct err *err)
{
	_cleanup_(run_free) struct run r = {.o = o, .started = time(NULL)};
	int ret = prepare(&r, err);

	if (ret < 0)
		return ret;
	_cleanup_json_ json_t *names = kernel_names(&r);

	ret = run_dir_describe(r.dir, r.started, o->argc, o->argv, names, false, err);
	if (!ret)
		ret = boot_all(&r, err);
	if (!ret)
		ret = conclude(&r, records, err);
	if (!ret)
		ret = save(&r, *records, err);
	if (!ret)
		*dir = steal_ptr(r.dir);
	return ret;
}
