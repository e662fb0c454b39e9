// SPDX-License-Identifier: GPL-2.0-or-later
/* What each seal promises, against what happened on a memfd that has it. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "json_util.h"
#include "judge.h"

#define ASSERTION "seal-promise"

enum seal {
	SEAL = 0x1,
	SHRINK = 0x2,
	GROW = 0x4,
	WRITE = 0x8,
	FUTURE_WRITE = 0x10,
	EXEC = 0x20,
};

/*
 * An operation is refused with EPERM when the memfd has any of @refused_by, and works otherwise.
 * Where kernels differ without breaking a promise (@either), both answers are right.
 */
static const struct {
	const char *op;
	unsigned refused_by;
	unsigned either;
} rules[] = {
	{"write", WRITE | FUTURE_WRITE, 0},
	{"write-past-end", WRITE | FUTURE_WRITE | GROW, 0},
	{"shrink", SHRINK, 0},
	{"grow", GROW, 0},
	{"map-shared-rw", WRITE | FUTURE_WRITE, 0},
	/* Refused with F_SEAL_WRITE before 6.7 and its backports: stricter than the promise. */
	{"map-shared-ro", 0, WRITE},
	{"map-shared-upgrade", WRITE | FUTURE_WRITE, 0},
	{"map-private-rw", 0, 0},
	{"old-map-write", 0, 0},
	{"chmod-x", EXEC, 0},
	{"add-more", SEAL, 0},
	{"reopen-write", WRITE | FUTURE_WRITE, 0},
};

/* Operations of which the value must be the seals themselves. */
static const char *const readings[] = {"fork-get", "exec-get"};

static bool refused(const json_t *r)
{
	const char *err = jstr(r, "errno", "");

	/* mprotect() says EACCES where mmap() says EPERM. */
	return jbool(r, "ok", -1) == 0 && (!strcmp(err, "EPERM") || !strcmp(err, "EACCES"));
}

static void judge_op(const char *op, unsigned refused_by, unsigned either, unsigned seals,
		     const json_t *r, struct verdict *v)
{
	bool must_refuse = seals & refused_by;
	const char *err = jstr(r, "errno", NULL);

	if (must_refuse ? refused(r) : jbool(r, "ok", -1) == 1)
		return;
	if (!must_refuse && (seals & either) && refused(r))
		return;
	if (must_refuse && jbool(r, "ok", -1) == 1)
		verdict_add(v, OUTCOME_FAIL, ASSERTION, "%s works in spite of seals %#x", op,
			    seals);
	else
		verdict_add(v, OUTCOME_FAIL, ASSERTION,
			    "%s with seals %#x failed (%s), and should %s", op, seals,
			    err ? err : jstr(r, "signal", ""),
			    must_refuse ? "be refused with EPERM" : "work");
}

static void judge_ops(const json_t *ops, unsigned seals, struct verdict *v)
{
	size_t looked = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		const json_t *r = json_object_get(ops, rules[i].op);

		if (!r)
			continue;
		looked++;
		judge_op(rules[i].op, rules[i].refused_by, rules[i].either, seals, r, v);
	}
	for (size_t i = 0; i < sizeof(readings) / sizeof(*readings); i++) {
		const json_t *r = json_object_get(ops, readings[i]);

		if (r && jint(r, "value", -1) != seals)
			verdict_add(v, OUTCOME_FAIL, ASSERTION, "%s: seals are %#llx and were %#x",
				    readings[i], (unsigned long long)jint(r, "value", -1), seals);
	}
	/* add-more and old-map-write have nothing to try under some masks. */
	if (looked + 3 < sizeof(rules) / sizeof(*rules))
		verdict_add(v, OUTCOME_ERROR, "could not look", "only %zu operations were tried",
			    looked);
}

/* What the memfd has is what was asked for, and what the kernel documents to come with it. */
static void judge_effective(unsigned asked, unsigned got, struct verdict *v)
{
	/* Linux 6.3: F_SEAL_EXEC on a file that is executable brings the write seals with it. */
	unsigned implied = asked & EXEC ? SHRINK | GROW | WRITE | FUTURE_WRITE : 0;

	if (asked & ~got)
		verdict_add(v, OUTCOME_FAIL, ASSERTION, "asked for seals %#x, got %#x", asked, got);
	if (got & ~(asked | implied))
		verdict_add(v, OUTCOME_FAIL, ASSERTION, "asked for seals %#x, got %#x: more", asked,
			    got);
}

void judge_seal(const json_t *record, struct verdict *v)
{
	const json_t *observed = json_object_get(record, "observed");
	const json_t *ops = json_object_get(observed, "ops");
	const char *mask = jstr(json_object_get(record, "params"), "seals", "none");
	unsigned asked = strcmp(mask, "none") ? strtoul(mask, NULL, 0) : 0;
	json_int_t got = jint(observed, "seals", -1);
	const json_t *with_map = json_object_get(ops, "add-with-map");

	if (jbool(json_object_get(observed, "add"), "ok", -1) != 1 || got < 0) {
		verdict_add(v, OUTCOME_ERROR, "could not look", "the seals could not be set: %s",
			    jstr(json_object_get(observed, "add"), "errno", "?"));
		return;
	}
	judge_effective(asked, got, v);
	judge_ops(ops, got, v);
	if ((got & WRITE) && strcmp(jstr(with_map, "errno", ""), "EBUSY"))
		verdict_add(v, OUTCOME_FAIL, ASSERTION,
			    "F_SEAL_WRITE was not refused with EBUSY while a shared writable "
			    "mapping exists");
}
