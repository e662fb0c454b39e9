// SPDX-License-Identifier: GPL-2.0-or-later
#include "build_watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "cache.h"
#include "cleanup.h"
#include "publish.h"
#include "xalloc.h"

/* Of the configuration in kernels/config; 5.10 to 6.12 differ by some 50. */
#define USUAL_FILES 1000

void build_watch_free(struct build_watch *w)
{
	free(w->cause);
}

void build_watch_line(void *arg, const char *line)
{
	struct build_watch *w = arg;

	/* With several jobs the first error is seldom among the last lines. */
	if (!w->cause && strstr(line, "error: "))
		w->cause = xstrdup(line);
	w->full |= strstr(line, "No space left on device") != NULL;
	if (strncmp(line, "  CC ", 5) && strncmp(line, "  AS ", 5))
		return;
	w->files++;
	if (w->expected)
		progress_tick(w->pg, "compiling, file %u of about %u", w->files,
			      w->files > w->expected ? w->files : w->expected);
	else
		progress_tick(w->pg, "compiling, %u files so far", w->files);
}

static unsigned long free_mib(const char *dir)
{
	struct statvfs st;

	return statvfs(dir, &st) < 0 ? 0 : (unsigned long)(st.f_bavail * (st.f_frsize >> 10) >> 10);
}

void build_watch_explain(const struct build_watch *w, const char *dir, struct err *err)
{
	const char *tmp = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";

	if (w->full)
		err_context(
			err,
			"no space left: a build takes some 500 MiB in %s, where %lu MiB are free, "
			"and some in TMPDIR (%s: %lu MiB)",
			dir, free_mib(dir), tmp, free_mib(tmp));
	else if (w->cause)
		err_context(err, "%s", w->cause);
}

static char *count_path(const char *arch)
{
	struct err ignored = ERR_INIT;
	const char *root = cache_root(&ignored);

	return root ? xasprintf("%s/logs/files-%s", root, arch) : NULL;
}

unsigned build_watch_expected(const char *arch)
{
	_cleanup_free_ char *path = count_path(arch), *text = NULL;
	struct err ignored = ERR_INIT;

	if (!path || read_file(path, 32, &text, NULL, &ignored) < 0)
		return USUAL_FILES;
	unsigned n = (unsigned)strtoul(text, NULL, 10);

	return n ? n : USUAL_FILES;
}

void build_watch_remember(const struct build_watch *w, const char *arch)
{
	_cleanup_free_ char *path = count_path(arch), *text = xasprintf("%u\n", w->files);
	struct err ignored = ERR_INIT;

	if (path)
		publish_buffer(path, text, strlen(text), &ignored);
}
