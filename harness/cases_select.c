// SPDX-License-Identifier: GPL-2.0-or-later
/* Which variants a command line asks for. */
#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "cleanup.h"
#include "near.h"

static int check_suite(const struct variants *vs, const char *suite, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};

	for (size_t i = 0; i < vs->n; i++)
		for (size_t k = 0; k < vs->v[i].suites.n; k++)
			if (!strv_contains(&names, vs->v[i].suites.v[k]))
				strv_add(&names, vs->v[i].suites.v[k]);
	if (strv_contains(&names, suite))
		return 0;
	_cleanup_free_ char *near = near_matches(suite, &names), *all = strv_join(&names, ", ");

	return err_set(err, ERR_USER, 0, "no suite is called '%s'%s%s%s; there are %s", suite,
		       near ? ", did you mean " : "", near ? near : "", near ? "?" : "", all);
}

static bool matches(const struct variant *v, const char *only)
{
	_cleanup_free_ char *full = xasprintf("%s/%s", v->case_name, v->name);

	if (!only)
		return true;
	if (strchr(only, '/'))
		return !fnmatch(only, full, 0);
	return !fnmatch(only, v->case_name, 0) || !fnmatch(only, v->name, 0);
}

static int no_match(const struct variants *vs, const char *only, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};
	const char *slash = strchr(only, '/');

	for (size_t i = 0; i < vs->n; i++) {
		if (slash)
			strv_addf(&names, "%s/%s", vs->v[i].case_name, vs->v[i].name);
		else
			strv_add(&names, vs->v[i].name);
	}
	_cleanup_free_ char *near = near_matches(only, &names);

	return err_set(err, ERR_USER, 0, "no variant matches '%s'%s%s%s; see `cases list`", only,
		       near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

/* Is @v to be run? Controls always are. @suite NULL: any suite. */
static bool wanted(const struct variant *v, const char *suite, const char *only)
{
	if (v->control != CONTROL_NONE)
		return true;
	return (!suite || strv_contains(&v->suites, suite)) && matches(v, only);
}

/* How many variants were asked for by name: a control that only comes along does not count. */
static size_t count_hits(const struct variants *vs, const char *suite, const char *only)
{
	size_t hits = 0;

	for (size_t i = 0; i < vs->n; i++) {
		const struct variant *v = &vs->v[i];

		hits += wanted(v, suite, only) &&
			(v->control == CONTROL_NONE || (only && matches(v, only)));
	}
	return hits;
}

static void keep(struct variants *vs, const char *suite, const char *only)
{
	struct variants kept = {.v = xcalloc(vs->n, sizeof(*kept.v))};

	for (int controls_now = 1; controls_now >= 0; controls_now--) {
		for (size_t i = 0; i < vs->n; i++) {
			struct variant *v = &vs->v[i];

			if (!v->name || (v->control != CONTROL_NONE) != controls_now ||
			    !wanted(v, suite, only))
				continue;
			kept.v[kept.n++] = *v;
			*v = (struct variant){0}; /* moved */
		}
	}
	variants_free(vs);
	*vs = kept;
}

int cases_select(struct variants *vs, const char *suite, const char *only, struct err *err)
{
	int ret = check_suite(vs, suite, err);

	if (ret < 0)
		return ret;
	/*
	 * With a pattern the suite only says where to look first: a name that another suite has is
	 * found there, so that every `repeat` command works as it stands.
	 */
	if (!count_hits(vs, suite, only)) {
		suite = NULL;
		if (!only || !count_hits(vs, suite, only))
			return no_match(vs, only ? only : "*", err);
	}
	keep(vs, suite, only);
	return 0;
}
