// SPDX-License-Identifier: GPL-2.0-or-later
/* Was a seeded fault caught, and by the detector that is there for it? */
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge.h"
#include "mutants.h"

static const char *const names[MUTANT_VERDICTS] = {
	[MUTANT_CAUGHT] = "caught",
	[MUTANT_WRONG] = "WRONG DETECTOR",
	[MUTANT_MISSED] = "MISSED",
	[MUTANT_BLIND] = "NOT TRIED",
};

const char *mutant_verdict_name(enum mutant_verdict v)
{
	return names[v];
}

static bool is(const json_t *r, const char *key, const char *value)
{
	return !strcmp(jstr(r, key, ""), value);
}

/* A real variant of @kernel, or a boot of it. */
static bool concerns(const json_t *r, const char *kernel)
{
	return is(r, "kernel", kernel) && (is(r, "type", "boot") || is(r, "control", "none"));
}

static bool is_failure(const json_t *r)
{
	enum outcome o = outcome_from(jstr(r, "outcome", ""));

	return (o == OUTCOME_FAIL || o == OUTCOME_HANG || o == OUTCOME_CRASH) &&
	       jbool(r, "expected", 0) != 1;
}

/* "seal/0x4", or "boot". Caller frees. */
static char *place(const json_t *r)
{
	return is(r, "type", "boot")
		       ? xstrdup("boot")
		       : xasprintf("%s/%s", jstr(r, "case", ""), jstr(r, "variant", ""));
}

static bool fires(const struct detector *d, const json_t *r, const json_t *finding)
{
	_cleanup_free_ char *where = place(r);

	return !fnmatch(d->variant, where, 0) && is(finding, "assertion", d->assertion) &&
	       (!d->text || !fnmatch(d->text, jstr(finding, "text", ""), 0));
}

static bool fired(const struct detector *d, const char *kernel, const json_t *records)
{
	json_t *r, *f;
	size_t i, j;

	json_array_foreach (records, i, r) {
		if (!concerns(r, kernel) || !is_failure(r))
			continue;
		json_array_foreach (json_object_get(r, "findings"), j, f)
			if (fires(d, r, f))
				return true;
	}
	return false;
}

static bool may_fail(const struct mutant *m, const char *assertion)
{
	for (size_t i = 0; m && i < m->nmust; i++)
		if (!strcmp(m->must[i].assertion, assertion))
			return true;
	return m && strv_contains(&m->also, assertion);
}

/* The first thing that nobody has an explanation for, or NULL. Caller frees. */
static char *blind_spot(const char *kernel, const json_t *records)
{
	bool booted = false;
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		const json_t *first = json_array_get(json_object_get(r, "findings"), 0);

		if (!concerns(r, kernel))
			continue;
		booted |= is(r, "type", "variant") && is(r, "state", "ran");
		/* A kernel that is not available has the outcome unsupported. */
		if (!is(r, "outcome", "error") &&
		    !(is(r, "type", "boot") && is(r, "outcome", "unsupported")))
			continue;
		_cleanup_free_ char *where = place(r);

		return xasprintf("%s: %s", where,
				 jstr(first, "text", jstr(r, "text", "nobody could look")));
	}
	return booted ? NULL : xstrdup("nothing was run");
}

/* What failed and has no reason to. Caller frees. */
static char *stranger(const struct mutant *m, const char *kernel, const json_t *records)
{
	json_t *r, *f;
	size_t i, j;

	json_array_foreach (records, i, r) {
		if (!concerns(r, kernel) || !is_failure(r))
			continue;
		json_array_foreach (json_object_get(r, "findings"), j, f) {
			const char *assertion = jstr(f, "assertion", "?");
			_cleanup_free_ char *where = place(r);

			if (!may_fail(m, assertion))
				return xasprintf("%s %s: %s", where, assertion,
						 jstr(f, "text", "?"));
		}
	}
	return NULL;
}

static size_t count_failures(const char *kernel, const json_t *records)
{
	size_t n = 0, i;
	json_t *r;

	json_array_foreach (records, i, r)
		n += concerns(r, kernel) && !is(r, "type", "boot") && is_failure(r);
	return n;
}

/* "cow/0x10 copy-on-write, seal/0x1 seal-seal": the detectors that fired, or did not. */
static char *detectors(const struct mutant *m, const char *kernel, const json_t *records, bool want)
{
	char *all = NULL;

	for (size_t i = 0; i < m->nmust; i++) {
		const struct detector *d = &m->must[i];
		char *more;

		if (fired(d, kernel, records) != want)
			continue;
		more = xasprintf("%s%s%s %s%s%s", all ? all : "", all ? ", " : "", d->variant,
				 d->assertion, d->text && !want ? " " : "",
				 d->text && !want ? d->text : "");
		free(all);
		all = more;
	}
	return all;
}

static enum mutant_verdict judge_plain(const char *kernel, const json_t *records, char **why)
{
	char *odd = stranger(NULL, kernel, records);

	*why = odd ? odd : xstrdup("quiet, as it must be: it has no fault");
	return odd ? MUTANT_WRONG : MUTANT_CAUGHT;
}

enum mutant_verdict mutant_judge(const struct mutant *m, const char *kernel, const json_t *records,
				 char **why)
{
	*why = blind_spot(kernel, records);
	if (*why)
		return MUTANT_BLIND;
	if (!m)
		return judge_plain(kernel, records, why);

	_cleanup_free_ char *quiet = detectors(m, kernel, records, false);
	_cleanup_free_ char *odd = stranger(m, kernel, records);
	size_t n = count_failures(kernel, records);

	if (!n && !odd) {
		*why = xasprintf("nothing failed; wanted %s", quiet);
		return MUTANT_MISSED;
	}
	if (quiet) {
		*why = xasprintf("%zu variant%s failed, but not %s%s%s", n, n == 1 ? "" : "s",
				 quiet, odd ? "; " : "", odd ? odd : "");
		return MUTANT_WRONG;
	}
	if (odd) {
		*why = steal_ptr(odd);
		return MUTANT_WRONG;
	}
	_cleanup_free_ char *by = detectors(m, kernel, records, true);

	*why = xasprintf("by %s; %zu variant%s failed", by, n, n == 1 ? "" : "s");
	return MUTANT_CAUGHT;
}
