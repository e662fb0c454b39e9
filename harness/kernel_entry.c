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

/* The first of the two, with a pattern for a name, that is there. Caller frees; NULL if none. */
static char *first_of(const char *boot, const char *pattern, const char *other)
{
	_cleanup_free_ char *name = find_name(boot, pattern);

	if (name)
		return xasprintf("%s/%s", boot, name);
	return access(other, R_OK) == 0 ? xstrdup(other) : NULL;
}

/* A name in boot/ may be a link to the file below lib/modules. */
static int settle_file(const char *from, const char *to, struct err *err)
{
	_cleanup_free_ char *real = realpath(from, NULL);

	return real ? move(real, to, err) : err_set(err, ERR_INFRA, errno, "open %s", from);
}

static int settle_image(const char *dir, const char *boot, const char *release, struct err *err)
{
	_cleanup_free_ char *other = xasprintf("%s/lib/modules/%s/vmlinuz", dir, release);
	_cleanup_free_ char *from = first_of(boot, "vmlinu[xz]-*", other);
	_cleanup_free_ char *to = xasprintf("%s/vmlinuz", dir);

	return from ? settle_file(from, to, err)
		    : err_set(err, ERR_INFRA, 0, "the packages hold no kernel image");
}

static int settle_config(const char *dir, const char *boot, const char *release, struct err *err)
{
	_cleanup_free_ char *other = xasprintf("%s/lib/modules/%s/config", dir, release);
	_cleanup_free_ char *from = first_of(boot, "config-*", other);
	_cleanup_free_ char *to = xasprintf("%s/config", dir);

	return from ? settle_file(from, to, err) : 0;
}

int kernel_entry_settle(const char *dir, struct err *err)
{
	_cleanup_free_ char *boot = xasprintf("%s/boot", dir), *usr = xasprintf("%s/usr", dir);
	int ret = merge_usr(dir, err);
	_cleanup_free_ char *modules = xasprintf("%s/lib/modules", dir);
	_cleanup_free_ char *release = find_name(modules, "*");

	if (!ret)
		ret = settle_image(dir, boot, release ? release : "RELEASE", err);
	if (!ret)
		ret = settle_config(dir, boot, release ? release : "RELEASE", err);
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
