// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernels from Debian's packages: image, configuration and modules, and nothing else of them. */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "deb.h"
#include "hash.h"
#include "json_util.h"
#include "lock.h"
#include "packages.h"
#include "provider.h"
#include "publish.h"

#define FORMAT	  "debian 1" /* of the cache entry */
#define MAX_BYTES (2LL << 30)

/*
 * Entry: vmlinuz, config, lib/modules/RELEASE/. From 6.19 on linux-image-* is an empty shell that
 * depends on linux-binary-* (the image) and linux-modules-*: such dependencies are followed,
 * whatever the version.
 */
static bool is_part(const char *name)
{
	return (!fnmatch("linux-binary-*", name, 0) || !fnmatch("linux-modules-*", name, 0)) &&
	       fnmatch("*-dbg", name, 0);
}

static bool wanted(const char *path, void *arg)
{
	static const char *const patterns[] = {"boot/vmlinuz-*", "boot/config-*", "lib/modules/*",
					       "usr/lib/modules/*"};

	(void)arg;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		if (!fnmatch(patterns[i], path, 0))
			return true;
	return false;
}

struct job {
	const json_t *packages;
	struct progress *pg;
};

static int unpack_one(const json_t *package, const char *dir, struct progress *pg, struct err *err)
{
	_cleanup_free_ char *download = xasprintf("%s/download", dir), *path = NULL;
	struct err second = ERR_INIT;
	int ret = make_dirs(download, err);

	if (!ret)
		ret = packages_fetch(package, download, pg, &path, err);
	if (!ret) {
		progress_state(pg, "unpacking %s", jstr(package, "name", "?"));
		ret = deb_unpack(path, dir, wanted, NULL, MAX_BYTES, err);
	}
	if (remove_tree(download, ret ? &second : err) < 0 && !ret)
		ret = -EIO;
	return ret;
}

static int move(const char *from, const char *to, struct err *err)
{
	return rename(from, to) < 0 ? err_set(err, ERR_INFRA, errno, "rename %s to %s", from, to)
				    : 0;
}

/* The first name in @dir that matches. Caller frees; NULL if there is none. */
static char *find_name(const char *dir, const char *pattern)
{
	_cleanup_closedir_ DIR *d = opendir(dir);

	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.' && !fnmatch(pattern, e->d_name, 0))
			return xstrdup(e->d_name);
	return NULL;
}

/* Everything in @from to the same name in @to, which both exist. */
static int move_all(const char *from, const char *to, struct err *err)
{
	_cleanup_free_ char *name = NULL;
	int ret = 0;

	while (!ret && (name = find_name(from, "*"))) {
		_cleanup_free_ char *old = xasprintf("%s/%s", from, name);
		_cleanup_free_ char *new = xasprintf("%s/%s", to, name);

		ret = move(old, new, err);
		free(steal_ptr(name));
	}
	return ret;
}

/* usr/lib and lib are one directory on an installed system, and packages may use both names. */
static int merge_usr(const char *dir, struct err *err)
{
	_cleanup_free_ char *usr = xasprintf("%s/usr/lib/modules", dir);
	_cleanup_free_ char *release = find_name(usr, "*");

	if (!release)
		return 0;
	_cleanup_free_ char *from = xasprintf("%s/%s", usr, release);
	_cleanup_free_ char *to = xasprintf("%s/lib/modules/%s", dir, release);
	int ret = make_dirs(to, err);

	return ret ? ret : move_all(from, to, err);
}

static int settle_image(const char *dir, const char *boot, const char *release, struct err *err)
{
	_cleanup_free_ char *name = find_name(boot, "vmlinuz-*");
	_cleanup_free_ char *from = name ? xasprintf("%s/%s", boot, name)
					 : xasprintf("%s/lib/modules/%s/vmlinuz", dir, release);
	_cleanup_free_ char *to = xasprintf("%s/vmlinuz", dir);

	if (access(from, R_OK) < 0)
		return err_set(err, ERR_INFRA, errno, "the packages hold no kernel image: %s",
			       from);
	return move(from, to, err);
}

/* From the packages' layout to the entry's. */
static int settle(const char *dir, struct err *err)
{
	_cleanup_free_ char *boot = xasprintf("%s/boot", dir), *usr = xasprintf("%s/usr", dir);
	int ret = merge_usr(dir, err);
	_cleanup_free_ char *modules = xasprintf("%s/lib/modules", dir);
	_cleanup_free_ char *release = find_name(modules, "*");

	if (!ret)
		ret = settle_image(dir, boot, release ? release : "RELEASE", err);
	if (ret < 0)
		return ret;
	_cleanup_free_ char *name = find_name(boot, "config-*");

	if (name) {
		_cleanup_free_ char *from = xasprintf("%s/%s", boot, name);
		_cleanup_free_ char *to = xasprintf("%s/config", dir);

		ret = move(from, to, err);
	}
	if (!ret)
		ret = remove_tree(boot, err);
	return ret ? ret : remove_tree(usr, err);
}

static int fill(const char *dir, void *arg, struct err *err)
{
	const struct job *job = arg;
	json_t *p;
	size_t i;
	int ret = 0;

	json_array_foreach (job->packages, i, p) {
		ret = unpack_one(p, dir, job->pg, err);
		if (ret < 0)
			return ret;
	}
	return settle(dir, err);
}

static int describe_entry(const json_t *packages, const char *arch, struct kernel *out,
			  struct err *err)
{
	_cleanup_free_ char *modules = xasprintf("%s/lib/modules", out->entry);
	_cleanup_free_ char *config = xasprintf("%s/config", out->entry);
	_cleanup_free_ char *release = find_name(modules, "*");

	out->image = xasprintf("%s/vmlinuz", out->entry);
	out->config = access(config, R_OK) == 0 ? steal_ptr(config) : NULL;
	out->version = xstrdup(jstr(json_array_get(packages, 0), "version", "?"));
	out->origin = packages_origin(packages);

	int ret = image_release(out->image, arch, &out->release, err);

	if (ret == -ENOMSG)
		out->release = release ? xstrdup(release) : NULL;
	_cleanup_free_ char *own = xasprintf("%s/%s", modules, out->release ? out->release : "?");
	_cleanup_free_ char *first = find_name(own, "*");

	out->modules = first ? xstrdup(out->entry) : NULL;
	return ret == -ENOMSG ? 0 : ret;
}

static int get(const struct kernel_spec *spec, struct progress *pg, struct kernel *out,
	       struct err *err)
{
	_cleanup_json_ json_t *packages = NULL;
	char key[SHA256_HEX];
	int ret = packages_resolve(spec, is_part, pg, &packages, err);

	if (ret < 0)
		return ret;
	struct job job = {packages, pg};

	lock_key(packages, FORMAT, key);
	ret = cache_get("kernel", key, fill, &job, &out->entry, err);
	return ret ? ret : describe_entry(packages, spec->arch, out, err);
}

static int describe(const struct kernel_spec *spec, char **about, int *cached, struct err *err)
{
	_cleanup_json_ json_t *locked = lock_read(spec);
	char key[SHA256_HEX];

	(void)err;
	*about = packages_describe(spec);
	*cached = 0;
	if (locked) {
		lock_key(locked, FORMAT, key);
		*cached = cache_has("kernel", key);
	}
	return 0;
}

const struct provider provider_debian = {.name = "debian", .get = get, .describe = describe};
