// SPDX-License-Identifier: GPL-2.0-or-later
#include "build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "kconfig.h"
#include "pool.h"
#include "proc.h"
#include "publish.h"

#define JOB_MIB 512 /* what one compiler and its share of the linker may take */

static const struct {
	const char *program, *package;
} tools[] = {
	{"gcc", "gcc"},	    {"make", "make"}, {"ld", "binutils"}, {"flex", "flex"},
	{"bison", "bison"}, {"bc", "bc"},     {"patch", "patch"},
};

static bool in_path(const char *program)
{
	const char *path = getenv("PATH");
	_cleanup_strv_ struct strv dirs = {0};

	strv_split(&dirs, path ? path : "/usr/bin:/bin", ":");
	for (size_t i = 0; i < dirs.n; i++) {
		_cleanup_free_ char *file = xasprintf("%s/%s", dirs.v[i], program);

		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}

int build_check_tools(struct err *err)
{
	_cleanup_free_ char *missing = xstrdup("");

	for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++) {
		if (in_path(tools[i].program))
			continue;
		char *more = xasprintf("%s %s", missing, tools[i].package);

		free(missing);
		missing = more;
	}
	if (!*missing)
		return 0;
	return err_set(err, ERR_INFRA, 0, "to build a kernel, install:%s", missing);
}

int build_compiler(char **version, struct err *err)
{
	char *argv[] = {"gcc", "--version", NULL};
	int ret = proc_capture(argv, NULL, version, err);

	if (!ret)
		(*version)[strcspn(*version, "\n")] = '\0';
	return ret;
}

/* One build under way. */
struct work {
	const struct build *b;
	struct progress *pg;
	char *dir; /* the work directory: src/ and out/ */
	char *src, *out, *log;
	unsigned files; /* compiled so far */
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
}

/* Near the result, so that source files can be hard links; but kbuild takes no blank or colon. */
static int make_work_dir(struct work *w, const char *dir, struct err *err)
{
	const char *tmp = getenv("TMPDIR");

	w->dir = strpbrk(dir, " \t:") ? xasprintf("%s/sealmatrix-build.XXXXXX", tmp ? tmp : "/tmp")
				      : xasprintf("%s/work.XXXXXX", dir);
	if (strpbrk(w->dir, " \t:")) {
		int ret = err_set(
			err, ERR_USER, 0,
			"a kernel cannot be built below %s: its makefiles take no blanks; set "
			"TMPDIR",
			w->dir);

		free(steal_ptr(w->dir));
		return ret;
	}
	if (!mkdtemp(w->dir)) {
		int saved = errno;
		_cleanup_free_ char *name = steal_ptr(w->dir);

		return err_set(err, ERR_INFRA, saved, "make directory %s", name);
	}
	w->src = xasprintf("%s/src", w->dir);
	w->out = xasprintf("%s/out", w->dir);
	return make_dirs(w->out, err);
}

/* patch(1) replaces files, so the original behind a hard link stays as it is. */
static int copy_tree(const struct work *w, const char *tree, struct err *err)
{
	char *link[] = {"cp", "-al", (char *)tree, w->src, NULL};
	char *copy[] = {"cp", "-a", (char *)tree, w->src, NULL};
	struct err ignored = ERR_INIT;

	if (proc_run(link, NULL, &ignored) == 0)
		return 0;
	int ret = remove_tree(w->src, err);

	return ret ? ret : proc_run(copy, NULL, err);
}

static int apply_patches(const struct work *w, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < w->b->patches.n; i++) {
		char *argv[] = {
			"patch", "-p1",	 "-f", "--fuzz=0",	   "--no-backup-if-mismatch",
			"-d",	 w->src, "-i", w->b->patches.v[i], NULL};
		struct proc_opts opts = {.log = w->log};

		progress_state(w->pg, "patching");
		ret = proc_run(argv, &opts, err);
		if (ret < 0)
			err_context(err, "%s does not apply", w->b->patches.v[i]);
	}
	return ret;
}

static void on_line(void *arg, const char *line)
{
	struct work *w = arg;

	if (strncmp(line, "  CC ", 5) && strncmp(line, "  AS ", 5))
		return;
	w->files++;
	progress_tick(w->pg, "compiling, %u files so far", w->files);
}

static int run_make(struct work *w, const char *target, struct err *err)
{
	/* Who built it, where and when is not to change its bytes. */
	static const char *const env[] = {"KBUILD_BUILD_TIMESTAMP=2025-01-01",
					  "KBUILD_BUILD_USER=sealmatrix",
					  "KBUILD_BUILD_HOST=sealmatrix",
					  "LC_ALL=C",
					  "MAKEFLAGS=",
					  "MAKELEVEL=",
					  NULL};
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned by_memory = pool_jobs_by_memory(JOB_MIB);
	_cleanup_free_ char *jobs =
		xasprintf("-j%u", (long)by_memory < cores ? by_memory : (unsigned)cores);
	_cleanup_free_ char *out = xasprintf("O=%s", w->out),
			    *arch = xasprintf("ARCH=%s", w->b->arch);
	_cleanup_free_ char *local = xasprintf("LOCALVERSION=-%s", w->b->release);
	bool ccache = in_path("ccache");
	char *argv[] = {"make", "-C",		w->src,
			out,	arch,		local,
			jobs,	(char *)target, ccache ? "CC=ccache gcc" : NULL,
			NULL};
	struct proc_opts opts = {.env = env, .log = w->log, .line = on_line, .arg = w};

	return proc_run(argv, &opts, err);
}

static int configure(struct work *w, struct err *err)
{
	_cleanup_free_ char *config = xasprintf("%s/.config", w->out);

	progress_state(w->pg, "configuring the kernel");
	int ret = run_make(w, "tinyconfig", err);

	if (!ret)
		ret = kconfig_append(&w->b->fragments, config, err);
	if (!ret)
		ret = run_make(w, "olddefconfig", err);
	return ret ? ret : kconfig_check(&w->b->fragments, config, err);
}

static int keep_file(const struct work *w, const char *from, const char *dir, const char *to,
		     struct err *err)
{
	_cleanup_free_ char *a = xasprintf("%s/%s", w->out, from), *b = xasprintf("%s/%s", dir, to);
	char *argv[] = {"cp", a, b, NULL};

	return proc_run(argv, NULL, err);
}

static int build(struct work *w, const char *tree, const char *dir, struct err *err)
{
	int ret = copy_tree(w, tree, err);

	if (!ret)
		ret = apply_patches(w, err);
	if (!ret)
		ret = configure(w, err);
	if (ret < 0)
		return ret;
	progress_state(w->pg, "compiling");
	ret = run_make(w, "bzImage", err);
	if (!ret)
		ret = keep_file(w, "arch/x86/boot/bzImage", dir, "vmlinuz", err);
	return ret ? ret : keep_file(w, ".config", dir, "config", err);
}

int build_kernel(const struct build *b, const char *tree, const char *dir, struct progress *pg,
		 struct err *err)
{
	_cleanup_(work_free) struct work w = {.b = b, .pg = pg};
	const char *root = cache_root(err);

	if (!root)
		return -EINVAL;
	_cleanup_free_ char *logs = xasprintf("%s/logs", root);
	int ret = make_dirs(logs, err);

	w.log = xasprintf("%s/%s.log", logs, b->name);
	if (!ret && unlink(w.log) < 0 && errno != ENOENT)
		ret = err_set(err, ERR_INFRA, errno, "remove %s", w.log);
	if (!ret)
		ret = make_work_dir(&w, dir, err);
	if (!ret)
		ret = build(&w, tree, dir, err);
	if (!ret)
		unlink(w.log);
	else if (ret != -EINTR)
		err_context(err, "build of %s (log: %s)", b->name, w.log);
	return ret;
}
