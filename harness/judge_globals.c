// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * No shared globals: canaries in every region of memory, page frames, each load of the globals, and
 * the log, where a line's stage comes from the global and its pid from the kernel.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge_internal.h"
#include "proto.h"
#include "xalloc.h"

const char *const stage_names[NSTAGES] = {"P", "C", "I"};

int stage_index(const char *name)
{
	for (int s = 0; s < NSTAGES; s++)
		if (!strcmp(stage_names[s], name))
			return s;
	return -1;
}

const json_t *stage_facts(const json_t *record, int stage)
{
	json_t *s;
	size_t i;

	json_array_foreach (fact(record, "stages"), i, s)
		if (stage_index(jstr(s, "stage", "")) == stage)
			return s;
	return NULL;
}

/* "P (pid 45)", or "P" where the pid is not known. Caller frees. */
static char *stage_text(const json_t *record, int stage)
{
	json_int_t pid = jint(stage_facts(record, stage), "pid", 0);
	const char *name = stage < 0 ? "?" : stage_names[stage];

	return pid > 0 ? xasprintf("%s (pid %" JSON_INTEGER_FORMAT ")", name, pid) : xstrdup(name);
}

/* --- regions ---------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	bool may_miss; /* a program need not have it, if the guest says why */
} regions[] = {
	{"data", false},   {"data-clean", true}, {"data-relro", true}, {"bss-tail", true},
	{"bss-far", true}, {"tls", true},	 {"heap", false},      {"stack", false},
};

/* What one region's facts say about each two stages. */
struct sharing {
	bool looked[NSTAGES][NSTAGES], seen[NSTAGES][NSTAGES]; /* [writer][reader] */
	bool frame[NSTAGES][NSTAGES];			       /* [a][b], a < b */
	bool any;
};

/* "=.. x=. .?=": a row for each writer, in it a column for each reader. */
static void saw_read(const char *saw, struct sharing *s)
{
	if (strlen(saw) != NSTAGES * (NSTAGES + 1) - 1)
		return;
	for (int w = 0; w < NSTAGES; w++) {
		for (int r = 0; r < NSTAGES; r++) {
			char c = saw[w * (NSTAGES + 1) + r];

			if (w == r)
				continue;
			s->seen[w][r] = c == SM_SAW_WRITE;
			s->looked[w][r] = c == SM_SAW_WRITE || c == SM_SAW_NOTHING;
			s->any |= s->seen[w][r];
		}
	}
}

static void sharing_read(const json_t *region, struct sharing *s)
{
	json_t *pair;
	size_t i;

	*s = (struct sharing){0};
	saw_read(jstr(region, "saw", ""), s);
	json_array_foreach (json_object_get(region, "pfn_shared"), i, pair) {
		const char *x = json_string_value(json_array_get(pair, 0));
		const char *y = json_string_value(json_array_get(pair, 1));
		int a = stage_index(x ? x : ""), b = stage_index(y ? y : "");

		if (a < 0 || b < 0 || a == b)
			continue;
		s->frame[a < b ? a : b][a < b ? b : a] = true;
		s->any = true;
	}
}

/* "P<->C, C->I": an arrow from writer to reader, "=" where only the page frame tells. */
static void print_pairs(FILE *out, const struct sharing *s)
{
	const char *sep = "";

	for (int a = 0; a < NSTAGES; a++) {
		for (int b = a + 1; b < NSTAGES; b++) {
			bool there = s->seen[a][b], back = s->seen[b][a];

			if (!there && !back && !s->frame[a][b])
				continue;
			fprintf(out, "%s%s%s%s", sep, stage_names[a],
				there && back ? "<->"
				: there	      ? "->"
				: back	      ? "<-"
					      : "=",
				stage_names[b]);
			sep = ", ";
		}
	}
}

static bool has_frame(const struct sharing *s)
{
	for (int a = 0; a < NSTAGES; a++)
		for (int b = a + 1; b < NSTAGES; b++)
			if (s->frame[a][b])
				return true;
	return false;
}

/* "data (P<->C, C<->I), bss-tail (P->C); page frames equal: data", or NULL. Caller frees. */
static char *shared_text(const json_t *record)
{
	_cleanup_free_ char *who = NULL, *frames = NULL;
	size_t who_len, frames_len, i;
	FILE *w = open_memstream(&who, &who_len), *f = open_memstream(&frames, &frames_len);
	json_t *region;

	if (!w || !f)
		abort();
	json_array_foreach (fact(record, "regions"), i, region) {
		const char *name = jstr(region, "name", "?");
		struct sharing s;

		sharing_read(region, &s);
		if (!s.any)
			continue;
		fprintf(w, "%s%s (", ftell(w) ? ", " : "", name);
		print_pairs(w, &s);
		fputc(')', w);
		if (has_frame(&s))
			fprintf(f, "%s%s", ftell(f) ? ", " : "; page frames equal: ", name);
	}
	fclose(w);
	fclose(f);
	return who_len ? xasprintf("%s%s", who, frames) : NULL;
}

static const json_t *region_find(const json_t *record, const char *name)
{
	json_t *region;
	size_t i;

	json_array_foreach (fact(record, "regions"), i, region)
		if (!strcmp(jstr(region, "name", ""), name))
			return region;
	return NULL;
}

/* Every writer was read by every other stage, or there is nothing to read and the guest says why.
 */
static void check_region(const json_t *record, const char *name, bool may_miss, struct verdict *v)
{
	const json_t *region = region_find(record, name);
	struct sharing s;

	if (!json_object_get(region, "saw") && jstr(region, "reason", NULL)) {
		if (!may_miss)
			verdict_blind(v, "region %s is not there: %s", name,
				      jstr(region, "reason", ""));
		return;
	}
	sharing_read(region, &s);
	for (int w = 0; w < NSTAGES; w++)
		for (int r = 0; r < NSTAGES; r++)
			if (w != r && !s.looked[w][r]) {
				verdict_blind(v, "%s never read what %s wrote into region %s",
					      stage_names[r], stage_names[w], name);
				return;
			}
}

static bool judge_regions(const json_t *record, struct verdict *v)
{
	_cleanup_free_ char *text = shared_text(record);

	if (text)
		verdict_add(v, OUTCOME_FAIL, A_GLOBALS, "regions shared: %s", text);
	for (size_t i = 0; i < sizeof(regions) / sizeof(*regions); i++)
		check_region(record, regions[i].name, regions[i].may_miss, v);
	return text;
}

/*
 * A private mapping of one's own program can always be made writable; EACCES is what a mapping
 * without VM_MAYWRITE answers. Other answers only mean that nobody could look.
 */
static void judge_relro(const json_t *record, struct verdict *v)
{
	const json_t *errors = json_object_get(region_find(record, "data-relro"), "write_errno");

	for (int s = 0; s < NSTAGES; s++) {
		if (strcmp(jstr(errors, stage_names[s], ""), "EACCES"))
			continue;
		verdict_add(v, OUTCOME_FAIL, A_GLOBALS,
			    "data-relro: %s cannot make it writable again, mprotect: EACCES: "
			    "VM_MAYWRITE is missing on a private mapping",
			    stage_names[s]);
		return;
	}
}

/* --- loads of the globals --------------------------------------------------------------------- */

/* The other stage that has stored @value there, as far as the facts tell; -1 if they do not. */
static int author(const json_t *record, const char *name, json_int_t value, int reader)
{
	for (int s = 0; s < NSTAGES; s++) {
		const json_t *f = stage_facts(record, s);

		if (s == reader)
			continue;
		if (!strcmp(name, "current_stage")
			    ? value == s
			    : !strcmp(name, "syncfd") && jint(f, "syncfd_want", -1) == value)
			return s;
	}
	return -1;
}

static void add_load(const json_t *record, int reader, const char *name, const char *where,
		     json_int_t value, json_int_t want, struct verdict *v)
{
	_cleanup_free_ char *who = stage_text(record, reader);
	int by = author(record, name, value, reader);

	verdict_add(v, OUTCOME_FAIL, A_GLOBALS,
		    "%s of %s read %" JSON_INTEGER_FORMAT " at %s, stored %" JSON_INTEGER_FORMAT
		    ": the page of .data is shared%s%s",
		    name, who, value, where, want, by < 0 ? "" : " with ",
		    by < 0 ? "" : stage_names[by]);
}

/* A stage that goes on reading a foreign value is reported once per global. */
static bool reported_before(const json_t *loads, size_t i)
{
	const json_t *this = json_array_get(loads, i);

	for (size_t k = 0; k < i; k++) {
		const json_t *l = json_array_get(loads, k);

		if (!strcmp(jstr(l, "reader", ""), jstr(this, "reader", "")) &&
		    !strcmp(jstr(l, "name", ""), jstr(this, "name", "")))
			return true;
	}
	return false;
}

#define NGLOBALS 4 /* current_stage, syncfd, logfd, loglevel */

static bool judge_loads(const json_t *record, struct verdict *v)
{
	const json_t *loads = fact(record, "globals");
	json_int_t checked = json_integer_value(fact(record, "globals_checked"));
	/* At each use of a descriptor, and elsewhere, all of them are compared. */
	json_int_t due = NGLOBALS * protocol_uses(record);
	json_t *l;
	size_t i;

	json_array_foreach (loads, i, l)
		if (!reported_before(loads, i))
			add_load(record, stage_index(jstr(l, "reader", "")), jstr(l, "name", "?"),
				 jstr(l, "point", "?"), jint(l, "value", -1), jint(l, "want", -1),
				 v);
	if (!json_is_array(loads) || checked < due)
		verdict_blind(v,
			      "%" JSON_INTEGER_FORMAT " loads of globals were compared, at least "
			      "%" JSON_INTEGER_FORMAT " are due",
			      checked, due);
	return json_array_size(loads);
}

/* What each stage saw last, in case that the loads on the way were not kept. */
static bool judge_last_values(const json_t *record, struct verdict *v)
{
	static const struct {
		const char *name, *want;
	} globals[] = {{"current_stage", "current_stage_want"}, {"syncfd", "syncfd_want"}};
	bool bad = false;

	for (int s = 0; s < NSTAGES; s++) {
		const json_t *f = stage_facts(record, s);

		for (size_t g = 0; g < sizeof(globals) / sizeof(*globals); g++) {
			const json_t *value = json_object_get(f, globals[g].name);
			const json_t *want = json_object_get(f, globals[g].want);

			if (!json_is_integer(value) || !json_is_integer(want)) {
				verdict_blind(v, "%s as %s sees it is not known", globals[g].name,
					      stage_names[s]);
			} else if (!json_equal(value, want)) {
				bad = true;
				if (!json_array_size(fact(record, "globals")))
					add_load(record, s, globals[g].name, "its last point",
						 json_integer_value(value),
						 json_integer_value(want), v);
			}
		}
	}
	return bad;
}

/* --- the log ---------------------------------------------------------------------------------- */

/* A stage by name or by number. */
static const char *stage_word(const json_t *stage)
{
	json_int_t n = json_is_integer(stage) ? json_integer_value(stage) : -1;

	if (json_is_string(stage))
		return json_string_value(stage);
	return n >= 0 && n < NSTAGES ? stage_names[n] : "?";
}

static bool judge_log_stages(const json_t *record, struct verdict *v)
{
	const json_t *all = json_object_get(fact(record, "log"), "mismatches");
	const json_t *first = json_array_get(all, 0);

	if (first)
		verdict_add(v, OUTCOME_FAIL, A_GLOBALS,
			    "log: pid %" JSON_INTEGER_FORMAT
			    " is %s and says that it is stage %s (%zu such line%s)",
			    jint(first, "pid", -1), stage_word(json_object_get(first, "real")),
			    stage_word(json_object_get(first, "stage")), json_array_size(all),
			    json_array_size(all) == 1 ? "" : "s");
	if (!json_is_array(all))
		verdict_blind(v, "the stages in the log were not compared");
	return first;
}

bool judge_globals(const json_t *record, struct verdict *v)
{
	bool shared = judge_regions(record, v);

	judge_relro(record, v);
	shared |= judge_loads(record, v);
	shared |= judge_last_values(record, v);
	shared |= judge_log_stages(record, v);
	return shared;
}
