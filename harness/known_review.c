// SPDX-License-Identifier: GPL-2.0-or-later
/* The state of the known issues themselves: excuses must not outlive what they excuse. */
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "known_internal.h"
#include "series.h"

json_t *known_about(const struct known *known, const char *kernel, const char *release)
{
	json_t *out = json_array();

	for (size_t i = 0; i < known->n; i++) {
		const struct entry *e = &known->v[i];

		if (known_any_matches(&e->kernels, kernel) &&
		    known_in_series(e, series_of_release(release)))
			json_array_append_new(out, json_pack("{s:s, s:s, s:s?, s:s?}", "id", e->id,
							     "text", e->text, "ref", e->ref,
							     "review", e->review));
	}
	return out;
}

static void say(json_t *out, const struct entry *e, const char *fmt, const char *word)
{
	_cleanup_free_ char *what = xasprintf(fmt, word);
	_cleanup_free_ char *line = xasprintf("known issue %s: %s", e->id, what);

	json_array_append_new(out, json_string(line));
}

static bool names_a_case(const struct entry *e, const struct variants *vs)
{
	for (size_t i = 0; i < vs->n; i++) {
		_cleanup_free_ char *name = xasprintf("%s/%s", vs->v[i].case_name, vs->v[i].name);

		if (known_any_matches(&e->cases, name))
			return true;
	}
	return false;
}

static bool was_booted(const json_t *records, const char *kernel)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r)
		if (!strcmp(jstr(r, "type", ""), "boot") &&
		    !strcmp(jstr(r, "kernel", ""), kernel) && !strcmp(jstr(r, "end", ""), "done"))
			return true;
	return false;
}

/*
 * Kernels that a sweep does not run: those that not everybody can have, and those that are wrong on
 * purpose, unless it is them that the entry names.
 */
static bool is_apart(const struct entry *e, const struct kernel_spec *s)
{
	static const char *const tags[] = {"past", "own", "bare", "seeded", "seeded-control"};

	if (strv_contains(&e->kernels, s->name))
		return false;
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++)
		if (strv_contains(&s->tags, tags[i]))
			return true;
	return false;
}

/* Every kernel that the entry is about, as far as one can have them, was in the run. */
static bool had_its_chance(const struct entry *e, const json_t *records, const struct matrix *m)
{
	bool any = false;

	for (size_t i = 0; i < m->n; i++) {
		const struct kernel_spec *s = &m->v[i];

		if (!known_any_matches(&e->kernels, s->name) ||
		    (s->series && !known_in_series(e, series_number(s->series))) || is_apart(e, s))
			continue;
		if (!was_booted(records, s->name))
			return false;
		any = true;
	}
	return any;
}

/* It spoke of something in the run, and there was nothing to excuse. */
static bool excused_nothing(const struct entry *e, const json_t *records)
{
	bool spoke = false;
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		const char *outcome = jstr(r, "outcome", "");

		if (strcmp(jstr(r, "type", ""), "variant") || !known_speaks_of(e, r))
			continue;
		spoke = true;
		if (strcmp(outcome, "pass") && strcmp(outcome, "unsupported") && known_covers(e, r))
			return false;
	}
	return spoke;
}

static bool names_a_kernel(const struct entry *e, const struct matrix *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (known_any_matches(&e->kernels, m->v[i].name))
			return true;
	return false;
}

json_t *known_review(const struct known *known, const json_t *records, const struct matrix *m,
		     const struct variants *vs, const char *today)
{
	json_t *out = json_array();

	for (size_t i = 0; i < known->n; i++) {
		const struct entry *e = &known->v[i];

		if (e->review && strcmp(e->review, today) <= 0)
			say(out, e, "was to be looked at again on %s", e->review);
		if (!names_a_case(e, vs))
			say(out, e, "no case is called like its '%s'", e->cases.v[0]);
		else if (!names_a_kernel(e, m))
			say(out, e, "no kernel is called like its '%s'", e->kernels.v[0]);
		else if (had_its_chance(e, records, m) && excused_nothing(e, records))
			say(out, e, "it never matched, though its kernels were all run%s", "");
	}
	return out;
}
