// SPDX-License-Identifier: GPL-2.0-or-later
#include "run_dir.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "json_util.h"
#include "paths.h"
#include "publish.h"
#include "xalloc.h"

static void utc_stamp(char *buf, size_t len, const char *format, time_t t)
{
	struct tm tm;

	strftime(buf, len, format, gmtime_r(&t, &tm));
}

static int make_named_by_time(char **dir, struct err *err)
{
	char stamp[32];
	_cleanup_free_ char *base = paths_data("results");

	if (access(base, W_OK) < 0) {
		free(base);
		base = xstrdup("results");
	}
	int ret = make_dirs(base, err);

	if (ret < 0)
		return ret;
	utc_stamp(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", time(NULL));
	for (unsigned i = 1; i < 1000; i++) {
		_cleanup_free_ char *path = i == 1 ? xasprintf("%s/%s", base, stamp)
						   : xasprintf("%s/%s-%u", base, stamp, i);

		if (mkdir(path, 0777) == 0) {
			*dir = steal_ptr(path);
			return 0;
		}
		if (errno != EEXIST)
			return err_set(err, ERR_INFRA, errno, "make directory %s", path);
	}
	return err_set(err, ERR_INFRA, EEXIST, "make a folder for this run in %s", base);
}

int run_dir_make(const char *wanted, char **dir, struct err *err)
{
	if (!wanted)
		return make_named_by_time(dir, err);
	*dir = xstrdup(wanted);
	return make_dirs(wanted, err);
}

int run_dir_kernel(const char *dir, const char *kernel, char **sub, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, kernel);
	int ret = remove_tree(path, err);

	if (!ret)
		ret = make_dirs(path, err);
	if (!ret)
		*sub = steal_ptr(path);
	return ret;
}

int run_dir_describe(const char *dir, time_t started, int argc, char **argv, const json_t *kernels,
		     bool complete, struct err *err)
{
	char start[32], stamp[32];
	_cleanup_free_ char *path = xasprintf("%s/run.json", dir);
	_cleanup_json_ json_t *args = json_array();

	for (int i = 0; i < argc; i++)
		json_array_append_new(args, json_string(argv[i]));
	utc_stamp(start, sizeof(start), "%Y-%m-%dT%H:%M:%SZ", started);
	utc_stamp(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", time(NULL));

	_cleanup_json_ json_t *o = json_pack(
		"{s:s, s:O, s:s, s:s, s:O, s:b}", "version", SM_VERSION, "arguments", args,
		"started", start, "written", stamp, "kernels", kernels, "complete", complete);
	char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;

	if (!text)
		return err_set(err, ERR_INFRA, EINVAL, "describe the run in %s", path);
	int ret = publish_buffer(path, text, strlen(text), err);

	free(text);
	return ret;
}

void run_dir_kernels(const char *dir, struct strv *kernels)
{
	_cleanup_free_ char *path = xasprintf("%s/run.json", dir);
	_cleanup_json_ json_t *desc = json_load_file(path, 0, NULL);
	json_t *name;
	size_t i;

	json_array_foreach (json_object_get(desc, "kernels"), i, name)
		if (json_is_string(name))
			strv_add(kernels, json_string_value(name));
}

bool run_dir_is_complete(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/run.json", dir);
	_cleanup_json_ json_t *desc = json_load_file(path, 0, NULL);

	return jbool(desc, "complete", 1) == 1;
}
