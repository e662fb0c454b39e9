// SPDX-License-Identifier: GPL-2.0-or-later
/* A kernel tree as make leaves it: its image, and the modules that were built and not installed. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "file_kernel.h"
#include "hash.h"
#include "publish.h"

#define FORMAT	  "tree 1" /* of the cache entry */
#define ORDER_MAX (16 << 20)

/* Where a built tree keeps its image. */
static const struct {
	const char *arch, *image;
} trees[] = {
	{"x86_64", "arch/x86/boot/bzImage"},
	{"arm64", "arch/arm64/boot/Image"},
};

#define NTREES (sizeof(trees) / sizeof(*trees))

static bool holds(const char *dir, const char *rel)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, rel);

	return access(path, R_OK) == 0;
}

bool file_is_tree(const char *dir)
{
	for (size_t i = 0; i < NTREES; i++)
		if (holds(dir, trees[i].image))
			return true;
	return false;
}

int file_tree_image(const char *dir, const char *arch, char **image, struct err *err)
{
	const char *other = NULL, *want = NULL;

	for (size_t i = 0; i < NTREES; i++) {
		if (!strcmp(trees[i].arch, arch))
			want = trees[i].image;
		else if (holds(dir, trees[i].image))
			other = trees[i].arch;
	}
	if (want && holds(dir, want)) {
		*image = xasprintf("%s/%s", dir, want);
		return 0;
	}
	if (other)
		return err_set(err, ERR_USER, 0, "%s was built for %s, and the machine is %s", dir,
			       other, arch);
	return err_set(err, ERR_USER, want ? ENOENT : 0,
		       "%s is a directory, and no built kernel tree: %s", dir,
		       want ? want : "nothing is known of its architecture");
}

/*
 * The path in the tree of the module that a line of modules.order names: as it is, or behind a
 * "kernel/" (up to 5.2); as .ko, or (from 6.3 on) as .o. Caller frees; NULL if it was not built.
 */
static char *module_file(const char *dir, const char *line)
{
	const char *dot = strrchr(line, '.');
	const char *names[] = {line, strncmp(line, "kernel/", 7) ? NULL : line + 7};

	for (size_t i = 0; dot && i < 2 && names[i]; i++) {
		_cleanup_free_ char *file = xasprintf("%.*s.ko", (int)(dot - names[i]), names[i]);

		if (*file != '/' && holds(dir, file))
			return steal_ptr(file);
	}
	return NULL;
}

/* What was built, as paths in the tree. */
static int list_modules(const char *dir, struct strv *files, struct err *err)
{
	_cleanup_free_ char *order = xasprintf("%s/modules.order", dir), *text = NULL;
	int ret = access(order, R_OK) < 0 ? 0 : read_file(order, ORDER_MAX, &text, NULL, err);

	for (char *rest = text, *line; !ret && (line = strsep(&rest, "\n"));) {
		char *file = module_file(dir, line);

		if (file)
			strv_add(files, file);
		free(file);
	}
	return ret;
}

struct job {
	const char *dir, *release;
	const struct strv *files;
};

/* Like the source of a kernel: by names, sizes and times. */
static int make_key(const struct job *j, char hex[SHA256_HEX], struct err *err)
{
	struct hash_key *k = hash_key_new();
	int ret = 0;

	hash_key_add(k, FORMAT);
	hash_key_add(k, j->dir);
	hash_key_add(k, j->release);
	for (size_t i = 0; !ret && i < j->files->n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", j->dir, j->files->v[i]);
		struct stat st;

		if (stat(path, &st) < 0) {
			ret = err_set(err, ERR_USER, errno, "open %s", path);
			break;
		}
		_cleanup_free_ char *line =
			xasprintf("%s %jd %jd.%09ld", j->files->v[i], (intmax_t)st.st_size,
				  (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);

		hash_key_add(k, line);
	}
	hash_key_end(k, hex);
	return ret;
}

/* @to/@rel becomes a link to the tree's file. */
static int link_file(const char *tree, const char *rel, const char *to, struct err *err)
{
	_cleanup_free_ char *target = xasprintf("%s/%s", tree, rel);
	_cleanup_free_ char *link = xasprintf("%s/%s", to, rel);
	_cleanup_free_ char *parent = xstrndup(link, strrchr(link, '/') - link);
	int ret = make_dirs(parent, err);

	if (!ret && symlink(target, link) < 0)
		ret = err_set(err, ERR_INFRA, errno, "link %s", link);
	return ret;
}

/* As `make modules_install` would have it, but for the copying; depmod is for modules.c to run. */
static int fill(const char *dir, void *arg, struct err *err)
{
	static const char *const lists[] = {"modules.builtin", "modules.builtin.modinfo"};
	const struct job *j = arg;
	_cleanup_free_ char *to = xasprintf("%s/lib/modules/%s", dir, j->release);
	_cleanup_free_ char *kernel = xasprintf("%s/kernel", to);
	int ret = make_dirs(kernel, err);

	for (size_t i = 0; !ret && i < j->files->n; i++)
		ret = link_file(j->dir, j->files->v[i], kernel, err);
	for (size_t i = 0; !ret && i < sizeof(lists) / sizeof(*lists); i++)
		if (holds(j->dir, lists[i]))
			ret = link_file(j->dir, lists[i], to, err);
	return ret;
}

int file_tree_modules(const char *dir, const char *release, char **root, struct err *err)
{
	_cleanup_strv_ struct strv files = {0};
	struct job j = {dir, release, &files};
	char key[SHA256_HEX];
	int ret = list_modules(dir, &files, err);

	*root = NULL;
	if (ret < 0 || !files.n)
		return ret;
	ret = make_key(&j, key, err);
	return ret ? ret : cache_get("tree", key, fill, &j, root, err);
}
