// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which order of loads and stores decided: for each load of syncfd that returned what another stage
 * had stored, that store, the own one it came after, and what became of the load's user.
 */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge_internal.h"
#include "postmortem.h"
#include "xalloc.h"

struct store {
	const char *end; /* "c0"; NULL: none is on the timeline */
	int stage;
	json_int_t seq;
};

/* The end that a point stores, as in "store-c0", or NULL. */
static const char *stored_end(const char *point)
{
	static const char *const ends[] = {"c0", "c1", "g0", "g1"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (!strncmp(point, "store-", strlen("store-")) &&
		    !strcmp(point + strlen("store-"), ends[i]))
			return ends[i];
	return NULL;
}

/* Does "fd 7 (g0)" name this end? */
static bool names_end(const char *detail, const char *end)
{
	const char *p = strchr(detail, '(');

	return p && !strncmp(p + 1, end, strlen(end)) && p[1 + strlen(end)] == ')';
}

/* What stage @s did with the load at @from of the timeline: its next event. Caller frees. */
static char *used(const json_t *line, size_t from, int s, const json_t *stage)
{
	for (size_t i = from + 1; i < json_array_size(line); i++) {
		const json_t *ev = json_array_get(line, i);

		if (stage_index(jstr(ev, "stage", "?")) == s)
			return xasprintf("%s on %s", jstr(ev, "point", "?"),
					 jstr(ev, "detail", "it"));
	}
	if (json_object_get(stage, "blocked"))
		return xasprintf("reads %s for ever",
				 jstr(json_object_get(stage, "blocked"), "end", "?"));
	return xstrdup("got no further");
}

static void print_load(FILE *out, const json_t *observed, size_t at, const struct store *by,
		       const struct store *own, bool again)
{
	const json_t *line = json_object_get(observed, "timeline"), *ev = json_array_get(line, at);
	int s = stage_index(jstr(ev, "stage", "?"));
	const json_t *stage = json_array_get(json_object_get(observed, "stages"), (size_t)s);
	_cleanup_free_ char *then = used(line, at, s, stage);

	if (again) {
		fprintf(out, "    and again (%" JSON_INTEGER_FORMAT "): %s\n", jint(ev, "seq", -1),
			then);
		return;
	}
	fprintf(out,
		"  %s:store-%s (%" JSON_INTEGER_FORMAT ") after %s:store-%s (%" JSON_INTEGER_FORMAT
		"), before %s:load-syncfd (%" JSON_INTEGER_FORMAT "): %s gets %s, wants %s; %s\n",
		stage_names[by->stage], by->end, by->seq, stage_names[s], own->end, own->seq,
		stage_names[s], jint(ev, "seq", -1), stage_names[s], by->end, own->end, then);
}

void postmortem_print_order(FILE *out, const json_t *observed)
{
	const json_t *line = json_object_get(observed, "timeline");
	struct store own[NSTAGES] = {0}, last = {0};
	json_int_t said_store = -1;
	int said_stage = -1;
	json_t *ev;
	size_t i;

	json_array_foreach (line, i, ev) {
		int s = stage_index(jstr(ev, "stage", "?"));
		const char *point = jstr(ev, "point", ""), *end = stored_end(point);

		if (s < 0)
			continue;
		if (end) {
			last = (struct store){end, s, jint(ev, "seq", -1)};
			own[s] = last;
		}
		/* Without both stores in sight, and the load agreeing, nothing is claimed. */
		if (strcmp(point, "load-syncfd") || !last.end || !own[s].end || last.stage == s ||
		    !names_end(jstr(ev, "detail", ""), last.end))
			continue;
		if (said_stage < 0)
			fputs("\nThe order that decided\n", out);
		print_load(out, observed, i, &last, &own[s],
			   said_stage == s && said_store == last.seq);
		said_stage = s;
		said_store = last.seq;
	}
}
