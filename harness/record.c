// SPDX-License-Identifier: GPL-2.0-or-later
#include "record.h"

#include <errno.h>
#include <fnmatch.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "xalloc.h"

#define FILE_NAME "records.jsonl"
#define LEFT	  "records-*.tmp"
#define FILE_MAX  (1L << 30)

int record_append(FILE *f, const json_t *record, struct err *err)
{
	if (json_dumpf(record, f, JSON_COMPACT) < 0 || fputc('\n', f) == EOF || fflush(f) == EOF)
		return err_set(err, ERR_INFRA, errno ? errno : EIO, "write a record");
	return 0;
}

int records_save(const char *path, const json_t *records, struct err *err)
{
	_cleanup_publish_ struct publish p = {0};
	json_t *r;
	size_t i;
	int ret = publish_open(&p, path, err);

	if (ret < 0)
		return ret;
	json_array_foreach (records, i, r) {
		ret = record_append(p.f, r, err);
		if (ret < 0) {
			err_context(err, "%s", path);
			return ret;
		}
	}
	return publish_commit(&p, err);
}

int records_load_file(const char *path, bool left, json_t *records, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int ret = read_file(path, FILE_MAX, &text, NULL, err);
	unsigned nr = 0;

	if (ret < 0)
		return ret;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		json_error_t jerr;

		nr++;
		if (!*line)
			continue;
		if (!rest && left)
			return 0;
		if (!rest)
			return err_set(err, ERR_INFRA, 0, "%s:%u: the last record is cut off", path,
				       nr);
		json_t *r = json_loads(line, JSON_REJECT_DUPLICATES, &jerr);

		if (!json_is_object(r)) {
			json_decref(r);
			return err_set(err, ERR_INFRA, 0, "%s:%u: not a record: %s", path, nr,
				       jerr.text);
		}
		json_array_append_new(records, r);
	}
	return 0;
}

/* nftw() has no argument for its callback; set for the length of one walk. */
static struct strv *found;

static bool is_left(const char *path)
{
	const char *slash = strrchr(path, '/');

	return fnmatch(LEFT, slash ? slash + 1 : path, 0) == 0;
}

static int find_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	if (type == FTW_F && ftw->level <= 2 &&
	    (!strcmp(path + ftw->base, FILE_NAME) || is_left(path)))
		strv_add(found, path);
	return 0;
}

/* By folder; in it what was put together comes first. */
static int by_name(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	_cleanup_free_ char *dx = xstrndup(x, strrchr(x, '/') - x);
	_cleanup_free_ char *dy = xstrndup(y, strrchr(y, '/') - y);
	int order = strverscmp(dx, dy) ?: is_left(x) - is_left(y);

	return order ?: strverscmp(x, y);
}

static int find_all(const char *dir, struct strv *files)
{
	found = files;
	if (nftw(dir, find_one, 16, FTW_PHYS) < 0)
		return -errno;
	if (files->n)
		qsort(files->v, files->n, sizeof(*files->v), by_name);
	return 0;
}

static bool has_boot_of(const json_t *records, const json_t *of)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r)
		if (!strcmp(jstr(r, "kernel", ""), jstr(of, "kernel", "")) &&
		    jint(r, "boot", -1) == jint(of, "boot", -1))
			return true;
	return false;
}

/* Whoever was killed may have put them together already. */
static int load_left(const char *path, json_t *records, struct err *err)
{
	_cleanup_json_ json_t *own = json_array();
	struct err why = ERR_INIT;
	int ret = records_load_file(path, true, own, &why);

	if (ret == -ENOENT)
		return 0; /* at this moment */
	if (ret < 0)
		*err = why;
	else if (!has_boot_of(records, json_array_get(own, 0)))
		json_array_extend(records, own);
	return ret;
}

int records_load(const char *dir, json_t **records, struct err *err)
{
	_cleanup_strv_ struct strv files = {0};
	_cleanup_json_ json_t *all = json_array();
	int ret = find_all(dir, &files);

	if (ret < 0)
		return err_set(err, ERR_USER, -ret, "read results in %s", dir);
	if (!files.n)
		return err_set(err, ERR_USER, 0, "%s holds no results: no " FILE_NAME " in it",
			       dir);
	for (size_t i = 0; !ret && i < files.n; i++)
		ret = is_left(files.v[i]) ? load_left(files.v[i], all, err)
					  : records_load_file(files.v[i], false, all, err);
	if (!ret)
		*records = json_incref(all);
	return ret;
}

char *record_left_path(const char *kernel_dir, unsigned nr)
{
	return xasprintf("%s/records-%u.tmp", kernel_dir, nr);
}

static size_t each_left(const char *dir, int (*fn)(const char *path))
{
	_cleanup_strv_ struct strv files = {0};
	size_t n = 0;

	find_all(dir, &files);
	for (size_t i = 0; i < files.n; i++) {
		if (!is_left(files.v[i]))
			continue;
		if (fn)
			fn(files.v[i]);
		n++;
	}
	return n;
}

size_t records_left(const char *dir)
{
	return each_left(dir, NULL);
}

void records_left_remove(const char *dir)
{
	each_left(dir, unlink);
}

json_t *record_select(const json_t *records, const char *kernel)
{
	json_t *own = json_array(), *r;
	size_t i;

	json_array_foreach (records, i, r)
		if (!strcmp(jstr(r, "kernel", ""), kernel))
			json_array_append(own, r);
	return own;
}
