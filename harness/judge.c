// SPDX-License-Identifier: GPL-2.0-or-later
#include "judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge_internal.h"
#include "xalloc.h"

static const struct {
	const char *name;
	int badness;
} outcomes[OUTCOMES] = {
	[OUTCOME_PASS] = {"pass", 0},
	[OUTCOME_FAIL] = {"fail", 2},
	[OUTCOME_HANG] = {"hang", 3},
	[OUTCOME_CRASH] = {"crash", 4},
	[OUTCOME_UNSUPPORTED] = {"unsupported", 1},
	[OUTCOME_ERROR] = {"error", 5},
};

const char *outcome_name(enum outcome o)
{
	return outcomes[o].name;
}

enum outcome outcome_from(const char *name)
{
	for (int o = 0; o < OUTCOMES; o++)
		if (name && !strcmp(outcomes[o].name, name))
			return o;
	return OUTCOME_ERROR;
}

/*
 * One line for people, whatever the guest put into it: it could end the line, or tell a terminal
 * what to do. json_string() refuses what is not UTF-8, and a finding must not get lost over that.
 */
static json_t *text_json(char *text)
{
	for (unsigned char *c = (unsigned char *)text; *c; c++) {
		bool c1 = *c == 0xc2 && (c[1] & 0xe0) == 0x80; /* U+0080 to U+009F */

		if (*c < ' ' || *c == 0x7f || c1)
			*c = '?';
		if (c1)
			*++c = '?';
	}
	json_t *s = json_string(text);

	return s ? s : json_string("(text that is not UTF-8)");
}

static json_t *vtext_json(const char *fmt, va_list ap)
{
	_cleanup_free_ char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = xstrdup("(out of memory)");
	return text_json(text);
}

void verdict_add(struct verdict *v, enum outcome o, const char *assertion, const char *fmt, ...)
{
	json_t *finding = json_object();
	va_list ap;

	va_start(ap, fmt);
	json_object_set_new(finding, "assertion", json_string(assertion));
	json_object_set_new(finding, "text", vtext_json(fmt, ap));
	va_end(ap);
	json_array_append_new(v->findings, finding);
	if (outcomes[o].badness > outcomes[v->outcome].badness)
		v->outcome = o;
}

void verdict_blind(struct verdict *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	json_array_append_new(v->blind, vtext_json(fmt, ap));
	va_end(ap);
}

void verdict_free(struct verdict *v)
{
	json_decref(v->findings);
	json_decref(v->blind);
	json_decref(v->attributes);
	json_decref(v->classes);
	*v = (struct verdict){0};
}

const json_t *fact(const json_t *record, const char *key)
{
	return json_object_get(json_object_get(record, "observed"), key);
}

const char *param(const json_t *record, const char *key, const char *def)
{
	return jstr(json_object_get(record, "params"), key, def);
}

bool param_seals(const json_t *record, unsigned *mask)
{
	const char *s = param(record, "seals", "none");
	char *end;

	*mask = 0;
	if (!strcmp(s, "none"))
		return true;
	*mask = (unsigned)strtoul(s, &end, 0);
	return end != s && !*end;
}

/*
 * Linux 6.3 and later: sealing the execute bits of a file that has any makes it read-only as well
 * (memfd_add_seals(), "SEAL_EXEC implies SEAL_WRITE").
 */
static unsigned with_implied(unsigned asked)
{
	if (asked & SEAL_EXEC)
		asked |= SEAL_SHRINK | SEAL_GROW | SEAL_WRITE | SEAL_FUTURE_WRITE;
	return asked;
}

bool judge_seals(const json_t *record, unsigned must, unsigned *effective, struct verdict *v)
{
	const json_t *seals = fact(record, "seals");

	*effective = 0;
	if (!json_is_integer(seals) || json_integer_value(seals) < 0) {
		verdict_blind(v, "the seals that are in effect are not known");
		return false;
	}
	*effective = (unsigned)json_integer_value(seals);
	if ((*effective & must) != must || *effective & ~with_implied(must))
		verdict_add(v, OUTCOME_FAIL, A_SEALS, "the file has seals %#x where %#x was set",
			    *effective, must);
	return true;
}

static void judge_unsupported(const json_t *why, struct verdict *v)
{
	const char *step = jstr(why, "step", NULL);

	if (step)
		verdict_add(v, OUTCOME_UNSUPPORTED, "unsupported", "%s: %s", step,
			    jstr(why, "errno", "errno unknown"));
	else
		verdict_add(v, OUTCOME_ERROR, "harness", "unsupported, but not what");
}

static void judge_kind(const json_t *record, struct verdict *v)
{
	static const struct {
		const char *kind;
		judge_fn *fn;
	} kinds[] = {{"machine", judge_machine},
		     {"explore", judge_explore},
		     {"seal", judge_seal},
		     {"cow", judge_cow}};
	const char *kind = jstr(record, "kind", "");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!strcmp(kinds[i].kind, kind)) {
			kinds[i].fn(record, v);
			return;
		}
	}
	verdict_add(v, OUTCOME_ERROR, "harness", "nobody can judge kind '%s'", kind);
}

static void settle_blind(struct verdict *v)
{
	json_t *what;
	size_t i;

	if (v->outcome != OUTCOME_PASS)
		return;
	json_array_foreach (v->blind, i, what)
		verdict_add(v, OUTCOME_ERROR, "harness", "could not look: %s",
			    json_string_value(what));
}

void judge_variant(const json_t *record, struct verdict *v)
{
	const json_t *facts = json_object_get(record, "observed");

	*v = (struct verdict){
		.findings = json_array(), .blind = json_array(), .attributes = json_object()};
	if (!json_object_size(facts))
		verdict_add(v, OUTCOME_ERROR, "harness", "the record holds no facts");
	else if (fact(record, "error"))
		verdict_add(v, OUTCOME_ERROR, "harness", "%s",
			    jstr(facts, "error", "the guest reports an error without a text"));
	else if (fact(record, "unsupported"))
		judge_unsupported(fact(record, "unsupported"), v);
	else
		judge_kind(record, v);
	settle_blind(v);
}
