// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "json_util.h"
#include "judge.h"

static bool is(const json_t *r, const char *key, const char *value)
{
	return !strcmp(jstr(r, key, ""), value);
}

static bool is_variant(const json_t *r)
{
	return !is(r, "type", "boot") && is(r, "control", "none");
}

/* Some variant of this boot has the same outcome and is counted: the boot is not news. */
static bool is_carried(const json_t *records, const json_t *boot)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r)
		if (is_variant(r) && is(r, "kernel", jstr(boot, "kernel", "")) &&
		    jint(r, "boot", -1) == jint(boot, "boot", -1) &&
		    is(r, "outcome", jstr(boot, "outcome", "")))
			return true;
	return false;
}

bool tally_boot_is_news(const json_t *records, const json_t *boot)
{
	return !is(boot, "outcome", "pass") && !is_carried(records, boot);
}

static void tally_outcome(const json_t *r, struct tally *t)
{
	enum outcome o = outcome_from(jstr(r, "outcome", ""));
	bool bad = o != OUTCOME_PASS && o != OUTCOME_UNSUPPORTED;

	if (o == OUTCOME_ERROR)
		t->errors++;
	else if (jbool(r, "expected", 0) != 1)
		t->unexpected++;
	else if (bad)
		t->expected_bad++;
}

static void tally_boot(const json_t *records, const json_t *boot, struct tally *t)
{
	t->booted += jint(boot, "boot", 0) > 0;
	if (is(boot, "end", "unavailable"))
		t->unavailable++;
	else if (is(boot, "end", "infra"))
		t->infra++;
	else if (is(boot, "end", "interrupted"))
		t->boots_incomplete++;
	else if (tally_boot_is_news(records, boot))
		tally_outcome(boot, t);
}

void tally_records(const json_t *records, struct tally *t)
{
	json_t *r;
	size_t i;

	*t = (struct tally){0};
	json_array_foreach (records, i, r) {
		if (is(r, "type", "boot")) {
			tally_boot(records, r, t);
		} else if (is_variant(r)) {
			t->n[outcome_from(jstr(r, "outcome", ""))]++;
			tally_outcome(r, t);
		}
	}
}

int tally_status(const struct tally *t)
{
	if (t->infra)
		return 3;
	if (t->unexpected || t->errors || t->boots_incomplete)
		return 1;
	/* Every kernel was left out: nothing was found, for nothing was looked at. */
	return t->booted ? 0 : 3;
}
