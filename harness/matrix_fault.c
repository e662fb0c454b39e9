// SPDX-License-Identifier: GPL-2.0-or-later
/* BASE+FAULT: a kernel that is built here, with one of the faults of kernels/mutants.conf. */
#include <string.h>

#include "cleanup.h"
#include "matrix_internal.h"
#include "mutants.h"
#include "near.h"

static int find_base(const struct matrix *m, const char *name, const struct kernel_spec **base,
		     struct err *err)
{
	_cleanup_strv_ struct strv names = {0};

	*base = matrix_find(m, name);
	if (*base && !strcmp((*base)->provider, "source"))
		return 0;
	if (*base)
		return err_set(err, ERR_USER, 0,
			       "'%s' is not built here; take a kernel with provider = source, such "
			       "as those with the tag seeded-control",
			       name);
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->v[i].provider, "source"))
			strv_add(&names, m->v[i].name);
	_cleanup_free_ char *near = near_matches(name, &names);

	return err_set(err, ERR_USER, 0, "no kernel is called '%s'%s%s%s; see `kernels list`", name,
		       near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

/* All of @base but what makes the difference. */
static void add_variant(struct matrix *m, const char *name, const struct kernel_spec *base,
			const char *patch, const char *release)
{
	const char *patches = spec_get(base, "patches");
	struct kernel_spec copy =
		*base; /* adding may move what @base points to; its strings stay */
	struct kernel_spec *s = matrix_add(m, name);

	s->provider = xstrdup(copy.provider);
	s->arch = xstrdup(copy.arch);
	s->series = copy.series ? xstrdup(copy.series) : NULL;
	strv_add(&s->tags, "mutant");
	for (size_t i = 0; i < copy.keys.n; i++) {
		if (!strcmp(copy.keys.v[i], "patches") || !strcmp(copy.keys.v[i], "release"))
			continue;
		strv_add(&s->keys, copy.keys.v[i]);
		strv_add(&s->values, copy.values.v[i]);
	}
	strv_add(&s->keys, "patches");
	strv_addf(&s->values, "%s%s%s", patches ? patches : "", patches ? " " : "", patch);
	strv_add(&s->keys, "release");
	strv_add(&s->values, release);
}

int matrix_add_fault(struct matrix *m, const char *word, struct err *err)
{
	_cleanup_mutants_ struct mutants faults = {0};
	const char *sign = strchr(word, FAULT_SIGN);
	_cleanup_free_ char *name = xstrndup(word, sign - word);
	const struct kernel_spec *base;
	const struct mutant *fault;
	int ret = find_base(m, name, &base, err);

	if (!ret)
		ret = mutants_open(&faults, err);
	if (!ret)
		ret = mutants_find(&faults, sign + 1, &fault, err);
	if (ret < 0)
		return ret;
	const char *patch = mutant_patch(fault, base->series);

	if (!patch)
		return err_set(err, ERR_USER, 0, "%s has no patch for series %s", fault->name,
			       base->series ? base->series : "(unknown)");
	add_variant(m, word, base, patch, fault->name);
	return 0;
}

static bool is_taken(const struct matrix *m, size_t i, const char *patch)
{
	const char *patches = spec_get(&m->v[i], "patches");

	return patches && strstr(patches, patch);
}

int matrix_add_all_faults(struct matrix *m, struct err *err)
{
	_cleanup_mutants_ struct mutants faults = {0};
	size_t n = m->n;
	int ret = mutants_open(&faults, err);

	for (size_t i = 0; !ret && i < n; i++)
		for (size_t f = 0; f < faults.n; f++) {
			const struct mutant *fault = &faults.v[f];
			const char *patch = mutant_patch(fault, m->v[i].series);

			/* A kernel that has this fault already cannot have it twice. */
			if (strcmp(m->v[i].provider, "source") || !patch || is_taken(m, i, patch) ||
			    strchr(m->v[i].name, FAULT_SIGN))
				continue;
			_cleanup_free_ char *name =
				xasprintf("%s%c%s", m->v[i].name, FAULT_SIGN, fault->name);

			if (!matrix_find(m, name))
				add_variant(m, name, &m->v[i], patch, fault->name);
		}
	return ret;
}
