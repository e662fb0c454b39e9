// SPDX-License-Identifier: GPL-2.0-or-later
/* Stress: the same variants again and again, where chance has a say. */
#include <string.h>

#include "cases.h"
#include "cleanup.h"
#include "proc.h"

static struct variant copy_of(const struct variant *v, unsigned round)
{
	struct variant c = {.case_name = xstrdup(v->case_name),
			    .name = xstrdup(v->name),
			    .kind = xstrdup(v->kind),
			    .doc = v->doc ? xstrdup(v->doc) : NULL,
			    .params = json_incref(v->params),
			    .control = v->control,
			    .asked = v->asked ? xstrdup(v->asked) : NULL,
			    .round = round};

	for (size_t i = 0; i < v->suites.n; i++)
		strv_add(&c.suites, v->suites.v[i]);
	return c;
}

int cases_repeat(struct variants *vs, unsigned rounds, struct err *err)
{
	size_t once = vs->n, own = 0;

	for (size_t i = 0; i < once; i++)
		own += vs->v[i].control == CONTROL_NONE;
	if (own * rounds > CASES_REPEAT_MAX)
		return err_set(err, ERR_USER, 0,
			       "%zu variants %u times are more than %d; say --only, or a smaller "
			       "--repeat",
			       own, rounds, CASES_REPEAT_MAX);
	vs->v = xreallocarray(vs->v, once + own * (rounds - 1), sizeof(*vs->v));
	/* Round by round: what a machine that crashes leaves is then some of everything. */
	for (unsigned round = 2; round <= rounds; round++)
		for (size_t i = 0; i < once; i++)
			if (vs->v[i].control == CONTROL_NONE)
				vs->v[vs->n++] = copy_of(&vs->v[i], round);
	for (size_t i = 0; i < once; i++)
		vs->v[i].round = vs->v[i].control == CONTROL_NONE;
	return 0;
}

void cases_asked(struct variants *vs, const char *option, const char *value)
{
	_cleanup_free_ char *quoted = value ? proc_quoted(value) : NULL;
	_cleanup_free_ char *words =
		xasprintf("%s%s%s", option, quoted ? " " : "", quoted ? quoted : "");

	for (size_t i = 0; i < vs->n; i++) {
		struct variant *v = &vs->v[i];
		_cleanup_free_ char *before = v->asked;

		v->asked = before ? xasprintf("%s %s", before, words) : xstrdup(words);
	}
}
