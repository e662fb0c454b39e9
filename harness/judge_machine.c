// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stage machine's facts: no shared globals, valid sync descriptors, no deadlock, completion. An
 * assertion whose evidence is missing makes the verdict an error, never a pass.
 */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge.h"
#include "judge_internal.h"
#include "xalloc.h"

#define GLOBALS	    "no-shared-globals"
#define DESCRIPTORS "valid-descriptors"
#define DEADLOCK    "no-deadlock"
#define COMPLETION  "completion"

#define WORST_SHOWN 3 /* findings of one kind in full; the rest is counted */

static const json_t *observed(const json_t *record, const char *key)
{
	return json_object_get(json_object_get(record, "observed"), key);
}

static const json_t *stage(const json_t *record, const char *name)
{
	json_t *s;
	size_t i;

	json_array_foreach (observed(record, "stages"), i, s) {
		if (!strcmp(jstr(s, "stage", ""), name))
			return s;
	}
	return NULL;
}

/* --- no shared globals ------------------------------------------------------------------------ */

/* "P<->C, C<->I": who of the pairs saw whose writes, each two stages once. Caller frees. */
static char *seen_pairs(const json_t *region)
{
	char *out = xstrdup("");
	json_t *pair;
	size_t i;

	json_array_foreach (json_object_get(region, "pairs"), i, pair) {
		if (jbool(pair, "seen", 0) != 1)
			continue;
		char *more = xasprintf("%s%s%s->%s", out, *out ? ", " : "",
				       jstr(pair, "writer", "?"), jstr(pair, "reader", "?"));

		free(out);
		out = more;
	}
	return out;
}

static void judge_region(const json_t *region, struct verdict *v)
{
	_cleanup_free_ char *pairs = seen_pairs(region);
	size_t frames = json_array_size(json_object_get(region, "pfn_shared"));
	const char *name = jstr(region, "name", "?");

	if (*pairs)
		verdict_add(v, OUTCOME_FAIL, GLOBALS, "%s is shared: writes seen %s%s", name, pairs,
			    frames ? ", same page frame" : "");
	else if (frames)
		verdict_add(v, OUTCOME_FAIL, GLOBALS,
			    "%s is shared: both stages wrote and still have the same page frame",
			    name);
}

static void judge_regions(const json_t *record, struct verdict *v)
{
	json_t *region;
	size_t i;

	json_array_foreach (observed(record, "regions"), i, region)
		judge_region(region, v);
}

static void judge_loads(const json_t *record, struct verdict *v)
{
	const json_t *loads = observed(record, "globals");
	json_t *l;
	size_t i;

	json_array_foreach (loads, i, l) {
		if (i == WORST_SHOWN)
			break;
		verdict_add(v, OUTCOME_FAIL, GLOBALS,
			    "%s read %s = %lld at %s, its own last store was %lld",
			    jstr(l, "reader", "?"), jstr(l, "name", "?"),
			    (long long)jint(l, "value", -1), jstr(l, "point", "?"),
			    (long long)jint(l, "want", -1));
	}
	if (json_array_size(loads) > WORST_SHOWN)
		verdict_add(v, OUTCOME_FAIL, GLOBALS, "and %zu more foreign loads",
			    json_array_size(loads) - WORST_SHOWN);
}

static void judge_log(const json_t *record, struct verdict *v)
{
	const json_t *mismatches = json_object_get(observed(record, "log"), "mismatches");
	const json_t *m = json_array_get(mismatches, 0);

	if (m)
		verdict_add(v, OUTCOME_FAIL, GLOBALS,
			    "log: pid %lld is stage %s and says it is stage %s (%zu such lines)",
			    (long long)jint(m, "pid", -1), jstr(m, "real", "?"),
			    jstr(m, "stage", "?"), json_array_size(mismatches));
}

/* --- valid descriptors ------------------------------------------------------------------------ */

static const struct {
	const char *problem, *text;
} problems[] = {
	{"ebadf", "EBADF: the number is not open"}, {"eof", "end of file: the other end is gone"},
	{"epipe", "EPIPE: the other end is gone"},  {"wrong-end", "open, but another end"},
	{"not-socket", "open, but no socket"},	    {"other", "failed"},
};

static const char *problem_text(const char *name)
{
	for (size_t i = 0; i < sizeof(problems) / sizeof(*problems); i++)
		if (!strcmp(problems[i].problem, name))
			return problems[i].text;
	return name;
}

static void judge_uses(const json_t *record, struct verdict *v)
{
	json_t *u;
	size_t i;

	json_array_foreach (observed(record, "uses"), i, u)
		verdict_add(v, OUTCOME_FAIL, DESCRIPTORS, "%s: %s on fd %lld (wants %s): %s",
			    jstr(u, "stage", "?"), jstr(u, "op", "?"), (long long)jint(u, "fd", -1),
			    jstr(u, "want_end", "?"), problem_text(jstr(u, "problem", "other")));
	json_array_foreach (observed(record, "leaked"), i, u)
		verdict_add(v, OUTCOME_FAIL, DESCRIPTORS, "%s still holds fd %lld (%s) at the end",
			    jstr(u, "stage", "?"), (long long)jint(u, "fd", -1),
			    jstr(u, "what", "?"));
}

/* --- no deadlock ------------------------------------------------------------------------------ */

/* "P waits for g1, held by P; …". Caller frees. */
static char *graph_text(const json_t *stop)
{
	char *out = xstrdup("");
	json_t *edge, *holder;
	size_t i, k;

	json_array_foreach (json_object_get(stop, "graph"), i, edge) {
		char *more = xasprintf("%s%s%s waits for %s, held by", out, i ? "; " : "",
				       jstr(edge, "stage", "?"), jstr(edge, "waits_for", "?"));

		free(out);
		out = more;
		json_array_foreach (json_object_get(edge, "held_by"), k, holder) {
			const char *name = json_string_value(holder);

			more = xasprintf("%s%s%s", out, k ? "," : " ", name ? name : "?");
			free(out);
			out = more;
		}
	}
	return out;
}

static void judge_unmet(const json_t *stop, struct verdict *v)
{
	json_t *c;
	size_t i;

	json_array_foreach (json_object_get(stop, "unmet"), i, c)
		verdict_add(v, OUTCOME_ERROR, "schedule", "the schedule cannot be met: %s",
			    json_string_value(c) ? json_string_value(c) : "?");
}

static void judge_stop(const json_t *record, struct verdict *v)
{
	const json_t *stop = observed(record, "stop");
	const char *why = jstr(stop, "why", "");

	judge_unmet(stop, v);
	if (jbool(stop, "deadlock", 0) == 1) {
		_cleanup_free_ char *graph = graph_text(stop);

		verdict_add(v, OUTCOME_HANG, DEADLOCK, "deadlock, proved: %s", graph);
	} else if (!strcmp(why, "deadline")) {
		const char *doubt = jstr(stop, "not_proved", NULL);

		verdict_add(v, OUTCOME_HANG, DEADLOCK, "not through by the deadline%s%s",
			    doubt ? "; no deadlock was proved: " : "", doubt ? doubt : "");
	} else if (!strcmp(why, "quiescent") && !json_array_size(json_object_get(stop, "unmet"))) {
		verdict_add(v, OUTCOME_HANG, DEADLOCK, "nothing moves: %s",
			    jstr(stop, "not_proved", "no reason is known"));
	}
}

/* --- completion ------------------------------------------------------------------------------- */

static void judge_stage_end(const json_t *record, const char *name, struct verdict *v)
{
	const json_t *s = stage(record, name);
	const char *end = jstr(s, "end", "never");

	if (!strcmp(end, "exited") && jint(s, "status", -1) == 0)
		return;
	if (!strcmp(end, "exited"))
		verdict_add(v, OUTCOME_FAIL, COMPLETION, "%s exited with status %lld", name,
			    (long long)jint(s, "status", -1));
	else if (!strcmp(end, "signaled"))
		verdict_add(v, OUTCOME_FAIL, COMPLETION, "%s was killed by signal %lld, from %s",
			    name, (long long)jint(s, "signal", -1),
			    jstr(s, "killed_by", "nobody known"));
	else if (!strcmp(end, "never"))
		verdict_add(v, OUTCOME_FAIL, COMPLETION, "%s never started", name);
	else
		verdict_add(v, OUTCOME_FAIL, COMPLETION, "%s was left %s", name, end);
}

/* The words of a plain container, and what a user namespace or time offsets put in front. */
static const struct {
	const char *word, *ns; /* NULL: always */
} protocol[] = {
	{"C>P 0x40", "user"}, {"P>C 0x41", "user"}, {"C>P 0x46", "time"}, {"P>C 0x47", "time"},
	{"C>P 0x42", NULL},   {"C>P pid", NULL},    {"P>C 0x43", NULL},	  {"C>P 0x45", NULL},
	{"P>I 0x44", NULL},   {"I>P 0x45", NULL},
};

/* Words of the log, the launcher or others do not count: only those between stages. */
static bool between_stages(const char *word)
{
	return strlen(word) > 4 && word[1] == '>' && strchr("PCI", word[0]) &&
	       strchr("PCI", word[2]);
}

static void judge_words(const json_t *record, struct verdict *v)
{
	const char *ns = jstr(json_object_get(record, "params"), "ns", "plain");
	const json_t *words = observed(record, "words");
	size_t next = 0;

	for (size_t i = 0; i < sizeof(protocol) / sizeof(*protocol); i++) {
		const char *got;

		if (protocol[i].ns && strcmp(protocol[i].ns, ns))
			continue;
		do {
			got = json_string_value(json_array_get(words, next++));
		} while (got && !between_stages(got));
		if (!got || strcmp(got, protocol[i].word)) {
			verdict_add(v, OUTCOME_FAIL, COMPLETION,
				    "the protocol stopped short: %s was to be sent, %s",
				    protocol[i].word, got ? got : "nothing was");
			return;
		}
	}
}

static void judge_pids(const json_t *record, struct verdict *v)
{
	static const char *const keys[] = {"stage1_pid", "stage2_pid"};

	for (size_t i = 0; i < 2; i++) {
		json_int_t said = jint(observed(record, "init_pipe"), keys[i], -1);
		json_int_t real = jint(observed(record, "real"), keys[i], -2);

		if (said != real)
			verdict_add(v, OUTCOME_FAIL, COMPLETION,
				    "%s on the init pipe is %lld, the process is %lld", keys[i],
				    (long long)said, (long long)real);
	}
}

static void judge_completion(const json_t *record, struct verdict *v)
{
	static const char *const stages[] = {"P", "C", "I"};
	const json_t *log = observed(record, "log");

	for (size_t i = 0; i < 3; i++) {
		const json_t *s = stage(record, stages[i]);

		judge_stage_end(record, stages[i], v);
		if (jbool(s, "child_of_launcher", 1) == 0)
			verdict_add(
				v, OUTCOME_FAIL, COMPLETION,
				"%s is no child of the launcher: CLONE_PARENT gave another parent",
				stages[i]);
	}
	judge_words(record, v);
	judge_pids(record, v);
	if (jbool(log, "eof", 0) != 1)
		verdict_add(v, OUTCOME_FAIL, COMPLETION, "the log pipe never came to its end");
	if (json_integer_value(observed(record, "stray")) > 0)
		verdict_add(v, OUTCOME_FAIL, COMPLETION, "%lld stray processes were left",
			    (long long)json_integer_value(observed(record, "stray")));
}

/* --- could it look? --------------------------------------------------------------------------- */

static void blind(struct verdict *v, const char *what)
{
	verdict_add(v, OUTCOME_ERROR, "could not look", "%s", what);
}

static void check_region(const json_t *record, const char *name, struct verdict *v)
{
	json_t *region, *pair;
	size_t i, k, looked = 0;

	json_array_foreach (observed(record, "regions"), i, region) {
		if (strcmp(jstr(region, "name", ""), name))
			continue;
		if (jbool(region, "present", 0) != 1 && jstr(region, "reason", NULL))
			return; /* there is nothing to look at, and it is said why */
		json_array_foreach (json_object_get(region, "pairs"), k, pair)
			looked += jbool(pair, "looked", 0) == 1;
	}
	if (looked < 6) {
		_cleanup_free_ char *text = xasprintf(
			"region %s: %zu of 6 pairs of stages were compared", name, looked);

		blind(v, text);
	}
}

/* Only of a machine that otherwise passes: one that failed early has shown enough. */
static void check_evidence(const json_t *record, struct verdict *v)
{
	static const char *const regions[] = {"data", "data-clean", "bss-tail", "bss-far",
					      "tls",  "heap",	    "stack"};

	for (size_t i = 0; i < sizeof(regions) / sizeof(*regions); i++)
		check_region(record, regions[i], v);
	if (json_integer_value(observed(record, "uses_checked")) <= 0)
		blind(v, "no use of a descriptor was checked");
	if (json_integer_value(observed(record, "globals_checked")) <= 0)
		blind(v, "no load of a global was checked");
	if (jint(observed(record, "log"), "lines", 0) <= 0)
		blind(v, "the machine logged nothing");
	if (!json_is_array(observed(record, "leaked")) ||
	    !json_is_integer(observed(record, "stray")))
		blind(v, "nobody looked for what was left behind");
}

/* --- the class -------------------------------------------------------------------------------- */

static bool left(const json_t *record, const char *name)
{
	const char *end = jstr(stage(record, name), "end", "");

	return !strcmp(end, "blocked") || !strcmp(end, "running");
}

/* Some stage found the other end gone in the middle of it. */
static bool peer_was_reset(const json_t *record)
{
	json_t *u;
	size_t i;

	json_array_foreach (observed(record, "uses"), i, u) {
		if (!strcmp(jstr(u, "problem", ""), "epipe") ||
		    !strcmp(jstr(u, "errno", ""), "ECONNRESET"))
			return true;
	}
	return false;
}

static bool has_problem(const json_t *record, const char *who, const char *problem)
{
	json_t *u;
	size_t i;

	json_array_foreach (observed(record, "uses"), i, u) {
		if (!strcmp(jstr(u, "stage", ""), who) && !strcmp(jstr(u, "problem", ""), problem))
			return true;
	}
	return false;
}

/* The classes of runc's start-up with shared globals: by who is left, and by who met what. */
const char *machine_class(const json_t *record)
{
	bool p = left(record, "P"), c = left(record, "C"), i = left(record, "I");

	if (p && c && i)
		return "H3";
	if (!p && c && i)
		return "H2";
	if (p && !c && !i)
		return "H1";
	if (p || c || i)
		return NULL;
	if (peer_was_reset(record))
		return "E3";
	if (has_problem(record, "P", "ebadf"))
		return "E1";
	if (has_problem(record, "C", "ebadf"))
		return "E2";
	return NULL;
}

void judge_machine(const json_t *record, struct verdict *v)
{
	if (!json_is_array(observed(record, "stages"))) {
		blind(v, "the facts of the machine are missing");
		return;
	}
	judge_regions(record, v);
	judge_loads(record, v);
	judge_log(record, v);
	judge_uses(record, v);
	judge_stop(record, v);
	judge_completion(record, v);
	if (v->outcome == OUTCOME_PASS)
		check_evidence(record, v);
}
