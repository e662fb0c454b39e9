// SPDX-License-Identifier: GPL-2.0-or-later
#include "run_status.h"

#include <string.h>

#include "json_util.h"
#include "judge.h"

/* The variant that must hang, and the same one without F_SEAL_FUTURE_WRITE; cases/cases.conf. */
#define WITH_SEAL    "memfd-0x1f-H3"
#define WITHOUT_SEAL "memfd-0xf-H3"

static bool is(const json_t *r, const char *key, const char *value)
{
	return !strcmp(jstr(r, key, ""), value);
}

static const json_t *find(const json_t *records, const char *kernel, const char *variant)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r)
		if (is(r, "kernel", kernel) && is(r, "case", "stage-machine") &&
		    is(r, "variant", variant))
			return r;
	return NULL;
}

struct story story_find(const json_t *records, const char *kernel, const char *fixed)
{
	return (struct story){.hang = find(records, kernel, WITH_SEAL),
			      .no_seal = find(records, kernel, WITHOUT_SEAL),
			      .fixed = find(records, fixed, WITH_SEAL)};
}

bool story_reproduced(const struct story *s)
{
	return is(s->hang, "outcome", "hang") && is(s->no_seal, "outcome", "pass") &&
	       is(s->fixed, "outcome", "pass");
}

/*
 * The kernel that is told of fails with those seals, as it was asked to: nobody's known issue need
 * speak of a kernel that comes from a phone.
 */
static bool is_told(const json_t *r, const struct story *s)
{
	const char *seals = jstr(json_object_get(s->hang, "params"), "seals", "none");

	return is(r, "type", "variant") && is(r, "control", "none") &&
	       is(r, "kernel", jstr(s->hang, "kernel", "")) &&
	       !strcmp(jstr(json_object_get(r, "params"), "seals", ""), seals) &&
	       (is(r, "outcome", "hang") || is(r, "outcome", "fail"));
}

int story_status(const json_t *records, const struct story *s)
{
	_cleanup_json_ json_t *others = json_array();
	struct tally t;
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r)
		if (!is_told(r, s))
			json_array_append(others, r);
	tally_records(others, &t);
	return tally_status(&t) ?: !story_reproduced(s);
}

/*
 * Why the schedule of @r cannot be met, or NULL. A control's is our own; and of a boot that is not
 * believed nobody knows.
 */
static const char *unmet(const json_t *r)
{
	const char *text = NULL;
	json_t *f;
	size_t i;

	if (!is(r, "control", "none"))
		return NULL;
	json_array_foreach (json_object_get(r, "findings"), i, f) {
		if (is(f, "assertion", "controls"))
			return NULL;
		if (!text && is(f, "assertion", JUDGE_SCHEDULE))
			text = jstr(f, "text", "");
	}
	return text;
}

int schedule_status(const json_t *records, struct err *err)
{
	_cleanup_json_ json_t *others = json_array();
	const json_t *first = NULL;
	struct tally t;
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		if (!unmet(r))
			json_array_append(others, r);
		else if (!first)
			first = r;
	}
	tally_records(others, &t);
	if (!first || tally_status(&t))
		return 0;
	return err_set(err, ERR_USER, 0, "%s: %s", jstr(first, "id", "?"), unmet(first));
}
