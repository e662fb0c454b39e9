// SPDX-License-Identifier: GPL-2.0-or-later
/* Each seal's promise, and that no seal takes more than it says. */
#include <string.h>

#include "json_util.h"
#include "judge_internal.h"

#define A_PRIVATE "private-mapping"
#define A_ALLOWED "not-sealed"

/*
 * An operation is refused while one of the seals @refused_by is in effect, and works otherwise.
 * @either: with one of these, both can be right; which of them is kept as an attribute.
 */
static const struct rule {
	const char *op;
	unsigned refused_by, either;
	const char *assertion; /* that fails when it is not refused */
	const char *errnum;    /* the refusal, beside EPERM */
	bool optional;	       /* results/README.md does not ask for it */
} rules[] = {
	{"write", SEAL_WRITE | SEAL_FUTURE_WRITE, 0, "seal-write", NULL, false},
	{"reopen-write", SEAL_WRITE | SEAL_FUTURE_WRITE, 0, "seal-write", NULL, false},
	{"write-past-end", SEAL_GROW | SEAL_WRITE | SEAL_FUTURE_WRITE, 0, "seal-grow", NULL, false},
	{"shrink", SEAL_SHRINK, 0, "seal-shrink", NULL, false},
	{"grow", SEAL_GROW, 0, "seal-grow", NULL, false},
	{"map-shared-rw", SEAL_WRITE | SEAL_FUTURE_WRITE, 0, "seal-map", NULL, false},
	/* Under F_SEAL_WRITE it depends on another answer; FUTURE_WRITE alone never refused it. */
	{"map-shared-ro", 0, SEAL_WRITE, A_ALLOWED, NULL, false},
	/* mprotect() of a read-only shared mapping: its VM_MAYWRITE must be gone. */
	{"map-shared-upgrade", SEAL_WRITE | SEAL_FUTURE_WRITE, 0, "seal-map", "EACCES", true},
	{"map-private-rw", 0, 0, A_PRIVATE, NULL, false},
	{"chmod-x", SEAL_EXEC, 0, "seal-exec", NULL, false},
	{"add-more", SEAL_SEAL, 0, "seal-seal", NULL, false},
};

/* Where the seals are read again; they must be the same. */
static const char *const readings[] = {"fork-get", "exec-get"};

static const json_t *op_find(const json_t *record, const char *op)
{
	return json_object_get(fact(record, "ops"), op);
}

/* How an operation ended, for people. */
static const char *ending(const json_t *r)
{
	const char *done = jbool(r, "ok", 0) == 1 ? "it was done" : "nothing was done";

	return jstr(r, "errno", jstr(r, "signal", jstr(r, "value", done)));
}

static bool is_refusal(const struct rule *rule, const json_t *r)
{
	const char *err = jstr(r, "errno", "");

	return jbool(r, "ok", 1) == 0 &&
	       (!strcmp(err, "EPERM") || (rule->errnum && !strcmp(err, rule->errnum)));
}

/* Done, and said so. */
static bool is_done(const json_t *r)
{
	return jbool(r, "ok", 0) == 1 && !jstr(r, "errno", NULL);
}

/*
 * A read-only shared mapping of a memfd with F_SEAL_WRITE. Before 6.7 and its backports it is
 * refused because it counts as a writable one, by design: no failure. Where it does not count,
 * F_SEAL_WRITE can be added in spite of it, and refusing it is a fault, as in 6.12.0 to 6.12.8.
 * Before 5.1 there is no F_SEAL_FUTURE_WRITE to tell the two apart with, nor the distinction.
 */
static void judge_either(const json_t *record, const struct rule *rule, const json_t *r,
			 unsigned seals, struct verdict *v)
{
	const json_t *add = op_find(record, "add-write-with-ro-map");
	const char *err = jstr(add, "errno", "");

	json_object_set_new(v->attributes, rule->op,
			    json_string(is_done(r) ? "allowed" : "refused"));
	if (is_done(r) || !strcmp(err, "EBUSY") || !strcmp(err, "EINVAL"))
		return;
	if (is_done(add))
		verdict_add(v, OUTCOME_FAIL, rule->assertion,
			    "%s with seals %#x: %s, though it does not count as writable: "
			    "F_SEAL_WRITE can be added while there is one",
			    rule->op, seals, ending(r));
	else
		verdict_blind(v, "%s is refused, and add-write-with-ro-map does not say why",
			      rule->op);
}

static void judge_op(const json_t *record, const struct rule *rule, const json_t *r, unsigned seals,
		     struct verdict *v)
{
	if (seals & rule->either && (is_refusal(rule, r) || is_done(r)))
		judge_either(record, rule, r, seals, v);
	else if (seals & rule->refused_by && !is_refusal(rule, r))
		verdict_add(v, OUTCOME_FAIL, rule->assertion, "%s with seals %#x: %s, not EPERM",
			    rule->op, seals, ending(r));
	else if (!(seals & rule->refused_by) && !is_done(r))
		verdict_add(v, OUTCOME_FAIL, rule->refused_by ? A_ALLOWED : rule->assertion,
			    "%s with seals %#x: %s, though no seal forbids it", rule->op, seals,
			    ending(r));
}

/* Every kernel knows these four, so that a file without one of them can be asked to add it. */
#define SEALS_BASIC (SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_WRITE)

static bool may_miss(const struct rule *rule, unsigned seals)
{
	return rule->optional ||
	       (rule->refused_by == SEAL_SEAL && (seals & SEALS_BASIC) == SEALS_BASIC);
}

static void judge_rules(const json_t *record, unsigned seals, struct verdict *v)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		const json_t *r = op_find(record, rules[i].op);

		if (json_is_boolean(json_object_get(r, "ok")))
			judge_op(record, &rules[i], r, seals, v);
		else if (!may_miss(&rules[i], seals))
			verdict_blind(v, "%s was not tried", rules[i].op);
	}
}

/* With WRITE asked for, or implied by EXEC: no shared writable mapping may live on. */
static void judge_map_denied(unsigned asked, const json_t *add, const json_t *old,
			     struct verdict *v)
{
	bool busy = !strcmp(jstr(add, "errno", ""), "EBUSY") && jbool(add, "ok", 1) == 0;

	if (busy)
		return;
	if (asked & SEAL_WRITE && json_is_object(add))
		verdict_add(v, OUTCOME_FAIL, "seal-write",
			    "F_ADD_SEALS %#x with a shared writable mapping: %s, not EBUSY", asked,
			    ending(add));
	else if (is_done(add) || is_done(old))
		verdict_add(v, OUTCOME_FAIL, "seal-write-implied",
			    "F_ADD_SEALS %#x implies F_SEAL_WRITE, and a shared writable mapping "
			    "lives on: not EBUSY",
			    asked);
	else
		verdict_blind(v, "F_SEAL_WRITE was not tried with a mapping");
}

/*
 * A shared writable mapping from before the seals: F_SEAL_WRITE is refused with EBUSY while it
 * exists; every other seal lets it live and write.
 */
static void judge_old_map(const json_t *record, unsigned asked, unsigned seals, struct verdict *v)
{
	const json_t *add = op_find(record, "add-with-map");
	const json_t *old = op_find(record, "old-map-write");

	if (seals & SEAL_WRITE)
		judge_map_denied(asked, add, old, v);
	else if (json_is_object(add) && !is_done(add))
		verdict_add(v, OUTCOME_FAIL, A_ALLOWED,
			    "F_ADD_SEALS %#x with a shared writable mapping: %s", asked,
			    ending(add));
	else if (!json_is_object(old))
		verdict_blind(v, "old-map-write was not tried");
	else if (!is_done(old))
		verdict_add(v, OUTCOME_FAIL, A_ALLOWED,
			    "a mapping from before seals %#x can no longer be written: %s", seals,
			    ending(old));
}

static void judge_readings(const json_t *record, unsigned seals, struct verdict *v)
{
	for (size_t i = 0; i < sizeof(readings) / sizeof(*readings); i++) {
		const json_t *value = json_object_get(op_find(record, readings[i]), "value");

		if (!json_is_integer(value))
			verdict_blind(v, "%s gave no seals", readings[i]);
		else if (json_integer_value(value) != seals)
			verdict_add(v, OUTCOME_FAIL, "seals-kept", "%s: seals %#llx, were %#x",
				    readings[i], (unsigned long long)json_integer_value(value),
				    seals);
	}
}

void judge_seal(const json_t *record, struct verdict *v)
{
	const json_t *add = fact(record, "add");
	unsigned asked, seals;

	if (!param_seals(record, &asked)) {
		verdict_add(v, OUTCOME_ERROR, "harness", "parameter seals is no mask");
		return;
	}
	if (jbool(add, "ok", -1) == 0) {
		verdict_add(v, OUTCOME_FAIL, A_SEALS, "F_ADD_SEALS %#x: %s", asked, ending(add));
		return;
	}
	if (!judge_seals(record, asked, &seals, v))
		return;
	judge_rules(record, seals, v);
	judge_old_map(record, asked, seals, v);
	judge_readings(record, seals, v);
}
