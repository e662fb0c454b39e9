// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel_entry.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "publish.h"

/* Links to where headers and source would be installed: absolute in Fedora's packages and its kin.
 */
static bool is_link_to_source(const char *path)
{
	const char *rel = path + (strncmp(path, "usr/", 4) ? 0 : 4);

	return !fnmatch("lib/modules/*/build", rel, FNM_PATHNAME) ||
	       !fnmatch("lib/modules/*/source", rel, FNM_PATHNAME);
}

bool kernel_entry_wants(const char *path, void *arg)
{
	static const char *const patterns[] = {"boot/vmlinu[xz]-*", "boot/config-*",
					       "lib/modules/*", "usr/lib/modules/*"};

	(void)arg;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		if (!fnmatch(patterns[i], path, 0))
			return !is_link_to_source(path);
	return false;
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

static bool is_dir(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Everything in @from to the same name in @to, which both exist. */
static int move_all(const char *from, const char *to, struct err *err)
{
	_cleanup_free_ char *name = NULL;
	int ret = 0;

	while (!ret && (name = find_name(from, "*"))) {
		_cleanup_free_ char *old = xasprintf("%s/%s", from, name);
		_cleanup_free_ char *new = xasprintf("%s/%s", to, name);

		if (!is_dir(old) || !is_dir(new)) {
			ret = move(old, new, err);
		} else {
			ret = move_all(old, new, err);
			if (!ret && rmdir(old) < 0)
				ret = err_set(err, ERR_INFRA, errno, "remove %s", old);
		}
		free(steal_ptr(name));
	}
	return ret;
}

/* Is @rel in @dir what its name says, with no link on the way? */
static bool is_own(const char *dir, const char *rel)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, rel), *real = path_below(dir, path);

	return real && !strcmp(real, rel);
}

/* usr/lib and lib are one directory on an installed system, and packages may use both names. */
static int merge_usr(const char *dir, struct err *err)
{
	_cleanup_free_ char *usr = xasprintf("%s/usr/lib/modules", dir);
	_cleanup_free_ char *release = find_name(usr, "*");

	if (!release)
		return 0;
	_cleanup_free_ char *from = xasprintf("%s/%s", usr, release);
	_cleanup_free_ char *lib = xasprintf("lib/modules/%s", release);
	_cleanup_free_ char *usr_lib = xasprintf("usr/%s", lib);
	_cleanup_free_ char *to = xasprintf("%s/%s", dir, lib);
	int ret = make_dirs(to, err);

	if (ret < 0)
		return ret;
	/* Through a link the one may be the other: moving what is in it would have no end. */
	if (!is_own(dir, lib) || !is_own(dir, usr_lib))
		return err_set(err, ERR_INFRA, 0,
			       "the packages are not to be trusted: %s or %s is reached through a "
			       "link",
			       lib, usr_lib);
	return move_all(from, to, err);
}

/* A name in boot/ that matches, or else @beside the modules. Caller frees; NULL if none is there.
 */
static char *find_file(const char *dir, const char *pattern, const char *beside)
{
	static const char *const roots[] = {"lib/modules", "usr/lib/modules"};
	_cleanup_free_ char *boot = xasprintf("%s/boot", dir), *name = find_name(boot, pattern);

	if (name)
		return xasprintf("%s/%s", boot, name);
	for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
		_cleanup_free_ char *root = xasprintf("%s/%s", dir, roots[i]);
		_cleanup_free_ char *release = find_name(root, "*");
		_cleanup_free_ char *path =
			release ? xasprintf("%s/%s/%s", root, release, beside) : NULL;

		if (path && access(path, R_OK) == 0)
			return steal_ptr(path);
	}
	return NULL;
}

/* @from may be a link, to a file in @dir: what lies beside that is other entries'. */
static int settle_file(const char *dir, const char *from, const char *name, struct err *err)
{
	_cleanup_free_ char *rel = path_below(dir, from);

	if (!rel && errno == EXDEV)
		return err_set(err, ERR_INFRA, 0,
			       "the packages are not to be trusted: %s links out of them", from);
	if (!rel)
		return err_set(err, ERR_INFRA, errno, "open %s", from);
	_cleanup_free_ char *real = xasprintf("%s/%s", dir, rel);
	_cleanup_free_ char *to = xasprintf("%s/%s", dir, name);

	return move(real, to, err);
}

/* Image and configuration come first: links to them hold only where the package put them. */
int kernel_entry_settle(const char *dir, struct err *err)
{
	_cleanup_free_ char *boot = xasprintf("%s/boot", dir), *usr = xasprintf("%s/usr", dir);
	_cleanup_free_ char *image = find_file(dir, "vmlinu[xz]-*", "vmlinuz");
	int ret = image ? settle_file(dir, image, "vmlinuz", err)
			: err_set(err, ERR_INFRA, 0, "the packages hold no kernel image");
	_cleanup_free_ char *config = find_file(dir, "config-*", "config");

	if (!ret && config)
		ret = settle_file(dir, config, "config", err);
	if (!ret)
		ret = merge_usr(dir, err);
	if (!ret)
		ret = remove_tree(boot, err);
	return ret ? ret : remove_tree(usr, err);
}

int kernel_entry_read(struct kernel *out, const char *arch, struct err *err)
{
	_cleanup_free_ char *modules = xasprintf("%s/lib/modules", out->entry);
	_cleanup_free_ char *config = xasprintf("%s/config", out->entry);
	_cleanup_free_ char *release = find_name(modules, "*");

	out->image = xasprintf("%s/vmlinuz", out->entry);
	if (access(config, R_OK) == 0)
		out->config = steal_ptr(config);
	int ret = image_release(out->image, arch, &out->release, err);

	if (ret == -ENOMSG)
		out->release = release ? xstrdup(release) : NULL;
	_cleanup_free_ char *own = xasprintf("%s/%s", modules, out->release ? out->release : "?");
	_cleanup_free_ char *first = find_name(own, "*");

	out->modules = first ? xstrdup(out->entry) : NULL;
	return ret == -ENOMSG ? 0 : ret;
}
