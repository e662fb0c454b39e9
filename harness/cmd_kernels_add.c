// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd_kernels.h"
#include "provider.h"
#include "source.h"
#include "user_matrix.h"

/* The matrix outlives the directory that the command was typed in. */
static int make_absolute(struct kernel_spec *s, const char *path, struct err *err)
{
	char *real = realpath(path, NULL);

	if (!real)
		return err_set(err, ERR_USER, errno, "open %s", path);
	free(s->values.v[0]);
	s->values.v[0] = real;
	return 0;
}

static int set_modules(struct kernel_spec *s, const char *modules, struct err *err)
{
	_cleanup_free_ char *real = realpath(modules, NULL);

	if (!real)
		return err_set(err, ERR_USER, errno, "open %s", modules);
	if (strcmp(s->provider, "file"))
		return err_set(err, ERR_USER, 0, "--modules goes with an image, and %s is a source",
			       s->values.v[0]);
	strv_add(&s->keys, "modules");
	strv_add(&s->values, real);
	return 0;
}

/* A file is got, for what gets through that is a kernel; a source is only looked at. */
static int validate(const struct kernel_spec *s, struct kernel *k, struct err *err)
{
	_cleanup_free_ char *about = NULL, *where = NULL;

	return strcmp(s->provider, "file") ? kernel_describe(s, &about, &where, err)
					   : kernel_get(s, NULL, k, err);
}

/*
 * "6.1" of the release "6.1.0-56-cloud-amd64", or as the source says it: so that ranges take it in,
 * and faults can be seeded. Caller frees.
 */
static char *series_text(const struct kernel_spec *s, const char *release)
{
	_cleanup_source_ struct source source = {0};
	struct err ignored = ERR_INIT;
	unsigned major, minor;

	if (release && sscanf(release, "%u.%u", &major, &minor) == 2)
		return xasprintf("%u.%u", major, minor);
	if (strcmp(s->provider, "source") || source_resolve(s, false, NULL, &source, &ignored) < 0)
		return NULL;
	return source_series(&source);
}

int kernels_add(struct matrix *m, const char *path, const char *name, const char *modules,
		struct err *err)
{
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_free_ char *file = NULL;
	struct kernel_spec *s = &m->v[matrix_add_path(m, path)];
	int ret = make_absolute(s, path, err);

	if (!ret && modules)
		ret = set_modules(s, modules, err);
	if (!ret && name)
		ret = matrix_rename(m, s, name, err);
	if (!ret)
		ret = validate(s, &k, err);
	_cleanup_free_ char *series = ret ? NULL : series_text(s, k.release);

	if (!ret)
		ret = user_matrix_add(s, series, &file, err);
	if (ret < 0)
		return ret;
	printf("%s is in %s now%s%s\n", s->name, file, k.release ? ": Linux " : "",
	       k.release ? k.release : "");
	return 0;
}
