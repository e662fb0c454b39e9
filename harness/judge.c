// SPDX-License-Identifier: GPL-2.0-or-later
#include "judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge_internal.h"
#include "known.h"
#include "xalloc.h"

static const char *const outcome_names[OUTCOMES] = {
	[OUTCOME_PASS] = "pass",
	[OUTCOME_FAIL] = "fail",
	[OUTCOME_HANG] = "hang",
	[OUTCOME_CRASH] = "crash",
	[OUTCOME_UNSUPPORTED] = "unsupported",
	[OUTCOME_ERROR] = "error",
};

/* Which of two outcomes of the same variant is the one to tell. */
static const int badness[OUTCOMES] = {
	[OUTCOME_PASS] = 0, [OUTCOME_UNSUPPORTED] = 1, [OUTCOME_FAIL] = 2,
	[OUTCOME_HANG] = 3, [OUTCOME_CRASH] = 4,       [OUTCOME_ERROR] = 5,
};

const char *outcome_name(enum outcome o)
{
	return outcome_names[o];
}

enum outcome outcome_from(const char *name)
{
	for (int o = 0; o < OUTCOMES; o++)
		if (!strcmp(outcome_names[o], name))
			return o;
	return OUTCOME_ERROR;
}

void verdict_add(struct verdict *v, enum outcome o, const char *assertion, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (badness[o] > badness[v->outcome])
		v->outcome = o;
	json_array_append_new(v->findings,
			      json_pack("{s:s, s:s}", "assertion", assertion, "text", text));
}

static bool is(const json_t *r, const char *key, const char *value)
{
	return !strcmp(jstr(r, key, ""), value);
}

static bool is_boot(const json_t *r)
{
	return is(r, "type", "boot");
}

static bool is_control(const json_t *r)
{
	return is(r, "type", "variant") && !is(r, "control", "none");
}

/* Takes the verdict's findings over. */
static void put_verdict(json_t *r, struct verdict *v)
{
	json_object_set_new(r, "outcome", json_string(outcome_name(v->outcome)));
	json_object_set_new(r, "findings", v->findings);
}

/* --- one variant by its own facts ------------------------------------------------------------- */

static const struct {
	const char *kind;
	judge_fn *fn;
} kinds[] = {
	{"machine", judge_machine},
	{"seal", judge_seal},
	{"cow", judge_cow},
};

static void judge_facts(const json_t *r, struct verdict *v)
{
	const json_t *facts = json_object_get(r, "observed");
	const json_t *lacks = json_object_get(facts, "unsupported");
	const char *error = jstr(facts, "error", NULL);

	if (error) {
		verdict_add(v, OUTCOME_ERROR, "harness", "%s", error);
		return;
	}
	if (lacks) {
		verdict_add(v, OUTCOME_UNSUPPORTED, "unsupported", "%s: %s",
			    jstr(lacks, "step", "?"), jstr(lacks, "errno", "?"));
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!is(r, "kind", kinds[i].kind))
			continue;
		kinds[i].fn(r, v);
		return;
	}
	verdict_add(v, OUTCOME_ERROR, "harness", "nobody judges the kind '%s'",
		    jstr(r, "kind", ""));
}

static void judge_variant(json_t *r)
{
	struct verdict v = {.outcome = OUTCOME_PASS, .findings = json_array()};

	json_object_del(r, "class");
	if (is(r, "state", "ran"))
		judge_facts(r, &v);
	const char *class = is(r, "kind", "machine") && v.outcome != OUTCOME_PASS &&
					    v.outcome != OUTCOME_UNSUPPORTED
				    ? machine_class(r)
				    : NULL;

	if (class)
		json_object_set_new(r, "class", json_string(class));
	put_verdict(r, &v);
}

/* --- one boot --------------------------------------------------------------------------------- */

static bool same_boot(const json_t *a, const json_t *b)
{
	return is(a, "kernel", jstr(b, "kernel", "")) && jint(a, "boot", -1) == jint(b, "boot", -2);
}

static json_t *boot_of(const json_t *records, const json_t *r)
{
	json_t *b;
	size_t i;

	json_array_foreach (records, i, b) {
		if (is_boot(b) && same_boot(b, r))
			return b;
	}
	return NULL;
}

/* What a control must come out as: outcome, and the finding without which it was by chance. */
static const struct {
	const char *control;
	enum outcome wanted;
	const char *assertion;
} controls[] = {
	{"clean", OUTCOME_PASS, NULL},
	{"caught-error", OUTCOME_FAIL, "no-shared-globals"},
	{"caught-hang", OUTCOME_HANG, "no-shared-globals"},
};

#define NCONTROLS (sizeof(controls) / sizeof(*controls))

static bool has_finding(const json_t *r, const char *assertion)
{
	json_t *f;
	size_t i;

	json_array_foreach (json_object_get(r, "findings"), i, f) {
		if (is(f, "assertion", assertion))
			return true;
	}
	return false;
}

static bool deadlock_proved(const json_t *r)
{
	const json_t *stop = json_object_get(json_object_get(r, "observed"), "stop");

	return jbool(stop, "deadlock", 0) == 1;
}

/* NULL if control @k of this boot came out as it must, else what is wrong. Caller frees. */
static char *check_control(const json_t *records, const json_t *boot, size_t k)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		if (!is(r, "control", controls[k].control) || !same_boot(r, boot))
			continue;
		if (!is(r, "state", "ran"))
			continue;
		if (!is(r, "outcome", outcome_name(controls[k].wanted)))
			return xasprintf("%s was %s and must be %s", jstr(r, "variant", "?"),
					 jstr(r, "outcome", "?"), outcome_name(controls[k].wanted));
		if (controls[k].assertion && !has_finding(r, controls[k].assertion))
			return xasprintf("%s did not show %s", jstr(r, "variant", "?"),
					 controls[k].assertion);
		if (controls[k].wanted == OUTCOME_HANG && !deadlock_proved(r))
			return xasprintf("%s hung without a proof", jstr(r, "variant", "?"));
		return NULL;
	}
	return xasprintf("no %s control was run", controls[k].control);
}

/* Why nothing of this boot may be believed, or NULL. Caller frees. */
static char *disbelief(const json_t *records, const json_t *boot)
{
	static const char *const ends[] = {"protocol", "flood"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (is(boot, "end", ends[i]))
			return xasprintf("the record channel cannot be trusted: %s",
					 jstr(boot, "text", ends[i]));
	if (!boot)
		return xstrdup("the run was ended before this boot was");
	for (size_t k = 0; k < NCONTROLS; k++) {
		_cleanup_free_ char *wrong = check_control(records, boot, k);

		if (wrong)
			return xasprintf("the harness could not see: %s", wrong);
	}
	return NULL;
}

static void set_outcome(json_t *r, enum outcome o, const char *assertion, const char *text)
{
	struct verdict v = {.outcome = OUTCOME_PASS, .findings = json_array()};

	verdict_add(&v, o, assertion, "%s", text);
	put_verdict(r, &v);
}

/* How a machine can end so that the variant it ran is to blame. */
static bool is_crash(const json_t *boot)
{
	static const char *const ends[] = {"reset", "died", "silent", "broken"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (is(boot, "end", ends[i]))
			return true;
	return false;
}

/* Why the machine ended, in a line. Caller frees. */
static char *end_text(const json_t *boot)
{
	const char *line = jstr(boot, "console_line", NULL);

	return xasprintf("%s%s%s", jstr(boot, "text", jstr(boot, "end", "no word of the boot")),
			 line ? "; console: " : "", line ? line : "");
}

/* Variants that did not run to their end, and those that nobody may believe. */
static void judge_in_boot(const json_t *records, json_t *r)
{
	const json_t *boot = boot_of(records, r);
	_cleanup_free_ char *text = end_text(boot), *why = NULL;

	if (is(r, "state", "running") && is_crash(boot)) {
		set_outcome(r, OUTCOME_CRASH, "crash", text);
		return;
	}
	if (!is(r, "state", "ran")) {
		why = xasprintf("not run to its end: %s", text);
		set_outcome(r, OUTCOME_ERROR, "harness", why);
		return;
	}
	why = disbelief(records, boot);
	if (why)
		set_outcome(r, OUTCOME_ERROR, "controls", why);
}

static void judge_boot(json_t *b)
{
	struct verdict v = {.outcome = OUTCOME_PASS, .findings = json_array()};
	_cleanup_free_ char *text = end_text(b);
	bool oops = !is(b, "console", "quiet") && jstr(b, "console", NULL);

	if (is(b, "end", "unavailable"))
		verdict_add(&v, OUTCOME_UNSUPPORTED, "not available", "%s", text);
	else if (is_crash(b) && (oops || !is(b, "end", "broken")))
		verdict_add(&v, OUTCOME_CRASH, "crash", "%s", text);
	else if (!is(b, "end", "done"))
		verdict_add(&v, OUTCOME_ERROR, "harness", "%s", text);
	else if (oops)
		verdict_add(&v, OUTCOME_CRASH, "crash", "all was run, but the kernel said: %s",
			    jstr(b, "console_line", "?"));
	put_verdict(b, &v);
}

/* --- against what is known ---------------------------------------------------------------------
 */

static bool is_bad(const json_t *r)
{
	return !is(r, "outcome", "pass") && !is(r, "outcome", "unsupported");
}

static void compare_known(json_t *r, const struct known *known)
{
	const struct known_issue *issue = known_match(known, r);
	bool expected = !is_bad(r);

	if (issue) /* a strict issue that is not there is news as well */
		expected = is_bad(r) ? !is(r, "outcome", "error")
				     : !issue->strict || is(r, "outcome", "unsupported");
	json_object_del(r, "known");
	if (issue)
		json_object_set_new(r, "known", json_string(issue->id));
	json_object_set_new(r, "expected", json_boolean(expected));
}

/* A control did what it was there for; only its boot tells when it did not. */
static void settle_control(json_t *r, const json_t *boot)
{
	json_object_del(r, "known");
	json_object_set_new(r, "expected", json_boolean(boot && !is(r, "outcome", "error")));
}

void judge_records(json_t *records, const struct known *known)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		if (is_boot(r))
			judge_boot(r);
		else
			judge_variant(r);
	}
	/* Controls last: the others look at what they came out as. */
	for (int now = 0; now <= 1; now++) {
		json_array_foreach (records, i, r) {
			if (!is_boot(r) && is_control(r) == now)
				judge_in_boot(records, r);
		}
	}
	json_array_foreach (records, i, r) {
		if (is_control(r))
			settle_control(r, boot_of(records, r));
		else
			compare_known(r, known);
	}
}

/* --- the whole -------------------------------------------------------------------------------- */

static void tally_boot(const json_t *b, struct tally *t)
{
	if (is(b, "end", "unavailable"))
		t->unavailable++;
	else if (is(b, "end", "interrupted"))
		t->boots_incomplete++;
	else if (is(b, "end", "infra"))
		t->infra++;
	if (is(b, "outcome", "error"))
		t->errors++;
	else if (is_bad(b) && jbool(b, "expected", 0) != 1)
		t->unexpected++;
}

static void tally_variant(const json_t *r, struct tally *t)
{
	enum outcome o = outcome_from(jstr(r, "outcome", ""));
	bool expected = jbool(r, "expected", 0) == 1;

	t->n[o]++;
	if (o == OUTCOME_ERROR)
		t->errors++;
	else if (!expected)
		t->unexpected++;
	else if (is_bad(r))
		t->expected_bad++;
}

void tally_records(const json_t *records, struct tally *t)
{
	json_t *r;
	size_t i;

	*t = (struct tally){0};
	json_array_foreach (records, i, r) {
		if (is_boot(r))
			tally_boot(r, t);
		else if (!is_control(r))
			tally_variant(r, t);
		t->booted += is_boot(r) && jint(r, "boot", 0) > 0;
	}
}

int tally_status(const struct tally *t)
{
	if (t->infra)
		return 3;
	if (t->unexpected || t->errors)
		return 1;
	/* Every kernel was left out: nothing was found, for nothing was looked at. */
	return t->booted ? 0 : 3;
}
