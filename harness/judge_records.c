// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The records of whole runs: each variant by its facts, each boot by how it ended, and then what a
 * boot does to the belief in its variants.
 */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge.h"
#include "judge_internal.h"
#include "known.h"
#include "xalloc.h"

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
	return !is_boot(r) && !is(r, "control", "none");
}

static bool same_boot(const json_t *a, const json_t *b)
{
	return is(a, "kernel", jstr(b, "kernel", "")) && jint(a, "boot", -1) == jint(b, "boot", -1);
}

static void set(json_t *r, const char *key, const char *value)
{
	json_object_set_new(r, key, json_string(value));
}

/* A verdict that has no facts behind it. */
static void set_outcome(json_t *r, enum outcome o, const char *assertion, const char *text)
{
	struct verdict v = {.findings = json_object_get(r, "findings")};

	if (!v.findings) {
		v.findings = json_array();
		json_object_set_new(r, "findings", v.findings);
	}
	/* What is found last says why the rest does not count: it is read first. */
	verdict_add(&v, o, assertion, "%s", text);
	size_t last = json_array_size(v.findings) - 1;
	_cleanup_json_ json_t *f = json_incref(json_array_get(v.findings, last));

	json_array_remove(v.findings, last);
	json_array_insert(v.findings, 0, f);
	set(r, "outcome", outcome_name(o));
}

/* --- how boots end ---------------------------------------------------------------------------- */

static const struct boot_end {
	const char *end;
	enum outcome outcome; /* of the boot, and of a variant that it ended within */
	bool believed;	      /* what it had said until then */
	const char *text;
} boot_ends[] = {
	{"done", OUTCOME_PASS, true, "done"},
	{"broken", OUTCOME_ERROR, true, "the agent gave up"},
	{"reset", OUTCOME_CRASH, true, "the machine reset itself"},
	{"died", OUTCOME_CRASH, true, "the machine died"},
	{"silent", OUTCOME_CRASH, true, "the machine is stuck"},
	{"flood", OUTCOME_ERROR, false, "the guest flooded its output"},
	{"protocol", OUTCOME_ERROR, false, "the guest broke the protocol"},
	{"interrupted", OUTCOME_ERROR, true, "interrupted"},
	{"infra", OUTCOME_ERROR, true, "the machine could not be run"},
	{"unavailable", OUTCOME_UNSUPPORTED, true, "the kernel is not available"},
};

static const struct boot_end *boot_end(const json_t *boot)
{
	static const struct boot_end odd = {"", OUTCOME_ERROR, false, "nobody knows how it ended"};

	for (size_t i = 0; i < sizeof(boot_ends) / sizeof(*boot_ends); i++)
		if (is(boot, "end", boot_ends[i].end))
			return &boot_ends[i];
	return &odd;
}

static bool is_oops(const json_t *boot)
{
	return is(boot, "console", "oops") || is(boot, "console", "panic");
}

/* "the machine is stuck: no output in 60 s of CPU; console: BUG: …". Caller frees. */
static char *end_text(const json_t *boot)
{
	const char *text = jstr(boot, "text", NULL), *hint = jstr(boot, "hint", NULL);

	return xasprintf("%s%s%s%s%s%s%s", boot_end(boot)->text, text ? ": " : "", text ? text : "",
			 hint ? "; " : "", hint ? hint : "", is_oops(boot) ? "; console: " : "",
			 is_oops(boot) ? jstr(boot, "console_line", "an oops") : "");
}

static enum outcome boot_outcome(const json_t *boot)
{
	const struct boot_end *end = boot_end(boot);

	return is_oops(boot) && end->believed ? OUTCOME_CRASH : end->outcome;
}

/* --- one variant ------------------------------------------------------------------------------ */

static const json_t *boot_find(const json_t *records, const json_t *of)
{
	json_t *b;
	size_t i;

	json_array_foreach (records, i, b)
		if (is_boot(b) && same_boot(b, of))
			return b;
	return NULL;
}

static void variant_ran(json_t *r)
{
	_cleanup_verdict_ struct verdict v;

	judge_variant(r, &v);
	set(r, "outcome", outcome_name(v.outcome));
	json_object_set(r, "findings", v.findings);
	if (json_object_size(v.attributes))
		json_object_set(r, "attributes", v.attributes);
	if (v.class)
		set(r, "class", v.class);
	if (v.classes)
		json_object_set(r, "classes", v.classes);
}

static void variant_running(json_t *r, const json_t *boot)
{
	_cleanup_free_ char *text = end_text(boot);
	enum outcome o = boot_outcome(boot);

	/* A boot that ended well cannot have ended within a variant. */
	set_outcome(r, o == OUTCOME_CRASH ? o : OUTCOME_ERROR,
		    o == OUTCOME_CRASH ? "crash" : "harness", text);
}

static void variant_not_run(json_t *r, const json_t *boot)
{
	_cleanup_free_ char *end = end_text(boot);
	_cleanup_free_ char *text = xasprintf("not run: %s", end);

	set_outcome(r, OUTCOME_ERROR, "harness", text);
}

static void judge_one(const json_t *records, json_t *r)
{
	const json_t *boot = boot_find(records, r);

	if (is(r, "state", "ran"))
		variant_ran(r);
	else if (is(r, "state", "running"))
		variant_running(r, boot);
	else
		variant_not_run(r, boot);
}

/* --- controls --------------------------------------------------------------------------------- */

static const struct control_rule {
	const char *control;
	enum outcome wanted;
	bool shared, deadlock; /* what it must have been caught at */
} control_rules[] = {
	{"clean", OUTCOME_PASS, false, false},
	{"caught-error", OUTCOME_FAIL, true, false},
	{"caught-hang", OUTCOME_HANG, true, true},
};

#define NCONTROLS (sizeof(control_rules) / sizeof(*control_rules))

static bool has_finding(const json_t *r, const char *assertion)
{
	json_t *f;
	size_t i;

	json_array_foreach (json_object_get(r, "findings"), i, f)
		if (is(f, "assertion", assertion))
			return true;
	return false;
}

/* NULL if @r came out as a control of that kind must; else what is wrong. Caller frees. */
static char *control_wrong(const struct control_rule *c, const json_t *r)
{
	const char *name = jstr(r, "variant", "?");
	const char *why = jstr(json_array_get(json_object_get(r, "findings"), 0), "text", "");

	if (!is(r, "state", "ran") || !is(r, "outcome", outcome_name(c->wanted)))
		return xasprintf("%s was %s, wanted %s%s%s", name, jstr(r, "outcome", "?"),
				 outcome_name(c->wanted), *why ? ": " : "", why);
	if (c->shared && !has_finding(r, A_GLOBALS))
		return xasprintf("%s shows no shared globals", name);
	if (c->deadlock && jbool(fact(r, "stop"), "deadlock", 0) != 1)
		return xasprintf("%s hung without a proof", name);
	return NULL;
}

/* The same for all controls of one kind in @boot, of which there must be one. */
static char *controls_wrong(const json_t *records, const json_t *boot, const struct control_rule *c)
{
	bool there = false;
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		if (is_boot(r) || !same_boot(r, boot) || !is(r, "control", c->control))
			continue;
		char *wrong = control_wrong(c, r);

		there = true;
		if (wrong)
			return wrong;
	}
	return there ? NULL : xasprintf("no control '%s' was run", c->control);
}

/* A record of another kind of control, or of none at all, was made by somebody else. */
static char *controls_odd(const json_t *records, const json_t *boot)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		bool known = is_boot(r) || !same_boot(r, boot) || is(r, "control", "none");

		for (size_t c = 0; c < NCONTROLS; c++)
			known |= is(r, "control", control_rules[c].control);
		if (!known)
			return xasprintf("%s is an unknown kind of control",
					 jstr(r, "variant", "a record"));
	}
	return NULL;
}

/* --- what a boot is worth --------------------------------------------------------------------- */

static json_int_t count_ran(const json_t *records, const json_t *boot)
{
	json_int_t n = 0;
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r)
		n += !is_boot(r) && same_boot(r, boot) && is(r, "state", "ran");
	return n;
}

/*
 * The boot whose controls speak for @boot: its own, or that of another machine which was restored
 * from the same bytes and ran the same programs. NULL, with the reason in *why (caller frees), when
 * there is none that can.
 */
static const json_t *controls_of(const json_t *records, const json_t *boot, char **why)
{
	json_int_t nr = jint(boot, "controls_boot", -1);
	json_t *other;
	size_t i;

	if (nr < 0)
		return boot;
	json_array_foreach (records, i, other) {
		if (!is_boot(other) || !is(other, "kernel", jstr(boot, "kernel", "")) ||
		    jint(other, "boot", -1) != nr)
			continue;
		if (is(other, "template", jstr(boot, "template", "?")) &&
		    is(other, "cases_sha256", jstr(boot, "cases_sha256", "?")) &&
		    boot_end(other)->believed)
			return other;
		*why = xasprintf("boot %" JSON_INTEGER_FORMAT
				 ", which ran the controls, was another machine or is not believed",
				 nr);
		return NULL;
	}
	*why = xasprintf("no control was run: there is no boot %" JSON_INTEGER_FORMAT, nr);
	return NULL;
}

/* Why nothing that this boot said may be believed, or NULL. Caller frees. */
static char *disbelief(const json_t *records, const json_t *boot)
{
	json_int_t there = count_ran(records, boot), ran = jint(boot, "ran", -1);
	char *wrong = NULL;

	if (!boot_end(boot)->believed)
		return end_text(boot);
	if (there != ran)
		return xasprintf("the boot ran %" JSON_INTEGER_FORMAT
				 " variants, and there are %" JSON_INTEGER_FORMAT " records",
				 ran, there);
	const json_t *by = controls_of(records, boot, &wrong);

	for (size_t c = 0; !wrong && c < NCONTROLS; c++)
		wrong = controls_wrong(records, by, &control_rules[c]);
	if (!wrong)
		wrong = controls_odd(records, boot);
	if (!wrong)
		return NULL;
	_cleanup_free_ char *what = wrong;

	return xasprintf("the harness could not see: %s", what);
}

/* What is left of a verdict are the findings, below the reason why they do not count. */
static void take_back(json_t *r, const char *assertion, const char *why)
{
	static const char *const keys[] = {"class", "classes", "attributes"};

	set_outcome(r, OUTCOME_ERROR, assertion, why);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		json_object_del(r, keys[i]);
}

static void disbelieve(json_t *records, const json_t *boot, const char *why)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r)
		if (!is_boot(r) && same_boot(r, boot) && !is(r, "state", "not-run"))
			take_back(r, "controls", why);
}

static void judge_boot(json_t *records, json_t *boot)
{
	_cleanup_free_ char *text = end_text(boot);
	enum outcome o = boot_outcome(boot);
	_cleanup_free_ char *why = disbelief(records, boot);

	set(boot, "outcome", outcome_name(OUTCOME_PASS));
	json_object_set_new(boot, "findings", json_array());
	if (why)
		disbelieve(records, boot, why);
	if (o != OUTCOME_PASS)
		set_outcome(boot, o, o == OUTCOME_CRASH ? "crash" : "boot", text);
	else if (why)
		set_outcome(boot, OUTCOME_ERROR, "controls", why);
	else if (jint(boot, "planned", -1) != jint(boot, "ran", -2))
		set_outcome(boot, OUTCOME_ERROR, "boot", "it ended before its plan did");
	else if (is(boot, "console", "deaf"))
		set_outcome(
			boot, OUTCOME_ERROR, "boot",
			"an oops would not be seen: what the kernel prints does not reach its "
			"serial console (CONFIG_PRINTK, and on x86 CONFIG_SERIAL_8250_CONSOLE)");
	else if (!is(boot, "console", "quiet"))
		set_outcome(boot, OUTCOME_ERROR, "boot",
			    "nobody has looked for an oops on the console");
}

/* --- all -------------------------------------------------------------------------------------- */

static void forget(json_t *r)
{
	static const char *const keys[] = {"outcome", "findings",   "known",  "expected",
					   "class",   "attributes", "classes"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		json_object_del(r, keys[i]);
}

static bool is_good(const json_t *r)
{
	return is(r, "outcome", "pass") || is(r, "outcome", "unsupported");
}

static void compare(json_t *r, const struct known *known)
{
	const struct known_issue *issue = known ? known_match(known, r) : NULL;
	bool expected = is_good(r) ? !issue || !issue->strict : issue != NULL;

	if (is_good(r) && expected)
		issue = NULL;
	/* Nobody can know that nobody could look. And a control is there to come out badly. */
	if (is(r, "outcome", "error") || is_control(r)) {
		issue = NULL;
		expected = !is(r, "outcome", "error");
	}
	if (issue)
		set(r, "known", issue->id);
	json_object_set_new(r, "expected", json_boolean(expected));
}

void judge_further(json_t *records, size_t from, const struct known *known)
{
	size_t n = json_array_size(records);

	for (size_t i = from; i < n; i++)
		forget(json_array_get(records, i));
	for (size_t i = from; i < n; i++)
		if (!is_boot(json_array_get(records, i)))
			judge_one(records, json_array_get(records, i));
	for (size_t i = from; i < n; i++)
		if (is_boot(json_array_get(records, i)))
			judge_boot(records, json_array_get(records, i));
	for (size_t i = from; i < n; i++) {
		json_t *r = json_array_get(records, i);

		if (!is_boot(r) && !boot_find(records, r))
			take_back(r, "harness",
				  "there is no record of the boot: the driver was killed");
	}
	for (size_t i = from; i < n; i++)
		compare(json_array_get(records, i), known);
}

void judge_records(json_t *records, const struct known *known)
{
	judge_further(records, 0, known);
}
