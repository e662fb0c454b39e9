// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernels built here from one of Debian's linux-source packages, small, with patches of our own. */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build.h"
#include "cache.h"
#include "cleanup.h"
#include "deb.h"
#include "hash.h"
#include "json_util.h"
#include "lock.h"
#include "packages.h"
#include "paths.h"
#include "proc.h"
#include "provider.h"
#include "publish.h"

#define SOURCE_FORMAT "source 2" /* of the cache entries */
#define BUILD_FORMAT  "build 1"
#define MAX_BYTES     (8LL << 30)

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

struct job {
	const struct kernel_spec *spec;
	const json_t *packages;
	const struct build *build;
	struct progress *pg;
};

/* The first name in @dir that matches, with its path. Caller frees; NULL if there is none. */
static char *find_path(const char *dir, const char *pattern)
{
	_cleanup_closedir_ DIR *d = opendir(dir);

	for (struct dirent *e; d && (e = readdir(d));)
		if (!fnmatch(pattern, e->d_name, 0))
			return xasprintf("%s/%s", dir, e->d_name);
	return NULL;
}

/* Entry: tree/ with the source. */
static int fill_source(const char *dir, void *arg, struct err *err)
{
	const struct job *job = arg;
	_cleanup_free_ char *download = xasprintf("%s/download", dir), *deb = NULL;
	_cleanup_free_ char *usr_src = xasprintf("%s/usr/src", download);
	_cleanup_free_ char *tree = xasprintf("%s/tree", dir);
	int ret = make_dirs(download, err);

	if (!ret)
		ret = packages_fetch(json_array_get(job->packages, 0), download, job->pg, &deb,
				     err);
	if (!ret)
		ret = deb_unpack(deb, download, is_tarball, NULL, MAX_BYTES, err);
	_cleanup_free_ char *tarball = ret ? NULL : find_path(usr_src, "linux-source-*.tar.*");

	if (!ret && !tarball)
		ret = err_set(err, ERR_INFRA, 0, "%s holds no source", deb);
	if (!ret) {
		progress_state(job->pg, "unpacking the kernel source");
		ret = deb_unpack(tarball, dir, is_needed, NULL, MAX_BYTES, err);
	}
	_cleanup_free_ char *top = ret ? NULL : find_path(dir, "linux-*");

	if (!ret && (!top || rename(top, tree) < 0))
		ret = err_set(err, ERR_INFRA, errno, "find the source tree in %s", tarball);
	return ret ? ret : remove_tree(download, err);
}

/* Entry: vmlinuz, config. */
static int fill_kernel(const char *dir, void *arg, struct err *err)
{
	struct job *job = arg;
	_cleanup_free_ char *entry = NULL;
	char key[SHA256_HEX];
	int ret = build_check_tools(err);

	lock_key(job->packages, SOURCE_FORMAT, key);
	if (!ret)
		ret = cache_get("source", key, fill_source, job, &entry, err);
	if (ret < 0)
		return ret;
	_cleanup_free_ char *tree = xasprintf("%s/tree", entry);

	return build_kernel(job->build, tree, dir, job->pg, err);
}

/* Configuration fragments and patches by the words of the matrix, as files. */
static int add_files(const struct kernel_spec *spec, const char *key, struct strv *files,
		     struct err *err)
{
	_cleanup_strv_ struct strv words = {0};
	const char *value = spec_get(spec, key);

	strv_split(&words, value ? value : "", " \t\n");
	for (size_t i = 0; i < words.n; i++) {
		_cleanup_free_ char *rel = xasprintf("kernels/%s", words.v[i]);
		_cleanup_free_ char *path = paths_data(rel);

		if (access(path, R_OK) < 0)
			return err_set(err, ERR_USER, errno, "its entry in the matrix names %s",
				       path);
		strv_add(files, path);
	}
	return 0;
}

static int build_from_spec(const struct kernel_spec *spec, struct build *b, struct err *err)
{
	const char *release = spec_get(spec, "release");
	int ret = add_files(spec, "config", &b->fragments, err);

	if (!ret)
		ret = add_files(spec, "patches", &b->patches, err);
	b->name = spec->name;
	b->arch = spec->arch;
	b->release = release ? release : "sealmatrix";
	if (!ret && !b->fragments.n)
		ret = err_set(err, ERR_USER, 0, "its entry in the matrix needs the key 'config'");
	return ret;
}

/* All that a built kernel depends on. */
static int build_key(const struct build *b, const json_t *packages, char hex[SHA256_HEX],
		     struct err *err)
{
	_cleanup_free_ char *compiler = NULL;
	char source[SHA256_HEX];
	int ret = build_compiler(&compiler, err);

	if (ret < 0)
		return ret;
	struct hash_key *k = hash_key_new();

	lock_key(packages, SOURCE_FORMAT, source);
	hash_key_add(k, BUILD_FORMAT);
	hash_key_add(k, source);
	hash_key_add(k, compiler);
	hash_key_add(k, b->arch);
	hash_key_add(k, b->release);
	for (size_t i = 0; !ret && i < b->fragments.n; i++)
		ret = hash_key_add_file(k, b->fragments.v[i], err);
	hash_key_add(k, "patches");
	for (size_t i = 0; !ret && i < b->patches.n; i++)
		ret = hash_key_add_file(k, b->patches.v[i], err);
	hash_key_end(k, hex);
	return ret;
}

static void build_free(struct build *b)
{
	strv_free(&b->fragments);
	strv_free(&b->patches);
}

static int get(const struct kernel_spec *spec, struct progress *pg, struct kernel *out,
	       struct err *err)
{
	_cleanup_(build_free) struct build b = {0};
	_cleanup_json_ json_t *packages = NULL;
	char key[SHA256_HEX];
	int ret = build_from_spec(spec, &b, err);

	if (!ret)
		ret = packages_resolve(spec, NULL, pg, &packages, err);
	if (!ret)
		ret = build_key(&b, packages, key, err);
	if (ret < 0)
		return ret;
	struct job job = {spec, packages, &b, pg};

	ret = cache_get("kernel", key, fill_kernel, &job, &out->entry, err);
	if (ret < 0)
		return ret;
	_cleanup_free_ char *origin = packages_origin(packages);

	out->image = xasprintf("%s/vmlinuz", out->entry);
	out->config = xasprintf("%s/config", out->entry);
	out->version = xstrdup(jstr(json_array_get(packages, 0), "version", "?"));
	out->origin = xasprintf("built from %s%s%s", origin, b.patches.n ? " with " : "",
				b.patches.n ? strrchr(b.patches.v[0], '/') + 1 : "");
	return image_release(out->image, spec->arch, &out->release, err);
}

static int describe(const struct kernel_spec *spec, char **about, int *cached, struct err *err)
{
	_cleanup_(build_free) struct build b = {0};
	_cleanup_json_ json_t *locked = lock_read(spec);
	_cleanup_free_ char *what = packages_describe(spec);
	const char *patches = spec_get(spec, "patches");
	char key[SHA256_HEX];
	int ret = build_from_spec(spec, &b, err);

	*about = xasprintf("built from %s%s%s", what, patches ? " with " : "",
			   patches ? patches : "");
	*cached = 0;
	if (!ret && locked) {
		ret = build_key(&b, locked, key, err);
		*cached = !ret && cache_has("kernel", key);
	}
	return ret;
}

const struct provider provider_source = {.name = "source", .get = get, .describe = describe};
