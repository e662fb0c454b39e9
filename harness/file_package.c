// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernels from a distribution's package files. */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "deb.h"
#include "file_kernel.h"
#include "hash.h"
#include "kernel_entry.h"

#define FORMAT "packages 1" /* of the cache entry */

/*
 * Which packages make one kernel: the rest of their file names (release, version, architecture) is
 * the same.
 */
static const struct {
	const char *prefix, *parts[3];
} families[] = {
	/* Ubuntu */
	{"linux-image-unsigned-", {"linux-modules-", "linux-modules-extra-"}},
	/* Debian from 6.19 on (the image package is empty), and Ubuntu */
	{"linux-image-", {"linux-binary-", "linux-modules-", "linux-modules-extra-"}},
	{"linux-binary-", {"linux-modules-"}},
	/* Fedora and its kin */
	{"kernel-core-", {"kernel-modules-core-", "kernel-modules-"}},
};

bool file_is_package(const char *path)
{
	return !fnmatch("*.deb", path, 0) || !fnmatch("*.rpm", path, 0);
}

/* @path and the packages beside it that belong to it. */
static void find_parts(const char *path, struct strv *files)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	int dir = (int)(base - path);

	strv_add(files, path);
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		const char *const *part = families[i].parts;
		size_t len = strlen(families[i].prefix);

		if (strncmp(base, families[i].prefix, len))
			continue;
		for (size_t j = 0; j < sizeof(families->parts) / sizeof(*part) && part[j]; j++) {
			_cleanup_free_ char *other =
				xasprintf("%.*s%s%s", dir, path, part[j], base + len);

			if (access(other, R_OK) == 0)
				strv_add(files, other);
		}
		return;
	}
}

static int make_key(const struct strv *files, char hex[SHA256_HEX], struct err *err)
{
	struct hash_key *k = hash_key_new();
	int ret = 0;

	hash_key_add(k, FORMAT);
	for (size_t i = 0; !ret && i < files->n; i++) {
		struct stat st;

		if (stat(files->v[i], &st) == 0 && !S_ISREG(st.st_mode))
			ret = err_set(err, ERR_USER, 0, "%s is no package", files->v[i]);
		else
			ret = hash_key_add_file(k, files->v[i], err);
	}
	hash_key_end(k, hex);
	if (ret < 0)
		err->kind = ERR_USER; /* it is the user who named it */
	return ret;
}

struct job {
	const struct strv *files;
	struct progress *pg;
};

static int fill(const char *dir, void *arg, struct err *err)
{
	const struct job *job = arg;
	int ret = 0;

	for (size_t i = 0; !ret && i < job->files->n; i++) {
		progress_state(job->pg, "unpacking %s", job->files->v[i]);
		ret = deb_unpack(job->files->v[i], dir, kernel_entry_wants, NULL, KERNEL_ENTRY_MAX,
				 err);
	}
	if (!ret)
		ret = kernel_entry_settle(dir, err);
	if (ret < 0 && job->files->n == 1 && strstr(err->msg, "no kernel image"))
		err_context(err,
			    "%s (an image package that is split must have its parts beside it)",
			    job->files->v[0]);
	return ret;
}

int file_package_get(const char *path, const char *arch, struct progress *pg, struct kernel *out,
		     struct err *err)
{
	_cleanup_strv_ struct strv files = {0};
	struct job job = {&files, pg};
	char key[SHA256_HEX];

	find_parts(path, &files);
	int ret = make_key(&files, key, err);

	if (!ret)
		ret = cache_get("kernel", key, fill, &job, &out->entry, err);
	if (!ret)
		ret = kernel_entry_read(out, arch, err);
	if (ret < 0)
		return ret;
	if (!out->modules)
		progress_note(pg, "%s brings no modules, nor does a package beside it", path);
	out->origin = files.n > 1 ? xasprintf("package %s and %zu beside it", path, files.n - 1)
				  : xasprintf("package %s", path);
	return 0;
}

char *file_package_entry(const char *path, bool there)
{
	_cleanup_strv_ struct strv files = {0};
	struct err ignored = ERR_INIT;
	char key[SHA256_HEX];

	find_parts(path, &files);
	if (make_key(&files, key, &ignored) < 0)
		return NULL;
	return there ? cache_find("kernel", key) : cache_path("kernel", key);
}
