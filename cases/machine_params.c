// SPDX-License-Identifier: GPL-2.0-or-later
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "memfd.h"
#include "nsexec/image.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

#define SEALS_MANDATORY 0xf

/* stage-machine.md, section 6. */
static const struct history histories[] = {
	{.name = "1.1.15", .seals = {{SEALS_MANDATORY, false}}},
	{.name = "1.2.4",
	 .memfd_flags = MFD_EXEC,
	 .mode = 0511,
	 .launcher = true,
	 .seals = {{0x10, true}, {F_SEAL_EXEC, true}, {SEALS_MANDATORY, false}}},
	{.name = "1.2.6",
	 .memfd_flags = MFD_EXEC,
	 .mode = 0511,
	 .launcher = true,
	 .seals = {{F_SEAL_EXEC, true}, {SEALS_MANDATORY, false}}},
};

struct word {
	const char *name;
	unsigned value;
};

static const struct word images[] = {
	{"file", IMAGE_FILE},
	{"memfd", IMAGE_MEMFD},
	{"tmpfile", IMAGE_TMPFILE},
	{"overlay", IMAGE_OVERLAY},
	{NULL, 0},
};
static const struct word makers[] = {{"launcher", false}, {"stage0", true}, {NULL, 0}};
static const struct word vias[] = {{"fd", VIA_FD}, {"execveat", VIA_EXECVEAT}, {NULL, 0}};
static const struct word faults[] = {
	{"none", FAULT_NONE},
	{"shared-globals", FAULT_SHARED_GLOBALS},
	{NULL, 0},
};
/* Added to what a plain container has. */
static const struct word namespaces[] = {
	{"plain", 0},
	{"user", CLONE_NEWUSER},
	{"time", CLONE_NEWTIME},
	{"cgroup", CLONE_NEWCGROUP},
	{"net", CLONE_NEWNET},
	{NULL, 0},
};

static const char *text(const json_t *params, const char *name, const char *otherwise)
{
	const json_t *v = json_object_get(params, name);

	return v ? json_string_value(v) : otherwise;
}

static int word_find(const struct word *words, const char *name, size_t len, unsigned *value)
{
	for (; words->name; words++) {
		if (strlen(words->name) == len && !memcmp(words->name, name, len)) {
			*value = words->value;
			return 0;
		}
	}
	return -1;
}

static int bad(json_t *facts, const char *name, const char *value)
{
	fact_error(facts, "parameter %s: unknown value \"%s\"", name, value ? value : "(not text)");
	return -1;
}

static int take(const json_t *params, const char *name, const struct word *words, unsigned *value,
		json_t *facts)
{
	const char *s = text(params, name, words->name);

	if (!s || word_find(words, s, strlen(s), value) < 0)
		return bad(facts, name, s);
	return 0;
}

/* "user+time"; a plain container's namespaces are always there. */
static int take_namespaces(const json_t *params, uint32_t *flags, json_t *facts)
{
	const char *s = text(params, "ns", "plain");

	*flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC;
	for (const char *p = s; p && *p;) {
		size_t len = strcspn(p, "+");
		unsigned flag;

		if (word_find(namespaces, p, len, &flag) < 0)
			return bad(facts, "ns", s);
		*flags |= flag;
		p += len + (p[len] == '+');
	}
	return s ? 0 : bad(facts, "ns", s);
}

static int take_seals(const json_t *params, struct machine_params *p, json_t *facts)
{
	p->seals = SEALS_NONE;
	return json_object_get(params, "seals") ? memfd_seals_param(params, &p->seals, facts) : 0;
}

static int take_history(const json_t *params, struct machine_params *p, json_t *facts)
{
	const char *s = text(params, "history", "direct");

	p->history = NULL;
	if (s && !strcmp(s, "direct"))
		return 0;
	for (size_t i = 0; s && i < sizeof(histories) / sizeof(*histories); i++) {
		if (!strcmp(histories[i].name, s))
			p->history = &histories[i];
	}
	return p->history ? 0 : bad(facts, "history", s);
}

static int check(const struct machine_params *p, json_t *facts)
{
	const char *why = NULL;

	if (p->image != IMAGE_MEMFD && (p->history || p->seals >= 0))
		why = "seals and history are about image memfd";
	else if (p->stage0 && p->image != IMAGE_MEMFD && p->image != IMAGE_TMPFILE)
		why = "stage0 makes a memfd or a tmpfile";
	else if (p->stage0 && p->history && p->history->launcher)
		why = "in this history the launcher makes the memfd";
	if (why)
		fact_error(facts, "parameters: %s", why);
	return why ? -1 : 0;
}

int params_parse(const json_t *params, struct machine_params *p, json_t *facts)
{
	unsigned image, via, fault, stage0, join;
	static const struct word joins[] = {{"none", false}, {"ipc", true}, {NULL, 0}};

	if (take(params, "image", images, &image, facts) < 0 ||
	    take(params, "via", vias, &via, facts) < 0 ||
	    take(params, "fault", faults, &fault, facts) < 0 ||
	    take(params, "maker", makers, &stage0, facts) < 0 ||
	    take(params, "join", joins, &join, facts) < 0 || take_seals(params, p, facts) < 0 ||
	    take_history(params, p, facts) < 0 ||
	    take_namespaces(params, &p->clone_flags, facts) < 0)
		return -1;
	p->image = image;
	p->via = via;
	p->fault = fault;
	p->stage0 = stage0;
	p->joins = join;
	p->time_offsets = p->clone_flags & CLONE_NEWTIME;
	p->link = text(params, "link", "static");
	p->schedule = text(params, "schedule", "free");
	if (!p->link || strchr(p->link, '/'))
		return bad(facts, "link", p->link);
	if (!p->schedule)
		return bad(facts, "schedule", NULL);
	return check(p, facts);
}
