// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copy-on-write of a private mapping of a sealed memfd. Every probe is relative: it can look only
 * where the same probe comes out healthy on what no seal can matter to. On Linux 7.1, say,
 * /proc/self/mem refuses every private read-only page, sealed or not.
 */
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge_internal.h"
#include "xalloc.h"

#define A_COW "copy-on-write"

enum answer { BLIND, HEALTHY, AFFECTED };

/* VmFlags are two-letter words. */
static enum answer answer_vmflags(const json_t *r)
{
	_cleanup_strv_ struct strv flags = {0};

	strv_split(&flags, jstr(r, "value", ""), " ");
	if (jstr(r, "errno", NULL) || !flags.n)
		return BLIND;
	return strv_contains(&flags, "mw") ? HEALTHY : AFFECTED;
}

static enum answer answer_ok(const json_t *r)
{
	int ok = jbool(r, "ok", -1);

	return ok < 0 ? BLIND : ok ? HEALTHY : AFFECTED;
}

static enum answer answer_value(const json_t *r, const char *healthy, const char *affected)
{
	const char *value = jstr(r, "value", "");

	return !strcmp(value, healthy) ? HEALTHY : !strcmp(value, affected) ? AFFECTED : BLIND;
}

static enum answer answer_fork_write(const json_t *r)
{
	return answer_value(r, "private", "shared");
}

static enum answer answer_pfn(const json_t *r)
{
	return answer_value(r, "differ", "same");
}

static const struct probe {
	const char *name;
	enum answer (*answer)(const json_t *r);
	bool needed; /* without it nobody knows what a program would see */
	const char *text;
} probes[] = {
	{"vmflags", answer_vmflags, false, "VM_MAYWRITE is missing on its private mapping"},
	{"mprotect", answer_ok, false, "a private read-only mapping cannot be made writable"},
	{"proc-mem", answer_ok, false, "/proc/self/mem cannot write to a private mapping"},
	{"fork-write", answer_fork_write, true, "a page written before fork() is shared after it"},
	{"pfn", answer_pfn, false, "parent and child wrote to the same page frame"},
};

/* *where: on which of the three mappings it could not be seen. */
static enum answer probe_answer(const struct probe *p, const json_t *facts, const char **where)
{
	const json_t *anon = json_object_get(facts, "anon");

	*where = "without seals either";
	if (p->answer(json_object_get(facts, "unsealed")) != HEALTHY)
		return BLIND;
	*where = "on plain memory either";
	if (anon && p->answer(anon) != HEALTHY)
		return BLIND;
	*where = "on the sealed memfd, and says nothing of it";
	return p->answer(json_object_get(facts, "sealed"));
}

static void judge_probe(const struct probe *p, const json_t *facts, unsigned seals,
			struct verdict *v)
{
	const char *err = jstr(json_object_get(facts, "sealed"), "errno", NULL), *where;

	switch (probe_answer(p, facts, &where)) {
	case BLIND:
		json_object_set_new(v->attributes, p->name, json_string("blind"));
		if (p->needed)
			verdict_blind(v, "%s does not work %s", p->name, where);
		break;
	case AFFECTED:
		verdict_add(v, OUTCOME_FAIL, A_COW, "memfd sealed %#x: %s (%s%s%s)", seals, p->text,
			    p->name, err ? ": " : "", err ? err : "");
		break;
	case HEALTHY:
		break;
	}
}

void judge_cow(const json_t *record, struct verdict *v)
{
	unsigned asked, seals;

	if (!param_seals(record, &asked)) {
		verdict_add(v, OUTCOME_ERROR, "harness", "parameter seals is no mask");
		return;
	}
	judge_seals(record, asked, &seals, v);
	for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++)
		judge_probe(&probes[i], json_object_get(fact(record, "probes"), probes[i].name),
			    seals, v);
}
