// SPDX-License-Identifier: GPL-2.0-or-later
#include "initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "paths.h"
#include "proto.h"
#include "publish.h"

#define FILE_LIMIT (256 << 20)

struct cpio {
	struct archive *a;
	int64_t ino;
	struct strv dirs; /* that are in the archive already */
	bool template;
	const char *list; /* for messages */
	unsigned line;
};

static void cpio_free(struct cpio *c)
{
	archive_write_free(c->a);
	strv_free(&c->dirs);
}

static void entry_freep(struct archive_entry **e)
{
	archive_entry_free(*e);
}

/* Owner, times and inode numbers are fixed: the same inputs give the same bytes. */
static int put(struct cpio *c, struct archive_entry *e, const void *data, size_t len,
	       struct err *err)
{
	archive_entry_set_ino64(e, ++c->ino);
	archive_entry_set_nlink(e, 1);
	archive_entry_set_uid(e, 0);
	archive_entry_set_gid(e, 0);
	archive_entry_set_mtime(e, 0, 0);
	archive_entry_set_size(e, len);
	if (archive_write_header(c->a, e) != ARCHIVE_OK ||
	    (len && archive_write_data(c->a, data, len) != (ssize_t)len))
		return err_set(err, ERR_INFRA, archive_errno(c->a), "write the initramfs: %s",
			       archive_entry_pathname(e));
	return 0;
}

static struct archive_entry *entry_new(const char *path, mode_t type, mode_t mode)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path + (*path == '/'));
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, mode);
	return e;
}

static int put_file(struct cpio *c, const char *path, mode_t mode, const void *data, size_t len,
		    struct err *err)
{
	_cleanup_(entry_freep) struct archive_entry *e = entry_new(path, AE_IFREG, mode);

	return put(c, e, data, len, err);
}

static int put_dir(struct cpio *c, const char *path, mode_t mode, struct err *err)
{
	_cleanup_(entry_freep) struct archive_entry *e = entry_new(path, AE_IFDIR, mode);

	if (strv_contains(&c->dirs, path))
		return 0;
	strv_add(&c->dirs, path);
	return put(c, e, NULL, 0, err);
}

static int mistake(const struct cpio *c, const char *what, struct err *err)
{
	return err_set(err, ERR_USER, 0, "%s:%u: %s", c->list, c->line, what);
}

/* The kernel does not make parents. */
static int check_parent(const struct cpio *c, const char *path, struct err *err)
{
	_cleanup_free_ char *parent = xstrdup(path);
	char *slash = strrchr(parent, '/');

	if (*path != '/' || !slash)
		return mistake(c, "a path must be absolute", err);
	*slash = '\0';
	if (*parent && !strv_contains(&c->dirs, parent))
		return mistake(c, "the parent directory has no dir line before this one", err);
	return 0;
}

/* @guest@/x, @data@/x and @host@/x as paths on this machine. Caller frees; NULL for anything else.
 */
static char *expand(const char *source)
{
	if (!strncmp(source, "@guest@/", 8))
		return paths_guest(source + 8);
	if (!strncmp(source, "@data@/", 7))
		return paths_data(source + 7);
	if (!strncmp(source, "@host@/", 7))
		return xstrdup(source + 6);
	return NULL;
}

static int line_dir(struct cpio *c, const struct strv *w, struct err *err)
{
	return put_dir(c, w->v[1], strtoul(w->v[2], NULL, 8), err);
}

static int line_node(struct cpio *c, const struct strv *w, struct err *err)
{
	_cleanup_(entry_freep) struct archive_entry *e =
		entry_new(w->v[1], AE_IFCHR, strtoul(w->v[2], NULL, 8));

	if (strcmp(w->v[3], "c"))
		return mistake(c, "only character devices (c) are known", err);
	archive_entry_set_rdevmajor(e, strtoul(w->v[4], NULL, 10));
	archive_entry_set_rdevminor(e, strtoul(w->v[5], NULL, 10));
	return put(c, e, NULL, 0, err);
}

static int line_link(struct cpio *c, const struct strv *w, struct err *err)
{
	_cleanup_(entry_freep) struct archive_entry *e = entry_new(w->v[1], AE_IFLNK, 0777);

	/* newc keeps the target as the data of the entry; libarchive does that by itself. */
	archive_entry_set_symlink(e, w->v[2]);
	return put(c, e, NULL, 0, err);
}

static int line_file(struct cpio *c, const struct strv *w, struct err *err)
{
	_cleanup_free_ char *source = expand(w->v[3]), *data = NULL;
	size_t len;

	if (!source)
		return mistake(c, "a source begins with @guest@/, @data@/ or @host@/", err);
	if (read_file(source, FILE_LIMIT, &data, &len, err) < 0) {
		if (strstr(source, "busybox"))
			err_context(err, "busybox is missing, install busybox-static");
		return -ENOENT;
	}
	return put_file(c, w->v[1], strtoul(w->v[2], NULL, 8), data, len, err);
}

static int line_case(struct cpio *c, const struct strv *w, struct err *err)
{
	return c->template ? 0 : line_file(c, w, err);
}

static int line_load(struct cpio *c, const struct strv *w, struct err *err)
{
	return c->template ? line_file(c, w, err) : 0;
}

static const struct {
	const char *word;
	size_t words;
	int (*fn)(struct cpio *c, const struct strv *w, struct err *err);
} kinds[] = {
	{"dir", 3, line_dir},	{"node", 6, line_node}, {"link", 3, line_link},
	{"file", 4, line_file}, {"case", 4, line_case}, {"load", 4, line_load},
};

static int put_line(struct cpio *c, char *text, struct err *err)
{
	_cleanup_strv_ struct strv w = {0};

	text[strcspn(text, "#")] = '\0';
	strv_split(&w, text, " \t\r");
	if (!w.n)
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(w.v[0], kinds[i].word))
			continue;
		if (w.n != kinds[i].words)
			return mistake(c, "wrong number of words", err);
		int ret = check_parent(c, w.v[1], err);

		return ret ? ret : kinds[i].fn(c, &w, err);
	}
	return mistake(c, "a line begins with dir, node, link, file, case or load", err);
}

static int put_list(struct cpio *c, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int ret = read_file(c->list, 1 << 20, &text, NULL, err);
	char *rest = text, *line;

	while (!ret && (line = strsep(&rest, "\n"))) {
		c->line++;
		ret = put_line(c, line, err);
	}
	return ret;
}

/*
 * Without its signature, which comes as a file of its own for a kernel that insists (images/init):
 * to check one hashes the whole module, and under emulation that takes longer than all the rest of
 * loading it.
 */
static int put_module(struct cpio *c, const char *file, const char *name, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("/lib/modules/%s.ko", name);
	_cleanup_free_ char *sig_path = xasprintf("%s.sig", path), *data = NULL;
	size_t len, sig;
	int ret = module_read(file, &data, &len, err);

	if (ret < 0)
		return ret;
	sig = module_signature(data, len);
	ret = put_file(c, path, 0644, data, len - sig, err);
	return ret || !sig ? ret : put_file(c, sig_path, 0644, data + len - sig, sig, err);
}

static int put_modules(struct cpio *c, const struct module_set *mods, struct err *err)
{
	_cleanup_free_ char *names = xstrdup("");
	int ret = put_dir(c, "/lib", 0755, err);

	if (!ret)
		ret = put_dir(c, "/lib/modules", 0755, err);
	for (size_t i = 0; !ret && mods && i < mods->files.n; i++) {
		ret = put_module(c, mods->files.v[i], mods->names.v[i], err);
		char *more = xasprintf("%s%s.ko\n", names, mods->names.v[i]);

		free(names);
		names = more;
	}
	return ret ? ret : put_file(c, SM_MODULES_PATH, 0644, names, strlen(names), err);
}

static int write_all(struct cpio *c, const struct initramfs_opts *opts, struct publish *p,
		     struct err *err)
{
	if (archive_write_set_format_cpio_newc(c->a) != ARCHIVE_OK ||
	    archive_write_open_FILE(c->a, p->f) != ARCHIVE_OK)
		return err_set(err, ERR_INFRA, archive_errno(c->a), "write the initramfs");
	int ret = put_list(c, err);

	if (!ret)
		ret = put_modules(c, opts->mods, err);
	if (!ret && opts->plan)
		ret = put_file(c, SM_PLAN_PATH, 0600, opts->plan, strlen(opts->plan), err);
	for (size_t i = 0; !ret && i < opts->nfiles; i++) {
		const struct initramfs_file *f = &opts->files[i];

		ret = put_file(c, f->path, f->mode, f->data, f->len, err);
	}
	if (!ret && archive_write_close(c->a) != ARCHIVE_OK)
		ret = err_set(err, ERR_INFRA, archive_errno(c->a), "write the initramfs");
	return ret;
}

int initramfs_write(const char *path, const struct initramfs_opts *opts, struct err *err)
{
	_cleanup_publish_ struct publish p = {0};
	_cleanup_(cpio_free) struct cpio c = {
		.a = archive_write_new(), .list = opts->list, .template = !opts->plan};
	int ret = publish_open(&p, path, err);

	if (!ret)
		ret = write_all(&c, opts, &p, err);
	return ret ? ret : publish_commit(&p, err);
}

int initramfs_cases(const char *list, struct strv *guest, struct strv *host, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int ret = read_file(list, 1 << 20, &text, NULL, err);

	for (char *rest = text, *line; !ret && (line = strsep(&rest, "\n"));) {
		_cleanup_strv_ struct strv w = {0};

		line[strcspn(line, "#")] = '\0';
		strv_split(&w, line, " \t\r");
		if (w.n != 4 || strcmp(w.v[0], "case"))
			continue;
		_cleanup_free_ char *source = expand(w.v[3]);

		if (!source)
			return err_set(err, ERR_USER, 0, "%s: no such source: %s", list, w.v[3]);
		strv_add(guest, w.v[1]);
		strv_add(host, source);
	}
	return ret;
}
