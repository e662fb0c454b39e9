// SPDX-License-Identifier: GPL-2.0-or-later
#include "user_matrix.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "publish.h"
#include "settings.h"

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

int user_matrix_add(const struct kernel_spec *spec, const char *series, char **path,
		    struct err *err)
{
	_cleanup_free_ char *own = settings_path("matrix.conf"), *old = NULL;
	_cleanup_publish_ struct publish p = {0};
	int ret = 0;

	if (!own)
		return err_set(err, ERR_USER, 0, "no place for a matrix of your own: set HOME");
	if (access(own, F_OK) == 0)
		ret = read_file(own, FILE_MAX, &old, NULL, err);
	if (!ret)
		ret = publish_open(&p, own, err);
	if (ret < 0)
		return ret;
	fputs(old ? old : head, p.f);
	write_entry(p.f, spec, series);
	if (fflush(p.f) == EOF)
		return err_set(err, ERR_INFRA, errno, "write %s", own);
	ret = check(p.tmp, spec, err);
	if (!ret)
		ret = publish_commit(&p, err);
	if (!ret)
		*path = steal_ptr(own);
	return ret;
}
