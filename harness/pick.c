// SPDX-License-Identifier: GPL-2.0-or-later
#include "pick.h"

#include <string.h>

#include "cleanup.h"
#include "matrix.h"
#include "pool.h"
#include "xalloc.h"

static int fetch(size_t i, struct progress *pg, int slots, void *arg)
{
	_cleanup_kernel_ struct kernel k = {0};
	struct err err = ERR_INIT;

	(void)i, (void)slots; /* no machine is needed */
	if (kernel_get(arg, pg, &k, &err) == 0)
		return 0;
	progress_note(pg, "%s", err.msg);
	return 1;
}

/* In a worker, so that downloads and builds are shown as in a run. */
static int fill_cache(const struct kernel_spec *spec, struct err *err)
{
	struct pool_item item = {.name = spec->name};
	const char *names[] = {spec->name};
	struct display *display = display_new(stderr, names, 1);
	int ret = pool_run(&item, 1, 0, fetch, (void *)spec, display, err);

	display_free(display);
	if (!ret && item.status)
		ret = err_set(err, ERR_INFRA, 0, "%s could not be had, see above", spec->name);
	return ret;
}

const struct kernel_spec *pick_spec(struct matrix *m, const char *word, struct err *err)
{
	char *words[] = {(char *)word};
	_cleanup_free_ size_t *sel = NULL;
	size_t n;

	if (matrix_select(m, words, 1, &sel, &n, err) < 0)
		return NULL;
	if (n != 1) {
		err_set(err, ERR_USER, 0, "%s stands for %zu kernels; name one of them", word, n);
		return NULL;
	}
	return &m->v[sel[0]];
}

int pick_kernel(const char *word, struct kernel *out, struct err *err)
{
	_cleanup_free_ char *about = NULL, *where = NULL;
	_cleanup_matrix_ struct matrix m = {0};
	int ret = matrix_open(&m, err);

	if (ret < 0)
		return ret;
	const struct kernel_spec *spec = pick_spec(&m, word, err);

	if (!spec)
		return -EINVAL;
	ret = kernel_describe(spec, &about, &where, err);
	if (!ret && !where && strcmp(spec->provider, "file"))
		ret = fill_cache(spec, err);
	return ret ? ret : kernel_get(spec, NULL, out, err);
}
