// SPDX-License-Identifier: GPL-2.0-or-later
#include "prune.h"

#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "json_util.h"
#include "lock.h"
#include "provider.h"
#include "publish.h"
#include "sig.h"
#include "size_text.h"

struct prune {
	const struct matrix *m;
	const char *root;
	bool dry_run;
	FILE *out;
	struct strv keep; /* cache entries by their paths */
	bool keep_built;  /* and all that was built here */
	struct prune_result *res;
};

static void prune_free(struct prune *p)
{
	strv_free(&p->keep);
}

/* Bytes of the regular files at and below @path. */
static long long size_of(const char *path)
{
	char *roots[] = {(char *)path, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	long long sum = 0;

	for (FTSENT *e; fts && (e = fts_read(fts));)
		if (e->fts_info == FTS_F)
			sum += e->fts_statp->st_size;
	if (fts)
		fts_close(fts);
	return sum;
}

static int drop(struct prune *p, const char *path, const char *why, struct err *err)
{
	long long bytes = size_of(path);
	char size[SIZE_TEXT];

	if (sig_stop())
		return err_set(err, ERR_INFRA, EINTR, "prune the cache");
	fprintf(p->out, "%s %9s  %-40.40s %s\n", p->dry_run ? "would remove" : "removed",
		size_text(bytes, size), path + strlen(p->root) + 1, why);
	p->res->n++;
	p->res->bytes += bytes;
	return p->dry_run ? 0 : remove_tree(path, err);
}

/* What it is that @name in directory @kind is, and why it can go; NULL: it stays. */
typedef const char *judge_fn(const struct prune *p, const char *path, const char *name);

static const char *leftover(const struct prune *p, const char *path, const char *name)
{
	(void)p, (void)path, (void)name;
	return "left by a run that was killed";
}

static const char *made_anew(const struct prune *p, const char *path, const char *name)
{
	(void)p, (void)path;
	return ends_with(name, ".tmp") ? leftover(p, path, name) : "is made anew when it is needed";
}

static const char *entry(const struct prune *p, const char *path, const char *name)
{
	if (ends_with(name, ".tmp"))
		return leftover(p, path, name);
	return strv_contains(&p->keep, path) ? NULL : "no kernel of the matrix is made of it";
}

static const char *built(const struct prune *p, const char *path, const char *name)
{
	return p->keep_built && !ends_with(name, ".tmp") ? NULL : entry(p, path, name);
}

/* Of packages' kernels, which have no System.map, it is always known whose they are. */
static const char *kernel(const struct prune *p, const char *path, const char *name)
{
	_cleanup_free_ char *map = xasprintf("%s/System.map", path);

	return access(map, F_OK) == 0 ? built(p, path, name) : entry(p, path, name);
}

/* "6.1.json" of the kernel 6.1, as long as it fits what the matrix says. */
static const char *lock(const struct prune *p, const char *path, const char *name)
{
	(void)path;
	for (size_t i = 0; i < p->m->n; i++) {
		const struct kernel_spec *spec = &p->m->v[i];
		_cleanup_free_ char *own = xasprintf("%s.json", spec->name);
		_cleanup_json_ json_t *locked = strcmp(own, name) ? NULL : lock_read(spec);

		if (locked)
			return NULL;
	}
	return "no kernel of the matrix was resolved to it";
}

static const char *log_of(const struct prune *p, const char *path, const char *name)
{
	(void)path;
	for (size_t i = 0; i < p->m->n; i++) {
		_cleanup_free_ char *own = xasprintf("%s.log", p->m->v[i].name);
		_cleanup_free_ char *objects = xasprintf("%s-objects.log", p->m->v[i].name);

		if (!strcmp(own, name) || !strcmp(objects, name))
			return NULL;
	}
	/* How many files a build has (build_watch.h). */
	return strncmp(name, "files-", 6) ? "no kernel of the matrix has that name" : NULL;
}

/* Package lists of a suite; its '/' cannot be in a name. */
static const char *suite(const struct prune *p, const char *path, const char *name)
{
	(void)path;
	for (size_t i = 0; i < p->m->n; i++) {
		const char *suites = spec_get(&p->m->v[i], "suites");
		_cleanup_free_ char *text = xstrdup(suites ? suites : "");
		_cleanup_strv_ struct strv list = {0};

		for (char *c = text; *c; c++)
			if (*c == '/')
				*c = '_';
		strv_split(&list, text, " \t\n");
		if (strv_contains(&list, name))
			return NULL;
	}
	return "no kernel of the matrix comes from that suite";
}

/* A directory of the cache. Others (answers of the KVM probe, what was seen of kernels) are small.
 */
static const struct {
	const char *name;
	judge_fn *judge;
} kinds[] = {
	{"kernel", kernel},  {"objects", built},      {"source", built},
	{"tree", made_anew}, {"template", made_anew}, {"templates", made_anew},
	{"work", leftover},  {"locks", lock},	      {"logs", log_of},
	{"apt", suite},	     {"closure", made_anew},  {"durations", made_anew},
};

/* Nobody holds a lock now; that of an entry which stays is needed again soon. */
static bool is_lock_of_entry(const char *dir, const char *name)
{
	_cleanup_free_ char *entry_path =
		xasprintf("%s/%.*s", dir, (int)(strlen(name) - strlen(".lock")), name);

	return access(entry_path, F_OK) == 0;
}

static int prune_names(struct prune *p, const char *dir, const struct strv *names, judge_fn *judge,
		       struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < names->n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, names->v[i]);
		const char *why = judge(p, path, names->v[i]);

		if (why)
			ret = drop(p, path, why, err);
	}
	return ret;
}

/* Their files are empty: not worth a line. */
static int drop_locks(const struct prune *p, const char *dir, const struct strv *locks,
		      struct err *err)
{
	for (size_t i = 0; !p->dry_run && i < locks->n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, locks->v[i]);

		if (!is_lock_of_entry(dir, locks->v[i]) && unlink(path) < 0 && errno != ENOENT)
			return err_set(err, ERR_INFRA, errno, "remove %s", path);
	}
	return 0;
}

static int prune_kind(struct prune *p, const char *name, judge_fn *judge, struct err *err)
{
	_cleanup_free_ char *dir = xasprintf("%s/%s", p->root, name);
	_cleanup_strv_ struct strv names = {0}, locks = {0};
	_cleanup_closedir_ DIR *d = opendir(dir);

	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			strv_add(ends_with(e->d_name, ".lock") ? &locks : &names, e->d_name);
	int ret = prune_names(p, dir, &names, judge, err);

	return ret ? ret : drop_locks(p, dir, &locks, err);
}

/*
 * Somebody who set SEALMATRIX_SOURCES for a build need not have done so for this. What nobody ever
 * built has no log.
 */
static void keep_built(struct prune *p, const char *name, struct err *err)
{
	_cleanup_free_ char *log = xasprintf("%s/logs/%s.log", p->root, name);

	if (access(log, F_OK) == 0) {
		p->keep_built = true;
		fprintf(p->out, "kept all that was built here, for some may be of %s: %s\n", name,
			err->msg);
	}
	*err = (struct err)ERR_INIT;
}

int prune_cache(const struct matrix *m, bool dry_run, FILE *out, struct prune_result *res,
		struct err *err)
{
	_cleanup_(prune_free) struct prune p = {
		.m = m, .root = cache_root(err), .dry_run = dry_run, .out = out, .res = res};
	int ret = p.root ? cache_alone(err) : -EINVAL;

	*res = (struct prune_result){0};
	for (size_t i = 0; !ret && i < m->n; i++) {
		ret = kernel_uses(&m->v[i], &p.keep, err);
		if (ret == KERNEL_NOT_AVAILABLE) {
			keep_built(&p, m->v[i].name, err);
			ret = 0;
		}
		if (ret < 0)
			err_context(err, "nothing is removed, for what %s is made of is not known",
				    m->v[i].name);
	}
	for (size_t i = 0; !ret && i < sizeof(kinds) / sizeof(*kinds); i++)
		ret = prune_kind(&p, kinds[i].name, kinds[i].judge, err);
	return ret;
}
