// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernels from Debian's packages: image, configuration and modules, and nothing else of them. */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "deb.h"
#include "hash.h"
#include "json_util.h"
#include "kernel_entry.h"
#include "lock.h"
#include "packages.h"
#include "provider.h"
#include "publish.h"

#define FORMAT "debian 1" /* of the cache entry */

/*
 * From 6.19 on linux-image-* is an empty shell that depends on linux-binary-* (the image) and
 * linux-modules-*: such dependencies are followed, whatever the version.
 */
static bool is_part(const char *name)
{
	return (!fnmatch("linux-binary-*", name, 0) || !fnmatch("linux-modules-*", name, 0)) &&
	       fnmatch("*-dbg", name, 0);
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
		ret = deb_unpack(path, dir, kernel_entry_wants, NULL, KERNEL_ENTRY_MAX, err);
	}
	if (remove_tree(download, ret ? &second : err) < 0 && !ret)
		ret = -EIO;
	return ret;
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
	return kernel_entry_settle(dir, err);
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
	if (cache_is_being_made("kernel", key))
		progress_state(pg, "waiting for another sealmatrix that fetches it");
	ret = cache_get("kernel", key, fill, &job, &out->entry, err);
	if (ret < 0)
		return ret;
	out->version = xstrdup(jstr(json_array_get(packages, 0), "version", "?"));
	out->origin = packages_origin(packages);
	return kernel_entry_read(out, spec->arch, err);
}

/* The entry of what is locked; NULL when nothing is. Caller frees. */
static char *locked_entry(const struct kernel_spec *spec)
{
	_cleanup_json_ json_t *locked = lock_read(spec);
	char key[SHA256_HEX];

	if (!locked)
		return NULL;
	lock_key(locked, FORMAT, key);
	return cache_path("kernel", key);
}

static int describe(const struct kernel_spec *spec, char **about, char **where, struct err *err)
{
	_cleanup_free_ char *entry = locked_entry(spec);

	*about = packages_describe(spec);
	if (entry)
		*where = cache_find("kernel", strrchr(entry, '/') + 1);
	return *where ? 0 : packages_possible(spec, err);
}

static int uses(const struct kernel_spec *spec, struct strv *entries, struct err *err)
{
	_cleanup_free_ char *entry = locked_entry(spec);

	(void)err;
	if (entry)
		strv_add(entries, entry);
	return 0;
}

const struct provider provider_debian = {
	.name = "debian", .get = get, .describe = describe, .uses = uses};
