// SPDX-License-Identifier: GPL-2.0-or-later
/* A kernel image that is there already: a bzImage, a vmlinux, or a built kernel tree. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "provider.h"

/* Where a built tree keeps its image. */
static const struct {
	const char *arch, *image;
} trees[] = {
	{"x86_64", "arch/x86/boot/bzImage"},
	{"arm64", "arch/arm64/boot/Image"},
};

/* The image in the built tree @dir. */
static int find_in_tree(const char *dir, const char *arch, char **image, struct err *err)
{
	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, trees[i].image);

		if (strcmp(trees[i].arch, arch))
			continue;
		if (access(path, R_OK) < 0)
			return err_set(err, ERR_USER, errno,
				       "%s is a directory, and no built kernel tree: %s", dir,
				       trees[i].image);
		*image = steal_ptr(path);
		return 0;
	}
	return err_set(err, ERR_USER, 0, "no kernel tree is known for the architecture %s", arch);
}

static int find_image(const struct kernel_spec *spec, struct kernel *out, struct err *err)
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
	return find_in_tree(path, spec->arch, &out->image, err);
}

static bool holds_modules(const char *dir, const char *release)
{
	_cleanup_free_ char *path = xasprintf("%s/lib/modules/%s", dir, release);

	return access(path, R_OK | X_OK) == 0;
}

/* lib/modules/RELEASE lies in the directory that the matrix names, or else beside the image, or one
 * above it (/boot/vmlinuz-*). */
static int find_modules(const struct kernel_spec *spec, struct kernel *out, struct err *err)
{
	const char *named = spec_get(spec, "modules");

	if (named && !out->release)
		return err_set(err, ERR_USER, 0,
			       "%s does not tell its release, so none of the modules in %s can be "
			       "chosen",
			       out->image, named);
	if (named && !holds_modules(named, out->release))
		return err_set(err, ERR_USER, errno, "modules: open %s/lib/modules/%s", named,
			       out->release);
	if (named || !out->release) {
		out->modules = named ? realpath(named, NULL) : NULL;
		return 0;
	}
	_cleanup_free_ char *dir = xstrdup(out->image);

	for (int up = 0; up < 2 && strrchr(dir, '/'); up++) {
		*strrchr(dir, '/') = '\0';
		if (!holds_modules(dir, out->release))
			continue;
		out->modules = xstrdup(*dir ? dir : "/");
		return 0;
	}
	return 0;
}

static int get(const struct kernel_spec *spec, struct progress *pg, struct kernel *out,
	       struct err *err)
{
	int ret = find_image(spec, out, err);

	(void)pg;
	if (!ret)
		ret = image_release(out->image, spec->arch, &out->release, err);
	/* No banner: the guest's own answer is what counts, only modules cannot be had without. */
	if (ret == -ENOMSG)
		ret = 0;
	if (!ret)
		ret = find_modules(spec, out, err);
	if (!ret)
		out->origin = xasprintf("file %s", out->image);
	return ret;
}

static int describe(const struct kernel_spec *spec, char **about, int *cached, struct err *err)
{
	const char *path = spec_get(spec, "image");

	(void)err;
	*cached = path && access(path, R_OK) == 0;
	*about = xasprintf("file %s", path ? path : "(no image named)");
	return 0;
}

const struct provider provider_file = {.name = "file", .get = get, .describe = describe};
