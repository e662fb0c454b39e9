// SPDX-License-Identifier: GPL-2.0-or-later
#include "modules.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <libkmod.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "proc.h"
#include "publish.h"

#define MODULE_MAX (64 << 20) /* bytes of one module; the largest today have some 10 MiB */

static void kmod_unrefp(struct kmod_ctx **ctx)
{
	kmod_unref(*ctx);
}

static void kmod_list_freep(struct kmod_list **list)
{
	kmod_module_unref_list(*list);
}

static void kmod_module_unrefp(struct kmod_module **mod)
{
	kmod_module_unref(*mod);
}

/* libkmod prints to stderr by itself; what matters comes back as a return value. */
static void quiet_log(void *data, int priority, const char *file, int line, const char *fn,
		      const char *format, va_list args)
{
	(void)data;
	(void)priority;
	(void)file;
	(void)line;
	(void)fn;
	(void)format;
	(void)args;
}

void module_set_free(struct module_set *s)
{
	strv_free(&s->files);
	strv_free(&s->names);
	strv_free(&s->builtin);
	strv_free(&s->missing);
}

/* Add @mod behind what it needs. Soft dependencies come from the probe list, hard ones from here.
 */
static void add_module(struct module_set *out, struct kmod_module *mod)
{
	_cleanup_(kmod_list_freep) struct kmod_list *deps = kmod_module_get_dependencies(mod);
	const char *path = kmod_module_get_path(mod);
	struct kmod_list *it;

	kmod_list_foreach(it, deps)
	{
		_cleanup_(kmod_module_unrefp) struct kmod_module *dep = kmod_module_get_module(it);

		add_module(out, dep);
	}
	if (!path || strv_contains(&out->files, path))
		return;
	strv_add(&out->files, path);
	strv_add(&out->names, kmod_module_get_name(mod));
}

static int add_wanted(struct kmod_ctx *ctx, const char *name, struct module_set *out,
		      struct err *err)
{
	_cleanup_(kmod_list_freep) struct kmod_list *found = NULL;
	struct kmod_list *it;
	bool builtin = false, module = false;
	int ret = kmod_module_new_from_lookup(ctx, name, &found);

	if (ret < 0 && ret != -ENOENT && ret != -ENOSYS)
		return err_set(err, ERR_INFRA, -ret, "look up module %s", name);
	kmod_list_foreach(it, found)
	{
		_cleanup_(kmod_module_unrefp) struct kmod_module *mod = kmod_module_get_module(it);

		if (kmod_module_get_initstate(mod) == KMOD_MODULE_BUILTIN) {
			builtin = true;
		} else if (kmod_module_get_path(mod)) {
			module = true;
			add_module(out, mod);
		}
	}
	if (!module)
		strv_add(builtin ? &out->builtin : &out->missing, name);
	return 0;
}

/* depmod writes next to the modules; they are not ours to write to. Mirror their names. */
static int mirror_with_dep(const char *root, const char *release, const char *tmp, struct err *err)
{
	_cleanup_free_ char *from = xasprintf("%s/lib/modules/%s", root, release);
	_cleanup_free_ char *to = xasprintf("%s/lib/modules", tmp);
	/* Symbolic links keep it cheap; depmod reads through them. */
	char *copy[] = {"cp", "-rs", from, to, NULL};
	char *depmod[] = {"depmod", "-b", (char *)tmp, (char *)release, NULL};
	static const char *const path[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	struct proc_opts opts = {.env = path};
	int ret = make_dirs(to, err);

	if (!ret)
		ret = proc_run(copy, NULL, err);
	if (!ret)
		ret = proc_run(depmod, &opts, err);
	if (ret == -ENOENT)
		err_context(err, "depmod is missing, install kmod");
	return ret;
}

static int closure_in(const char *dir, const struct strv *wanted, struct module_set *out,
		      struct err *err)
{
	const char *no_config = NULL;
	_cleanup_(kmod_unrefp) struct kmod_ctx *ctx = kmod_new(dir, &no_config);
	int ret = 0;

	if (!ctx)
		return err_set(err, ERR_INFRA, ENOMEM, "read the modules in %s", dir);
	kmod_set_log_fn(ctx, quiet_log, NULL);
	for (size_t i = 0; !ret && i < wanted->n; i++)
		ret = add_wanted(ctx, wanted->v[i], out, err);
	return ret;
}

/* The files as they are named below @root, not in the mirror that is about to vanish. */
static void map_back(struct module_set *out, const char *tmp, const char *root)
{
	size_t len = strlen(tmp);

	for (size_t i = 0; i < out->files.n; i++) {
		char *old = out->files.v[i];

		out->files.v[i] = xasprintf("%s%s", root, old + len);
		free(old);
	}
}

static int closure_without_dep(const char *root, const char *release, const struct strv *wanted,
			       struct module_set *out, struct err *err)
{
	const char *base = getenv("TMPDIR");
	_cleanup_free_ char *tmp = xasprintf("%s/sealmatrix-modules.XXXXXX", base ? base : "/tmp");
	struct err ignored = ERR_INIT;

	if (!mkdtemp(tmp))
		return err_set(err, ERR_INFRA, errno, "make directory %s", tmp);
	_cleanup_free_ char *dir = xasprintf("%s/lib/modules/%s", tmp, release);
	int ret = mirror_with_dep(root, release, tmp, err);

	if (!ret)
		ret = closure_in(dir, wanted, out, err);
	map_back(out, tmp, root);
	remove_tree(tmp, &ignored);
	return ret;
}

int modules_closure(const char *root, const char *release, const struct strv *wanted,
		    struct module_set *out, struct err *err)
{
	*out = (struct module_set){0};
	if (!root || !release) {
		for (size_t i = 0; i < wanted->n; i++)
			strv_add(&out->missing, wanted->v[i]);
		return 0;
	}
	_cleanup_free_ char *dir = xasprintf("%s/lib/modules/%s", root, release);
	_cleanup_free_ char *dep = xasprintf("%s/modules.dep.bin", dir);

	if (access(dir, R_OK) < 0)
		return err_set(err, ERR_INFRA, errno, "read the modules of %s in %s", release, dir);
	if (access(dep, R_OK) < 0)
		return closure_without_dep(root, release, wanted, out, err);
	return closure_in(dir, wanted, out, err);
}

static void read_freep(struct archive **a)
{
	archive_read_free(*a);
}

int module_read(const char *file, char **data, size_t *len, struct err *err)
{
	_cleanup_(read_freep) struct archive *a = archive_read_new();
	_cleanup_free_ char *buf = NULL;
	struct archive_entry *entry;
	size_t room = 0, have = 0;
	ssize_t n = 0;

	/* The raw "archive" is the decompressed file itself. */
	archive_read_support_filter_all(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_filename(a, file, 65536) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return err_set(err, ERR_INFRA, 0, "read module %s: %s", file,
			       archive_error_string(a) ? archive_error_string(a) : "it is empty");
	do {
		have += n;
		if (room - have < 65536)
			buf = xreallocarray(buf, room += room + 1048576, 1);
		n = archive_read_data(a, buf + have, room - have);
	} while (n > 0 && have <= MODULE_MAX);
	if (n < 0)
		return err_set(err, ERR_INFRA, 0, "read module %s: %s", file,
			       archive_error_string(a));
	if (have > MODULE_MAX)
		return err_set(err, ERR_INFRA, EFBIG, "read module %s", file);
	if (have < 4 || memcmp(buf, "\177ELF", 4))
		return err_set(err, ERR_INFRA, 0, "read module %s: this is not a kernel module",
			       file);
	*data = steal_ptr(buf);
	*len = have;
	return 0;
}
