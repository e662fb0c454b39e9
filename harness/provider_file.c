// SPDX-License-Identifier: GPL-2.0-or-later
/* A kernel image that is there already: a bzImage, a vmlinux, or a built kernel tree. */
#include <errno.h>
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

static int find_image(const struct kernel_spec *spec, char **image, struct err *err)
{
	const char *path = spec_get(spec, "image");
	struct stat st;

	if (!path)
		return err_set(err, ERR_USER, 0, "the file provider needs the key image");
	if (stat(path, &st) < 0)
		return err_set(err, ERR_USER, errno, "open %s", path);
	*image = realpath(path, NULL);
	for (size_t i = 0; S_ISDIR(st.st_mode) && i < sizeof(trees) / sizeof(*trees); i++) {
		_cleanup_free_ char *in_tree = xasprintf("%s/%s", path, trees[i].image);

		if (strcmp(trees[i].arch, spec->arch))
			continue;
		if (access(in_tree, R_OK) < 0)
			return err_set(err, ERR_USER, errno, "%s is a directory without %s", path,
				       trees[i].image);
		free(*image);
		*image = steal_ptr(in_tree);
	}
	return *image ? 0 : err_set(err, ERR_USER, errno, "open %s", path);
}

/* The directory that holds lib/modules/RELEASE: named by the key, or beside the image. */
static char *find_modules(const struct kernel_spec *spec, const char *image, const char *release)
{
	const char *named = spec_get(spec, "modules");
	_cleanup_free_ char *dir = xstrdup(named ? named : image);

	if (!release)
		return NULL;
	if (!named)
		*strrchr(dir, '/') = '\0';
	_cleanup_free_ char *modules = xasprintf("%s/lib/modules/%s", dir, release);

	return access(modules, R_OK) == 0 ? steal_ptr(dir) : NULL;
}

static int get(const struct kernel_spec *spec, struct progress *pg, struct kernel *out,
	       struct err *err)
{
	int ret = find_image(spec, &out->image, err);

	(void)pg;
	if (!ret)
		ret = image_release(out->image, spec->arch, &out->release, err);
	/* No banner: the guest's own answer is what counts, only modules cannot be had without. */
	if (ret < 0 && ret != -ENOMSG)
		return ret;
	out->modules = find_modules(spec, out->image, out->release);
	out->origin = xasprintf("file %s", out->image);
	return 0;
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
