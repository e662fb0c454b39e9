// SPDX-License-Identifier: GPL-2.0-or-later
#include "source.h"

#include <errno.h>
#include <fnmatch.h>
#include <fts.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "deb.h"
#include "json_util.h"
#include "lock.h"
#include "packages.h"
#include "paths.h"
#include "proc.h"
#include "provider.h"
#include "publish.h"

#define SOURCE_FORMAT "source 2" /* of the cache entries */
#define MAX_BYTES     (8LL << 30)

void source_free(struct source *s)
{
	json_decref(s->packages);
	free(s->tarball);
	free(s->tree);
}

/* @rel in one of the directories that the user keeps sources in. Caller frees; NULL if not there.
 */
static char *find_source(const char *rel)
{
	const char *dirs = getenv("SEALMATRIX_SOURCES");
	_cleanup_free_ char *data = paths_data(rel);
	_cleanup_strv_ struct strv list = {0};

	strv_split(&list, dirs ? dirs : "", ":");
	for (size_t i = 0; i < list.n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", list.v[i], rel);

		if (access(path, F_OK) == 0)
			return steal_ptr(path);
	}
	return access(data, F_OK) == 0 ? steal_ptr(data) : NULL;
}

/* The path that @spec has under @key, if it has one. *path is the caller's. */
static int path_of(const struct kernel_spec *spec, const char *key, char **path, struct err *err)
{
	const char *value = spec_get(spec, key);

	if (!value)
		return 0;
	*path = *value == '/' ? xstrdup(value) : find_source(value);
	if (*path)
		return 0;
	err_set(err, ERR_INFRA, 0,
		"%s is not here: no mirror has it, put it into a directory and set "
		"SEALMATRIX_SOURCES to that",
		value);
	return KERNEL_NOT_AVAILABLE;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* What make would go by. Reading a gigabyte to know that nothing changed would take too long. */
static int hash_tree(const char *tree, struct hash_key *k, struct err *err)
{
	char *roots[] = {(char *)tree, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	int bad = fts ? 0 : errno;

	for (FTSENT *e; !bad && (e = fts_read(fts));) {
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
			bad = e->fts_errno;
		if (e->fts_info == FTS_D && !strcmp(e->fts_name, ".git"))
			fts_set(fts, e, FTS_SKIP);
		if (e->fts_info != FTS_F && e->fts_info != FTS_SL)
			continue;
		const struct stat *st = e->fts_statp;
		_cleanup_free_ char *line = xasprintf(
			"%s %jd %jd.%09ld", e->fts_path + strlen(tree), (intmax_t)st->st_size,
			(intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);

		hash_key_add(k, line);
	}
	if (fts)
		fts_close(fts);
	return bad ? err_set(err, ERR_USER, bad, "read the source tree %s", tree) : 0;
}

static int path_key(struct source *s, struct err *err)
{
	struct hash_key *k = hash_key_new();
	int ret;

	hash_key_add(k, SOURCE_FORMAT);
	if (s->tree) {
		_cleanup_free_ char *kconfig = xasprintf("%s/Kconfig", s->tree);

		hash_key_add(k, s->tree);
		ret = access(kconfig, R_OK) < 0
			      ? err_set(err, ERR_USER, errno, "%s is no kernel's source", s->tree)
			      : hash_tree(s->tree, k, err);
	} else {
		ret = hash_key_add_file(k, s->tarball, err);
		if (ret < 0)
			err->kind = ERR_USER; /* it is the matrix that names the file */
	}
	hash_key_end(k, s->key);
	return ret;
}

int source_resolve(const struct kernel_spec *spec, bool network, struct progress *pg,
		   struct source *s, struct err *err)
{
	*s = (struct source){0};
	int ret = path_of(spec, "tarball", &s->tarball, err);

	if (!ret && !s->tarball)
		ret = path_of(spec, "dsc", &s->tarball, err);
	if (!ret && !s->tarball)
		ret = path_of(spec, "tree", &s->tree, err);
	if (ret || s->tarball || s->tree)
		return ret ? ret : path_key(s, err);
	if (network)
		ret = packages_resolve(spec, NULL, pg, &s->packages, err);
	else
		s->packages = lock_read(spec);
	if (!ret && s->packages)
		lock_key(s->packages, SOURCE_FORMAT, s->key);
	return ret;
}

static bool is_tarball(const char *path, void *arg)
{
	(void)arg;
	return !fnmatch("usr/src/linux-source-*.tar.*", path, 0);
}

/*
 * A kernel of this size needs a sixth of the tree. Of the rest only what its configuration and its
 * makefiles read is kept: unpacking is a third of a first run.
 */
static bool is_needed(const char *path, void *arg)
{
	static const char *const heavy[] = {
		"*/Documentation/*",	  "*/sound/*",		 "*/drivers/gpu/*",
		"*/drivers/media/*",	  "*/drivers/staging/*", "*/drivers/net/*/*",
		"*/drivers/infiniband/*", "*/drivers/scsi/*",	 "*/drivers/iio/*",
		"*/drivers/usb/*",	  "*/drivers/crypto/*",	 "*/drivers/mtd/*",
		"*/tools/perf/*",	  "*/tools/testing/*",	 "*/samples/*",
		"*/net/wireless/*",	  "*/arch/[!x]*/*/*"};
	const char *base = strrchr(path, '/');

	(void)arg;
	base = base ? base + 1 : path;
	if (!strncmp(base, "Kconfig", 7) || !strncmp(base, "Makefile", 8) ||
	    !strncmp(base, "Kbuild", 6))
		return true;
	for (size_t i = 0; i < sizeof(heavy) / sizeof(*heavy); i++)
		if (!fnmatch(heavy[i], path, 0))
			return false;
	return true;
}

/* The first name in @dir that matches, with its path. Caller frees; NULL if there is none. */
static char *find_path(const char *dir, const char *pattern)
{
	_cleanup_closedir_ DIR *d = opendir(dir);

	for (struct dirent *e; d && (e = readdir(d));)
		if (!fnmatch(pattern, e->d_name, 0))
			return xasprintf("%s/%s", dir, e->d_name);
	return NULL;
}

struct filling {
	const struct source *s;
	struct progress *pg;
};

/* Is this file one of those packages? */
static bool is_deb(const char *path)
{
	return path && !fnmatch("*.deb", path, 0);
}

/* The tarball inside the package, below @download. *tarball is the caller's. */
static int fetch_tarball(const struct filling *f, const char *download, char **tarball,
			 struct err *err)
{
	_cleanup_free_ char *usr_src = xasprintf("%s/usr/src", download), *deb = NULL;
	int ret = 0;

	if (f->s->tarball)
		deb = xstrdup(f->s->tarball);
	else
		ret = packages_fetch(json_array_get(f->s->packages, 0), download, f->pg, &deb, err);
	if (!ret)
		ret = deb_unpack(deb, download, is_tarball, NULL, MAX_BYTES, err);
	if (ret < 0)
		return ret;
	*tarball = find_path(usr_src, "linux-source-*.tar.*");
	return *tarball ? 0 : err_set(err, ERR_INFRA, 0, "%s holds no source", deb);
}

/* A tarball's one directory, whatever it is called, becomes @tree. */
static int name_tree(const char *dir, const char *tarball, const char *tree, struct err *err)
{
	_cleanup_free_ char *top = find_path(dir, "[!.]*");
	_cleanup_free_ char *kconfig = xasprintf("%s/Kconfig", top ? top : dir);

	if (!top || access(kconfig, R_OK) < 0)
		return err_set(err, ERR_INFRA, 0, "%s holds no directory with a kernel's source",
			       tarball);
	return rename(top, tree) < 0 ? err_set(err, ERR_INFRA, errno, "rename %s to %s", top, tree)
				     : 0;
}

/* dpkg-source compares the parts with the hashes in the .dsc, and applies the distribution's
 * patches. */
static int unpack_dsc(const char *dsc, const char *tree, struct err *err)
{
	char *argv[] = {"dpkg-source", "--no-copy",  "-q", "--extract",
			(char *)dsc,   (char *)tree, NULL};
	int ret = proc_run(argv, NULL, err);

	if (ret == -ENOENT)
		err_context(err, "dpkg-source is missing, install dpkg-dev");
	return ret;
}

/* Entry: tree/ with the source. */
static int fill_source(const char *dir, void *arg, struct err *err)
{
	const struct filling *f = arg;
	_cleanup_free_ char *download = xasprintf("%s/.download", dir), *tarball = NULL;
	_cleanup_free_ char *tree = xasprintf("%s/tree", dir);
	int ret = make_dirs(download, err);

	if (!ret && f->s->tarball && !is_deb(f->s->tarball))
		tarball = xstrdup(f->s->tarball);
	else if (!ret)
		ret = fetch_tarball(f, download, &tarball, err);
	if (ret < 0)
		return ret;
	progress_state(f->pg, "unpacking the kernel source");
	if (!fnmatch("*.dsc", tarball, 0)) {
		ret = unpack_dsc(tarball, tree, err);
	} else {
		ret = deb_unpack(tarball, dir, is_needed, NULL, MAX_BYTES, err);
		if (!ret)
			ret = name_tree(dir, tarball, tree, err);
	}
	return ret ? ret : remove_tree(download, err);
}

int source_tree(const struct source *s, struct progress *pg, char **tree, struct err *err)
{
	struct filling f = {s, pg};
	_cleanup_free_ char *entry = NULL;

	if (s->tree) {
		*tree = xstrdup(s->tree);
		return 0;
	}
	if (cache_is_being_made("source", s->key))
		progress_state(pg, "waiting for another to unpack the same source");
	int ret = cache_get("source", s->key, fill_source, &f, &entry, err);

	if (!ret)
		*tree = xasprintf("%s/tree", entry);
	return ret;
}

char *source_origin(const struct kernel_spec *spec, const struct source *s)
{
	static const char *const keys[] = {"tarball", "dsc", "tree"};

	if (s->tree || s->tarball)
		return xstrdup(s->tree ? s->tree : s->tarball);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (spec_get(spec, keys[i])) /* not here */
			return xstrdup(spec_get(spec, keys[i]));
	return s->packages ? packages_origin(s->packages) : packages_describe(spec);
}

char *source_version(const struct source *s)
{
	if (s->packages)
		return xstrdup(jstr(json_array_get(s->packages, 0), "version", "?"));
	const char *path = s->tree ? s->tree : s->tarball;
	const char *slash = strrchr(path, '/');

	return xstrdup(slash ? slash + 1 : path);
}

/* The number behind @name at the beginning of a line of @makefile; -1 if there is none. */
static int makefile_number(const char *makefile, const char *name)
{
	int n;

	for (const char *p = makefile; (p = strstr(p, name)); p += strlen(name))
		if ((p == makefile || p[-1] == '\n') && sscanf(p + strlen(name), " = %d", &n) == 1)
			return n;
	return -1;
}

static char *tree_series(const char *tree)
{
	_cleanup_free_ char *path = xasprintf("%s/Makefile", tree), *text = NULL;
	struct err ignored = ERR_INIT;

	if (read_file(path, 1 << 20, &text, NULL, &ignored) < 0)
		return NULL;
	int major = makefile_number(text, "VERSION"), minor = makefile_number(text, "PATCHLEVEL");

	return major < 0 || minor < 0 ? NULL : xasprintf("%d.%d", major, minor);
}

char *source_series(const struct source *s)
{
	const char *name =
		s->tarball ? s->tarball : jstr(json_array_get(s->packages, 0), "name", "");
	const char *slash = strrchr(name, '/');
	unsigned major, minor;

	if (s->tree)
		return tree_series(s->tree);
	name = slash ? slash + 1 : name;
	if (sscanf(name + strcspn(name, "0123456789"), "%u.%u", &major, &minor) != 2)
		return NULL;
	return xasprintf("%u.%u", major, minor);
}
