// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "publish.h"
#include "template.h"

struct entry {
	char *path;
	long kib;
	struct timespec used;
};

struct entries {
	struct entry *v;
	size_t n;
};

static void entries_free(struct entries *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->v[i].path);
	free(e->v);
}

static int add(struct entries *e, char *path)
{
	_cleanup_free_ char *ram = xasprintf("%s/ram", path),
			    *seen = xasprintf("%s/ram.seen", path);
	_cleanup_free_ char *own = path;
	struct stat st, last;

	if (stat(ram, &st) < 0)
		return 0;
	e->v = xreallocarray(e->v, e->n + 1, sizeof(*e->v));
	e->v[e->n++] = (struct entry){
		.path = steal_ptr(own),
		.kib = st.st_blocks / 2,
		.used = stat(seen, &last) == 0 ? last.st_mtim : st.st_mtim,
	};
	return 0;
}

/* @tree is @entry, or what a maker has left of it. 1: removed; 0: somebody uses or makes it. */
static int remove_unused(const char *entry, const char *tree, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s.lock", entry);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0)
		return err_set(err, ERR_INFRA, errno, "open lock %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	int ret = remove_tree(tree, err);

	return ret < 0 ? ret : 1;
}

static int list(const char *root, struct entries *e, struct err *err)
{
	_cleanup_closedir_ DIR *d = opendir(root);
	struct dirent *de;
	int ret = 0;

	if (!d)
		return errno == ENOENT ? 0 : err_set(err, ERR_INFRA, errno, "list %s", root);
	while (ret >= 0 && (de = readdir(d))) {
		_cleanup_free_ char *entry =
			xasprintf("%s/%.*s", root, (int)strcspn(de->d_name, "."), de->d_name);
		_cleanup_free_ char *path = xasprintf("%s/%s", root, de->d_name);
		const char *suffix = strchr(de->d_name, '.');

		if (!suffix)
			add(e, steal_ptr(path));
		else if (suffix != de->d_name && !strcmp(suffix, ".tmp"))
			ret = remove_unused(entry, path, err); /* as large as a whole one */
	}
	return ret < 0 ? ret : 0;
}

static int by_use(const void *a, const void *b)
{
	const struct timespec *x = &((const struct entry *)a)->used;
	const struct timespec *y = &((const struct entry *)b)->used;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

int template_trim(long max_kib, struct err *err)
{
	_cleanup_(entries_free) struct entries e = {0};
	const char *root = cache_root(err);

	if (!root)
		return -EINVAL;
	_cleanup_free_ char *dir = xasprintf("%s/template", root);
	int ret = list(dir, &e, err);
	long kib = 0;

	for (size_t i = 0; i < e.n; i++)
		kib += e.v[i].kib;
	if (e.n)
		qsort(e.v, e.n, sizeof(*e.v), by_use);
	for (size_t i = 0; ret >= 0 && i < e.n && kib > max_kib; i++) {
		ret = remove_unused(e.v[i].path, e.v[i].path, err);
		kib -= ret > 0 ? e.v[i].kib : 0;
	}
	return ret < 0 ? ret : 0;
}
