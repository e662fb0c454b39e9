// SPDX-License-Identifier: GPL-2.0-or-later
/* A kernel that is there already: a bzImage, a vmlinux, a package, or a built kernel tree. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file_kernel.h"
#include "provider.h"

/* @tree: the built tree that the image was found in, if it was; the caller's. */
static int find_image(const struct kernel_spec *spec, struct kernel *out, char **tree,
		      struct err *err)
{
	const char *named = spec_get(spec, "image");
	struct stat st;

	if (!named)
		return err_set(err, ERR_USER, 0, "its entry in the matrix needs the key 'image'");
	_cleanup_free_ char *path = realpath(named, NULL);

	if (!path || stat(path, &st) < 0)
		return err_set(err, ERR_USER, errno, "open %s", named);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, ERR_USER, 0, "%s is neither a kernel image nor a built tree",
			       named);
	if (S_ISREG(st.st_mode)) {
		out->image = steal_ptr(path);
		return 0;
	}
	_cleanup_free_ char *config = xasprintf("%s/.config", path);

	out->config = access(config, R_OK) == 0 ? steal_ptr(config) : NULL;
	*tree = steal_ptr(path);
	return file_tree_image(*tree, spec->arch, &out->image, err);
}

/* The configuration beside an image, as distributions name it. Caller frees; NULL if not there. */
static char *config_beside(const char *image, const char *release)
{
	_cleanup_free_ char *path =
		xasprintf("%.*s/config-%s", (int)(strrchr(image, '/') - image), image, release);

	return access(path, R_OK) == 0 ? steal_ptr(path) : NULL;
}

static bool holds_modules(const char *dir, const char *release)
{
	_cleanup_free_ char *path = xasprintf("%s/lib/modules/%s", dir, release);

	return access(path, R_OK | X_OK) == 0;
}

/* lib/modules/RELEASE in the directory that the matrix names. */
static int named_modules(const char *named, struct kernel *out, struct err *err)
{
	if (!out->release)
		return err_set(err, ERR_USER, 0,
			       "%s does not tell its release, so none of the modules in %s can be "
			       "chosen",
			       out->image, named);
	if (!holds_modules(named, out->release))
		return err_set(err, ERR_USER, errno, "modules: open %s/lib/modules/%s", named,
			       out->release);
	out->modules = realpath(named, NULL);
	return 0;
}

/* … or else beside the image, or one above it (/boot/vmlinuz-*), or in the tree. */
static int find_modules(const struct kernel_spec *spec, const char *tree, struct kernel *out,
			struct err *err)
{
	const char *named = spec_get(spec, "modules");

	if (named)
		return named_modules(named, out, err);
	if (!out->release)
		return 0;
	_cleanup_free_ char *dir = xstrdup(out->image);

	for (int up = 0; up < 2 && strrchr(dir, '/'); up++) {
		*strrchr(dir, '/') = '\0';
		if (!holds_modules(dir, out->release))
			continue;
		out->modules = xstrdup(*dir ? dir : "/");
		return 0;
	}
	if (tree && holds_modules(tree, out->release)) {
		out->modules = xstrdup(tree);
		return 0;
	}
	return tree ? file_tree_modules(tree, out->release, &out->modules, err) : 0;
}

static int get_package(const struct kernel_spec *spec, const char *path, struct progress *pg,
		       struct kernel *out, struct err *err)
{
	int ret = file_package_get(path, spec->arch, pg, out, err);
	const char *named = spec_get(spec, "modules");

	if (ret < 0 || !named)
		return ret;
	free(steal_ptr(out->modules));
	return named_modules(named, out, err);
}

static int get(const struct kernel_spec *spec, struct progress *pg, struct kernel *out,
	       struct err *err)
{
	const char *named = spec_get(spec, "image");
	_cleanup_free_ char *tree = NULL;

	if (named && file_is_package(named))
		return get_package(spec, named, pg, out, err);
	int ret = find_image(spec, out, &tree, err);

	if (!ret)
		ret = image_release(out->image, spec->arch, &out->release, err);
	/* No banner: the guest's own answer is what counts, only modules cannot be had without. */
	if (ret == -ENOMSG)
		ret = 0;
	if (!ret && !out->config && out->release)
		out->config = config_beside(out->image, out->release);
	if (!ret)
		ret = find_modules(spec, tree, out, err);
	if (!ret)
		out->origin = xasprintf("file %s", out->image);
	return ret;
}

static int describe(const struct kernel_spec *spec, char **about, char **where, struct err *err)
{
	const char *path = spec_get(spec, "image");
	bool package = path && file_is_package(path);

	*about = xasprintf("%s %s", package ? "package" : "file", path ? path : "(no image named)");
	if (path && access(path, R_OK) < 0) {
		err_set(err, ERR_INFRA, errno, "open %s", path);
		return KERNEL_NOT_AVAILABLE;
	}
	*where = package ? file_package_entry(path, true) : path ? xstrdup(path) : NULL;
	return 0;
}

/* Links to the modules of a built tree are made anew in no time: they are not listed. */
static int uses(const struct kernel_spec *spec, struct strv *entries, struct err *err)
{
	const char *path = spec_get(spec, "image");
	_cleanup_free_ char *entry =
		path && file_is_package(path) ? file_package_entry(path, false) : NULL;

	(void)err;
	if (entry)
		strv_add(entries, entry);
	return 0;
}

const struct provider provider_file = {
	.name = "file", .get = get, .describe = describe, .uses = uses};
