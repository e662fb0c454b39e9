// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Copy-on-write probes. Each is relative: it tells something about the seals only where it works on
 * an unsealed memfd. One whose control fails too is blind, which is neither good nor bad.
 */
#include <string.h>

#include "json_util.h"
#include "judge.h"

#define ASSERTION "copy-on-write"

/* Does the answer @r of a probe say "private"? -1 when there is none. */
static int healthy_flag(const json_t *r)
{
	return json_is_object(r) ? jbool(r, "ok", -1) : -1;
}

static int healthy_value(const json_t *r, const char *good, const char *bad)
{
	const char *value = jstr(r, "value", "");

	return !strcmp(value, good) ? 1 : !strcmp(value, bad) ? 0 : -1;
}

static const struct {
	const char *name;
	const char *good, *bad; /* of "value"; NULL: "ok" decides */
	const char *text;
} probes[] = {
	{"vmflags", NULL, NULL,
	 "VM_MAYWRITE is missing on the private mapping (VmFlags without mw)"},
	{"mprotect", NULL, NULL, "a private read-only mapping cannot be made writable"},
	{"proc-mem", NULL, NULL, "/proc/self/mem cannot write to a private r-x mapping"},
	{"fork-write", "private", "shared", "a page written before fork is shared after it"},
	{"pfn", "differ", "same", "parent and child both wrote and still have the same page frame"},
};

static int healthy(size_t i, const json_t *r)
{
	return probes[i].good ? healthy_value(r, probes[i].good, probes[i].bad) : healthy_flag(r);
}

/* 1 and 0: it could look, and the mapping is (not) affected. -1: blind. */
static int affected(size_t i, const json_t *probe)
{
	int sealed = healthy(i, json_object_get(probe, "sealed"));
	int control = healthy(i, json_object_get(probe, "unsealed"));

	return sealed < 0 || control != 1 ? -1 : !sealed;
}

void judge_cow(const json_t *record, struct verdict *v)
{
	const json_t *observed = json_object_get(record, "observed");
	const json_t *all = json_object_get(observed, "probes");
	bool fork_looked = false;

	for (size_t i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
		const json_t *probe = json_object_get(all, probes[i].name);
		int hit = affected(i, probe);
		const char *err = jstr(json_object_get(probe, "sealed"), "errno", NULL);

		if (hit >= 0 && !strcmp(probes[i].name, "fork-write"))
			fork_looked = true;
		if (hit == 1)
			verdict_add(v, OUTCOME_FAIL, ASSERTION, "memfd sealed %#llx: %s%s%s",
				    (unsigned long long)jint(observed, "seals", 0), probes[i].text,
				    err ? ": " : "", err ? err : "");
	}
	/* The others are hints at the mechanism; this one is what it is about. */
	if (v->outcome == OUTCOME_PASS && !fork_looked)
		verdict_add(v, OUTCOME_ERROR, "could not look",
			    "fork-write did not work even on a memfd without seals");
}
