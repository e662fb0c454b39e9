// SPDX-License-Identifier: GPL-2.0-or-later
#include "modules.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <libkmod.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive_util.h"
#include "cleanup.h"
#include "elf_util.h"
#include "paths.h"
#include "proc.h"
#include "publish.h"

#define GZ	   ".gz"
#define ZST	   ".zst"
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

struct closure {
	struct module_set *out;
	struct strv seen; /* names; soft dependencies may go in a circle */
	bool unreadable;  /* libkmod could not look into one: nor could depmod, perhaps */
};

static void closure_end(struct closure *c)
{
	strv_free(&c->seen);
}

static bool is_readable(const struct kmod_module *mod)
{
	struct kmod_list *info = NULL;
	bool readable = kmod_module_get_info(mod, &info) >= 0;

	kmod_module_info_free_list(info);
	return readable;
}

static void add_module(struct closure *c, struct kmod_module *mod);

static void add_list(struct closure *c, const struct kmod_list *list)
{
	const struct kmod_list *it;

	kmod_list_foreach(it, list)
	{
		_cleanup_(kmod_module_unrefp) struct kmod_module *mod = kmod_module_get_module(it);

		add_module(c, mod);
	}
}

/* Add @mod behind what it needs, and before what it wants behind itself: modprobe's order. */
static void add_module(struct closure *c, struct kmod_module *mod)
{
	_cleanup_(kmod_list_freep) struct kmod_list *pre = NULL, *post = NULL;
	const char *path = kmod_module_get_path(mod), *name = kmod_module_get_name(mod);

	/* Without a file it is built in, or a soft dependency that this kernel does not have. */
	if (!path || strv_contains(&c->seen, name))
		return;
	strv_add(&c->seen, name);
	c->unreadable |= !is_readable(mod);
	kmod_module_get_softdeps(mod, &pre, &post);
	_cleanup_(kmod_list_freep) struct kmod_list *deps = kmod_module_get_dependencies(mod);

	add_list(c, deps);
	add_list(c, pre);
	strv_add(&c->out->files, path);
	strv_add(&c->out->names, name);
	add_list(c, post);
}

static int add_wanted(struct kmod_ctx *ctx, const char *name, struct closure *c, struct err *err)
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
			add_module(c, mod);
		}
	}
	if (!module)
		strv_add(builtin ? &c->out->builtin : &c->out->missing, name);
	return 0;
}

/* RFC 8878, 3.1.1.1: behind the magic number, what the frame's header tells. */
static bool zstd_tells_size(const char *path)
{
	unsigned char head[5] = {0};
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && read(fd, head, sizeof(head)) == sizeof(head) && (head[4] & 0xe0);
}

/*
 * What libkmod may not read: one without zlib knows nothing of .ko.gz, and since version 33 it
 * wants to be told the size of a .ko.zst beforehand. Such modules are unpacked in the mirror.
 */
static bool needs_unpacking(const FTSENT *e)
{
	return e->fts_info != FTS_D &&
	       (!fnmatch("*.ko" GZ, e->fts_name, 0) ||
		(!fnmatch("*.ko" ZST, e->fts_name, 0) && !zstd_tells_size(e->fts_path)));
}

static int unpack(const char *link, struct err *err)
{
	_cleanup_free_ char *plain = xstrndup(link, strrchr(link, '.') - link), *data = NULL;
	size_t len;
	int ret = read_unpacked(link, MODULE_MAX, &data, &len, err);

	return ret ? ret : publish_buffer(plain, data, len, err);
}

static int unpack_unreadable(const char *tmp, struct err *err)
{
	char *roots[] = {(char *)tmp, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	int ret = 0;

	for (FTSENT *e; fts && !ret && (e = fts_read(fts));)
		if (needs_unpacking(e))
			ret = unpack(e->fts_path, err);
	if (fts)
		fts_close(fts);
	return ret;
}

/* Symbolic links keep it cheap; depmod reads through them. */
int modules_mirror(const char *root, const char *release, const char *dir, struct err *err)
{
	_cleanup_free_ char *from = xasprintf("%s/lib/modules/%s", root, release);
	_cleanup_free_ char *to = xasprintf("%s/lib/modules", dir);
	char *copy[] = {"cp", "-rs", from, to, NULL};
	int ret = make_dirs(to, err);

	return ret ? ret : proc_run(copy, NULL, err);
}

static int mirror_with_dep(const char *root, const char *release, const char *tmp, struct err *err)
{
	char *depmod[] = {"depmod", "-b", (char *)tmp, (char *)release, NULL};
	static const char *const path[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	struct proc_opts opts = {.env = path};
	int ret = modules_mirror(root, release, tmp, err);

	if (!ret)
		ret = unpack_unreadable(tmp, err);
	if (!ret)
		ret = proc_run(depmod, &opts, err);
	if (ret == -ENOENT)
		err_context(err, "depmod is missing, install kmod");
	return ret;
}

/* 1 if it is not to be relied on. */
static int closure_in(const char *dir, const struct strv *wanted, struct module_set *out,
		      struct err *err)
{
	const char *no_config = NULL;
	_cleanup_(kmod_unrefp) struct kmod_ctx *ctx = kmod_new(dir, &no_config);
	_cleanup_(closure_end) struct closure c = {.out = out};
	int ret = 0;

	if (!ctx)
		return err_set(err, ERR_INFRA, ENOMEM, "read the modules in %s", dir);
	kmod_set_log_fn(ctx, quiet_log, NULL);
	for (size_t i = 0; !ret && i < wanted->n; i++)
		ret = add_wanted(ctx, wanted->v[i], &c, err);
	return ret < 0 ? ret : c.unreadable || out->missing.n;
}

/* The files as they are named below @root, not in the mirror that is about to vanish. */
static void map_back(struct module_set *out, const char *tmp, const char *root)
{
	size_t len = strlen(tmp);

	for (size_t i = 0; i < out->files.n; i++) {
		char *old = out->files.v[i];

		out->files.v[i] = xasprintf("%s%s", root, old + len);
		/* One that was unpacked in the mirror? */
		for (const char *const *ext = (const char *const[]){GZ, ZST, NULL};
		     *ext && access(out->files.v[i], F_OK) < 0; ext++) {
			free(out->files.v[i]);
			out->files.v[i] = xasprintf("%s%s%s", root, old + len, *ext);
		}
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
	/* Better it does not get: a module that nobody can read, module_read() tells of. */
	return ret < 0 ? ret : 0;
}

/* @root is absolute: links into it would not hold otherwise. */
static int closure_of(const char *root, const char *release, const struct strv *wanted,
		      struct module_set *out, struct err *err)
{
	_cleanup_free_ char *dir = xasprintf("%s/lib/modules/%s", root, release);
	_cleanup_free_ char *dep = xasprintf("%s/modules.dep.bin", dir);

	if (access(dir, R_OK) < 0)
		return err_set(err, ERR_INFRA, errno, "read the modules of %s in %s", release, dir);
	if (access(dep, R_OK) < 0)
		return closure_without_dep(root, release, wanted, out, err);
	int ret = closure_in(dir, wanted, out, err);

	/*
	 * A stale or damaged index knows too little as well, and so does one that was made without
	 * reading the modules: before that is believed, ask a new one.
	 */
	if (ret <= 0)
		return ret;
	module_set_free(out);
	return closure_without_dep(root, release, wanted, out, err);
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
	_cleanup_free_ char *real = realpath(root, NULL);

	if (!real)
		return err_set(err, ERR_INFRA, errno, "read the modules in %s", root);
	return closure_of(real, release, wanted, out, err);
}

int module_read(const char *file, char **data, size_t *len, struct err *err)
{
	_cleanup_free_ char *buf = NULL;
	int ret = read_unpacked(file, MODULE_MAX, &buf, len, err);

	if (!ret && !elf_is(buf, *len))
		ret = err_set(err, ERR_INFRA, 0, "read module %s: this is no kernel module", file);
	if (!ret && !elf_is_whole(buf, *len))
		ret = err_set(err, ERR_INFRA, 0,
			      "read module %s: cut off, or not for a 64-bit kernel", file);
	if (!ret)
		*data = steal_ptr(buf);
	return ret;
}

int modules_wanted(struct strv *wanted, struct err *err)
{
	_cleanup_free_ char *path = paths_data("images/modules.list");
	_cleanup_free_ char *text = NULL;
	char *save = NULL;
	int ret = read_file(path, 1 << 20, &text, NULL, err);

	if (ret < 0)
		return ret;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line[strcspn(line, "#")] = '\0';
		strv_split(wanted, line, " \t");
	}
	return 0;
}

/*
 * Behind the ELF file: signer, key id and signature, the three lengths among twelve bytes, and the
 * marker (the kernel's include/linux/module_signature.h).
 */
size_t module_signature(const char *data, size_t len)
{
	static const char marker[] = "~Module signature appended~\n";
	const size_t marker_len = sizeof(marker) - 1;
	struct {
		uint8_t algo, hash, id_type, signer_len, key_id_len, pad[3];
		uint32_t sig_len; /* big-endian */
	} info;
	const size_t tail = sizeof(info) + marker_len;

	if (len < tail || memcmp(data + len - marker_len, marker, marker_len))
		return 0;
	memcpy(&info, data + len - tail, sizeof(info));
	size_t all = tail + info.signer_len + info.key_id_len + be32toh(info.sig_len);

	return all < len ? all : 0;
}
