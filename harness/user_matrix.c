// SPDX-License-Identifier: GPL-2.0-or-later
#include "user_matrix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "publish.h"
#include "settings.h"
#include "sig.h"

#define FILE_MAX (1 << 20)

static const char head[] =
	"# Kernels of your own; kernels/README.md of sealmatrix explains the keys.\n";

static void write_entry(FILE *f, const struct kernel_spec *spec, const char *series)
{
	fprintf(f, "\n[%s]\nprovider = %s\narch = %s\n", spec->name, spec->provider, spec->arch);
	if (series)
		fprintf(f, "series = %s\n", series);
	fputs("tags = own\n", f);
	for (size_t i = 0; i < spec->keys.n; i++)
		fprintf(f, "%s = %s\n", spec->keys.v[i], spec->values.v[i]);
}

static bool same(const struct kernel_spec *a, const struct kernel_spec *b)
{
	for (size_t i = 0; i < a->keys.n; i++) {
		const char *other = spec_get(b, a->keys.v[i]);

		if (!other || strcmp(a->values.v[i], other))
			return false;
	}
	return !strcmp(a->name, b->name) && !strcmp(a->provider, b->provider);
}

/* What was written is what will be read. */
static int check(const char *file, const struct kernel_spec *spec, struct err *err)
{
	_cleanup_matrix_ struct matrix m = {0};
	int ret = matrix_load(file, &m, err);

	if (!ret && !same(spec, &m.v[m.n - 1]))
		ret = err_set(
			err, ERR_USER, 0,
			"the path cannot be written down: give it one without odd characters");
	return ret;
}

/* From reading to writing nobody else does: the lock is on the directory, and leaves no file. */
static int lock_dir(const char *file, int *fd, struct err *err)
{
	_cleanup_free_ char *dir = xstrndup(file, strrchr(file, '/') - file);
	int ret = make_dirs(dir, err);

	if (ret < 0)
		return ret;
	*fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 || sig_flock(*fd, LOCK_EX) < 0)
		return err_set(err, ERR_INFRA, errno, "lock %s", dir);
	return 0;
}

/* The file that is to be written: one that the user keeps elsewhere stays there. Caller frees. */
static int find_target(const char *file, char **target, struct err *err)
{
	struct stat st;

	*target = realpath(file, NULL);
	if (!*target && lstat(file, &st) == 0)
		return err_set(err, ERR_USER, errno, "open %s, a link", file);
	if (!*target)
		*target = xstrdup(file);
	return 0;
}

static int add(const char *file, const struct kernel_spec *spec, const char *series,
	       struct err *err)
{
	_cleanup_publish_ struct publish p = {0};
	_cleanup_free_ char *old = NULL;
	int ret = 0;

	if (access(file, F_OK) == 0)
		ret = read_file(file, FILE_MAX, &old, NULL, err);
	if (!ret)
		ret = publish_open(&p, file, err);
	if (ret < 0)
		return ret;
	fputs(old ? old : head, p.f);
	write_entry(p.f, spec, series);
	if (fflush(p.f) == EOF)
		return err_set(err, ERR_INFRA, errno, "write %s", file);
	ret = check(p.tmp, spec, err);
	return ret ? ret : publish_commit(&p, err);
}

int user_matrix_add(const struct kernel_spec *spec, const char *series, char **path,
		    struct err *err)
{
	_cleanup_free_ char *own = settings_path("matrix.conf"), *target = NULL;
	_cleanup_close_ int lock = -1;

	if (!own)
		return err_set(err, ERR_USER, 0, "no place for a matrix of your own: set HOME");
	int ret = lock_dir(own, &lock, err);

	if (!ret)
		ret = find_target(own, &target, err);
	if (!ret)
		ret = add(target, spec, series, err);
	if (!ret)
		*path = steal_ptr(own);
	return ret;
}
