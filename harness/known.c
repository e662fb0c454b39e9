// SPDX-License-Identifier: GPL-2.0-or-later
#include "known.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "ini_util.h"
#include "json_util.h"
#include "judge.h"
#include "known_internal.h"
#include "series.h"
#include "xalloc.h"

void known_free(struct known **known)
{
	struct known *k = *known;

	for (size_t i = 0; k && i < k->n; i++) {
		struct entry *e = &k->v[i];

		free(e->id);
		free(e->text);
		free(e->ref);
		free(e->review);
		free(e->class);
		free(e->series);
		strv_free(&e->kernels);
		strv_free(&e->cases);
		strv_free(&e->outcomes);
		strv_free(&e->assertions);
		strv_free(&e->needs);
	}
	if (k)
		free(k->v);
	free(k);
	*known = NULL;
}

static int set_text(char **field, const char *key, const char *value, struct err *err)
{
	if (*field)
		return err_set(err, ERR_USER, 0, "%s is given twice", key);
	*field = xstrdup(value);
	return 0;
}

static int set_seals(struct entry *e, const char *value, struct err *err)
{
	char *end;

	e->seals = strtol(value, &end, 0);
	if (end == value || *end || e->seals < 0)
		return err_set(err, ERR_USER, 0, "seals-include takes a mask, not '%s'", value);
	return 0;
}

static int set_strict(struct entry *e, const char *value, struct err *err)
{
	if (strcmp(value, "yes") && strcmp(value, "no"))
		return err_set(err, ERR_USER, 0, "strict is yes or no, not '%s'", value);
	e->issue.strict = !strcmp(value, "yes");
	return 0;
}

/* Dates are compared as text: one that is written otherwise would be due at another time. */
static int check_date(const char *value, struct err *err)
{
	static const char like[] = "2027-03-31";
	char again[sizeof(like)] = "";
	struct tm tm = {0};
	const char *end = strptime(value, "%Y-%m-%d", &tm);

	if (end && strftime(again, sizeof(again), "%Y-%m-%d", &tm) == strlen(like) &&
	    !strcmp(again, value))
		return 0;
	return err_set(err, ERR_USER, 0, "review is a date like %s, not '%s'", like, value);
}

static int set_series(struct entry *e, const char *value, struct err *err)
{
	if (!series_range(value, &e->range) || e->range.from < 0 || e->range.to < e->range.from)
		return err_set(err, ERR_USER, 0, "series is a range like 6.3..6.19, not '%s'",
			       value);
	return set_text(&e->series, "series", value, err);
}

static int on_line(void *arg, const char *section, const char *key, const char *value,
		   struct err *err)
{
	struct known *k = arg;

	if (!key) {
		k->v = xreallocarray(k->v, k->n + 1, sizeof(*k->v));
		k->v[k->n++] = (struct entry){.id = xstrdup(section)};
		return 0;
	}
	struct entry *e = &k->v[k->n - 1];
	const struct {
		const char *key;
		struct strv *list;
	} lists[] = {{"kernels", &e->kernels},
		     {"cases", &e->cases},
		     {"outcomes", &e->outcomes},
		     {"assertions", &e->assertions},
		     {"needs", &e->needs}};

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		if (strcmp(lists[i].key, key))
			continue;
		strv_split(lists[i].list, value, " \t\n");
		return 0;
	}
	if (!strcmp(key, "text"))
		return set_text(&e->text, key, value, err);
	if (!strcmp(key, "ref"))
		return set_text(&e->ref, key, value, err);
	if (!strcmp(key, "class"))
		return set_text(&e->class, key, value, err);
	if (!strcmp(key, "review"))
		return check_date(value, err) < 0 ? -EINVAL : set_text(&e->review, key, value, err);
	if (!strcmp(key, "seals-include"))
		return set_seals(e, value, err);
	if (!strcmp(key, "series"))
		return set_series(e, value, err);
	if (!strcmp(key, "strict"))
		return set_strict(e, value, err);
	return err_set(err, ERR_USER, 0, "unknown key '%s'", key);
}

/* A mistyped outcome would make an entry that never matches. */
static int check_outcomes(const struct entry *e, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};

	for (int o = 0; o < OUTCOMES; o++)
		if (o != OUTCOME_PASS && o != OUTCOME_UNSUPPORTED && o != OUTCOME_ERROR)
			strv_add(&names, outcome_name(o));
	for (size_t i = 0; i < e->outcomes.n; i++)
		if (!strv_contains(&names, e->outcomes.v[i]))
			return err_set(err, ERR_USER, 0,
				       "[%s]: outcomes are fail, hang and crash, not '%s'", e->id,
				       e->outcomes.v[i]);
	return 0;
}

static int check_entry(const struct entry *e, struct err *err)
{
	if (!e->text || !e->kernels.n || !e->cases.n || !e->outcomes.n)
		return err_set(err, ERR_USER, 0, "[%s] needs text, kernels, cases and outcomes",
			       e->id);
	return check_outcomes(e, err);
}

int known_load(const char *path, struct known **known, struct err *err)
{
	_cleanup_known_ struct known *k = xcalloc(1, sizeof(*k));
	int ret = ini_load(path, on_line, k, err);

	for (size_t i = 0; !ret && i < k->n; i++) {
		struct entry *e = &k->v[i];

		ret = check_entry(e, err);
		if (ret < 0)
			err_context(err, "%s", path);
		e->issue.id = e->id;
		e->issue.text = e->text;
		e->issue.ref = e->ref;
	}
	if (!ret)
		*known = steal_ptr(k);
	return ret;
}

bool known_any_matches(const struct strv *patterns, const char *s)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (!fnmatch(patterns->v[i], s, 0))
			return true;
	return false;
}

bool known_in_series(const struct entry *e, long series)
{
	return !e->series || (series >= e->range.from && series <= e->range.to);
}

/*
 * Another assertion that fails as well is not covered by the issue; nor is what only comes after
 * the issue's own sign, such as a stray process, without that.
 */
static bool assertions_covered(const struct entry *e, const json_t *record)
{
	bool sign = !e->needs.n;
	json_t *f;
	size_t i;

	json_array_foreach (json_object_get(record, "findings"), i, f) {
		const char *assertion = jstr(f, "assertion", "");

		if (e->assertions.n && !strv_contains(&e->assertions, assertion))
			return false;
		sign |= strv_contains(&e->needs, assertion);
	}
	return sign;
}

bool known_speaks_of(const struct entry *e, const json_t *record)
{
	_cleanup_free_ char *name =
		xasprintf("%s/%s", jstr(record, "case", ""), jstr(record, "variant", ""));
	json_int_t seals = jint(json_object_get(record, "observed"), "seals", 0);

	return known_any_matches(&e->kernels, jstr(record, "kernel", "")) &&
	       known_in_series(e, series_of_release(jstr(record, "release", NULL))) &&
	       known_any_matches(&e->cases, name) && (seals & e->seals) == e->seals;
}

bool known_covers(const struct entry *e, const json_t *record)
{
	const char *outcome = jstr(record, "outcome", "");

	if (!known_speaks_of(e, record))
		return false;
	if (!strcmp(outcome, "pass") || !strcmp(outcome, "unsupported"))
		return true; /* it speaks of this variant, whatever came out this time */
	if (e->class && strcmp(e->class, jstr(record, "class", "")))
		return false;
	return strv_contains(&e->outcomes, outcome) && assertions_covered(e, record);
}

const struct known_issue *known_match(const struct known *known, const json_t *record)
{
	for (size_t i = 0; known && i < known->n; i++)
		if (known_covers(&known->v[i], record))
			return &known->v[i].issue;
	return NULL;
}
