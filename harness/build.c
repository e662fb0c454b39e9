// SPDX-License-Identifier: GPL-2.0-or-later
#include "build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_watch.h"
#include "cache.h"
#include "cleanup.h"
#include "kconfig.h"
#include "pool.h"
#include "proc.h"
#include "publish.h"

#define JOB_MIB	    512 /* what one compiler and its share of the linker may take */
#define NOT_IN_MAKE " \t\n:#$%\"'\\"

/* One build under way. */
struct work {
	const struct build *b;
	struct progress *pg;
	char *dir; /* holds src/, removed at the end */
	char *src; /* patched copy of the tree */
	char *out; /* what make writes; below src/, so that kbuild names sources by "../" */
	char *log; /* of all children */
	struct build_watch watch;
};

static void work_free(struct work *w)
{
	struct err ignored = ERR_INIT;

	if (w->dir)
		remove_tree(w->dir, &ignored);
	free(w->dir);
	free(w->src);
	free(w->out);
	free(w->log);
	build_watch_free(&w->watch);
}

bool build_path_ok(const char *path)
{
	return !strpbrk(path, NOT_IN_MAKE);
}

static int make_temporary(char **dir, struct err *err)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *path = xasprintf("%s/sealmatrix-build.XXXXXX", tmp ? tmp : "/tmp");

	if (!build_path_ok(path))
		return err_set(err, ERR_USER, 0,
			       "a kernel cannot be built below %s: its makefiles take no blanks "
			       "or special characters; set TMPDIR",
			       path);
	if (!mkdtemp(path))
		return err_set(err, ERR_INFRA, errno, "make directory %s", path);
	*dir = steal_ptr(path);
	return 0;
}

static int make_work_dir(struct work *w, struct err *err)
{
	const char *path = w->b->work;
	int ret;

	if (path) {
		w->dir = xstrdup(path);
		ret = remove_tree(path, err); /* the remains of a run that was killed */
		if (!ret)
			ret = make_dirs(path, err);
	} else {
		ret = make_temporary(&w->dir, err);
	}
	if (ret < 0)
		return ret;
	w->src = xasprintf("%s/src", w->dir);
	w->out = xasprintf("%s/out", w->src);
	return 0;
}

/* patch(1) replaces files, so the original behind a hard link stays as it is. */
static int copy_source(const struct work *w, const char *tree, struct err *err)
{
	char *link[] = {"cp", "-al", (char *)tree, w->src, NULL};
	char *copy[] = {"cp", "-a", (char *)tree, w->src, NULL};
	struct err ignored = ERR_INIT;

	if (proc_run(link, NULL, &ignored) == 0)
		return 0;
	int ret = remove_tree(w->src, err);

	return ret ? ret : proc_run(copy, NULL, err);
}

/* Not by hard links: make rewrites some files in place. */
static int copy_objects(const struct work *w, const char *objects, struct err *err)
{
	char *argv[] = {"cp", "-a", "--reflink=auto", (char *)objects, w->out, NULL};

	return objects ? proc_run(argv, NULL, err) : make_dirs(w->out, err);
}

static int apply(const struct work *w, const struct strv *patches, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < patches->n; i++) {
		char *argv[] = {"patch", "-p1",	 "-f", "--fuzz=0",    "--no-backup-if-mismatch",
				"-d",	 w->src, "-i", patches->v[i], NULL};
		struct proc_opts opts = {.log = w->log};

		progress_state(w->pg, "patching");
		ret = proc_run(argv, &opts, err);
		if (ret < 0 && ret != -EINTR)
			err_context(err, "%s does not apply", patches->v[i]);
	}
	return ret;
}

/* As many as there are processors for us, and memory for. */
static unsigned jobs(void)
{
	return pool_machines(JOB_MIB);
}

static void make_argv(const struct work *w, const char *target, struct strv *argv)
{
	const struct workarounds *old = &w->b->workarounds;

	strv_add(argv, "make");
	strv_add(argv, "-C");
	strv_add(argv, w->src);
	strv_addf(argv, "O=%s", w->out);
	strv_addf(argv, "ARCH=%s", w->b->arch);
	strv_addf(argv, "LOCALVERSION=-%s", w->b->release);
	strv_addf(argv, "-j%u", jobs());
	strv_add(argv, target);
	if (old->cc || proc_in_path("ccache"))
		strv_addf(argv, "CC=%sgcc%s%s", proc_in_path("ccache") ? "ccache " : "",
			  old->cc ? " " : "", old->cc ? old->cc : "");
	if (old->ld)
		strv_addf(argv, "LD=ld %s", old->ld);
	if (old->kcflags)
		strv_addf(argv, "KCFLAGS=%s", old->kcflags);
	if (old->hostcflags)
		strv_addf(argv, "HOSTCFLAGS=%s", old->hostcflags);
	for (size_t i = 0; i < old->make.n; i++)
		strv_add(argv, old->make.v[i]);
}

static int run_make(struct work *w, const char *target, struct err *err)
{
	static const char *const env[] = {
		/* Who built it, where, when and how often is not to change its bytes. */
		"KBUILD_BUILD_TIMESTAMP=2025-01-01", "KBUILD_BUILD_USER=sealmatrix",
		"KBUILD_BUILD_HOST=sealmatrix", "KBUILD_BUILD_VERSION=1", "LC_ALL=C",
		/* What a kernel developer's shell may have set is in no cache key. */
		"CROSS_COMPILE=", "LLVM=", "KCFLAGS=", "KAFLAGS=", "KCPPFLAGS=", "KBUILD_VERBOSE=",
		/* Nor are we part of the make that may have started us. */
		"MAKEFLAGS=", "GNUMAKEFLAGS=", "MFLAGS=", "MAKELEVEL=",
		/* The user's own file would be written to, or read as the answer to everything. */
		"KCONFIG_CONFIG", "KCONFIG_ALLCONFIG", NULL};
	_cleanup_strv_ struct strv argv = {0};
	struct proc_opts opts = {.env = env,
				 .log = w->log,
				 .line = build_watch_line,
				 .arg = &w->watch,
				 .guarded = true,
				 .keep = w->b->lock};

	make_argv(w, target, &argv);
	int ret = proc_run(argv.v, &opts, err);

	if (ret < 0 && ret != -EINTR)
		build_watch_explain(&w->watch, w->dir, err);
	return ret;
}

static void tell(const struct work *w, const struct kconfig_notes *notes)
{
	_cleanup_free_ char *unknown = strv_join(&notes->unknown, " ");
	_cleanup_free_ char *not_taken = strv_join(&notes->not_taken, " ");

	if (notes->unknown.n)
		progress_note(w->pg, "its source has no %s: built without", unknown);
	if (notes->not_taken.n)
		progress_note(w->pg, "it could not be configured with %s", not_taken);
}

/* A tree that was copied with its objects has its configuration, but a patch may change Kconfig. */
static int configure(struct work *w, bool fresh, struct err *err)
{
	_cleanup_free_ char *config = xasprintf("%s/.config", w->out);
	_cleanup_kconfig_notes_ struct kconfig_notes notes = {
		.unknown_noted = w->b->workarounds.unknown_noted};
	int ret = 0;

	progress_state(w->pg, "configuring the kernel");
	if (fresh)
		ret = run_make(w, "tinyconfig", err);
	if (!ret && fresh)
		ret = kconfig_append(&w->b->fragments, config, err);
	if (!ret)
		ret = run_make(w, "olddefconfig", err);
	if (!ret)
		ret = kconfig_check(&w->b->fragments, config, w->src, &notes, err);
	if (!ret && fresh)
		tell(w, &notes);
	return ret;
}

static int move_out(const struct work *w, const char *from, const char *dir, const char *to,
		    struct err *err)
{
	_cleanup_free_ char *a = xasprintf("%s/%s", w->out, from), *b = xasprintf("%s/%s", dir, to);
	char *argv[] = {"mv", a, b, NULL};

	return proc_run(argv, NULL, err);
}

typedef int keep_fn(const struct work *w, const char *dir, struct err *err);

static int keep_objects(const struct work *w, const char *dir, struct err *err)
{
	return move_out(w, "", dir, "out", err);
}

static int keep_kernel(const struct work *w, const char *dir, struct err *err)
{
	int ret = move_out(w, "arch/x86/boot/bzImage", dir, "vmlinuz", err);

	if (!ret)
		ret = move_out(w, ".config", dir, "config", err);
	/* For a debugger, and for the addresses of a kernel that got stuck. */
	if (!ret)
		ret = move_out(w, "System.map", dir, "System.map", err);
	return ret ? ret : move_out(w, "vmlinux", dir, "vmlinux", err);
}

static int build_steps(struct work *w, const char *tree, const char *objects, struct err *err)
{
	int ret = make_work_dir(w, err);

	if (!ret)
		ret = copy_source(w, tree, err);
	if (!ret)
		ret = copy_objects(w, objects, err);
	if (!ret)
		ret = apply(w, &w->b->workarounds.patches, err);
	if (!ret)
		ret = apply(w, &w->b->patches, err);
	if (!ret)
		ret = configure(w, !objects, err);
	if (ret < 0)
		return ret;
	/* What is left to do after a patch is not much, and nobody can tell. */
	w->watch.expected = objects ? 0 : build_watch_expected(w->b->arch);
	progress_state(w->pg, "compiling");
	ret = run_make(w, "bzImage", err);
	if (!ret && !objects)
		build_watch_remember(&w->watch, w->b->arch);
	return ret;
}

static int build(const struct build *b, const char *tree, const char *objects, keep_fn *keep,
		 const char *dir, struct progress *pg, struct err *err)
{
	_cleanup_(work_free) struct work w = {.b = b, .pg = pg, .watch = {.pg = pg}};
	const char *root = cache_root(err);

	if (!root)
		return -EINVAL;
	_cleanup_free_ char *logs = xasprintf("%s/logs", root);
	int ret = make_dirs(logs, err);

	w.log = xasprintf("%s/%s%s.log", logs, b->name, keep == keep_objects ? "-objects" : "");
	if (!ret && unlink(w.log) < 0 && errno != ENOENT)
		ret = err_set(err, ERR_INFRA, errno, "remove %s", w.log);
	if (!ret)
		ret = build_steps(&w, tree, objects, err);
	if (!ret)
		ret = keep(&w, dir, err);
	if (ret < 0 && ret != -EINTR)
		err_context(err, "build of %s (log: %s)", b->name, w.log);
	return ret;
}

int build_objects(const struct build *b, const char *tree, const char *dir, struct progress *pg,
		  struct err *err)
{
	struct build plain = *b;

	plain.patches = (struct strv){0};
	return build(&plain, tree, NULL, keep_objects, dir, pg, err);
}

int build_kernel(const struct build *b, const char *tree, const char *objects, const char *dir,
		 struct progress *pg, struct err *err)
{
	return build(b, tree, objects, keep_kernel, dir, pg, err);
}
