// SPDX-License-Identifier: GPL-2.0-or-later
/* The stage machine's facts: how it came to its end, no deadlock, and which class a failure is. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge_internal.h"
#include "xalloc.h"

static bool is_left(const json_t *record, int stage)
{
	const char *end = jstr(stage_facts(record, stage), "end", "");

	return !strcmp(end, "blocked") || !strcmp(end, "running");
}

/* A stage met @problem, or any if that is NULL, with @err, or any. */
static bool met(const json_t *record, const char *stage, const char *problem, const char *err)
{
	json_t *u;
	size_t i;

	json_array_foreach (fact(record, "uses"), i, u) {
		if ((!stage || !strcmp(jstr(u, "stage", ""), stage)) &&
		    (!problem || !strcmp(jstr(u, "problem", ""), problem)) &&
		    (!err || !strcmp(jstr(u, "errno", ""), err)))
			return true;
	}
	return false;
}

static bool died_of_sigpipe(const json_t *record)
{
	for (int s = 0; s < NSTAGES; s++)
		if (!strcmp(jstr(stage_facts(record, s), "end", ""), "signaled") &&
		    jint(stage_facts(record, s), "signal", 0) == SIGPIPE)
			return true;
	return false;
}

/* By who is left, and where nobody is, by who met what. */
const char *machine_class(const json_t *record)
{
	static const char *const by_left[1 << NSTAGES] = {
		[1 << 0] = "H1",
		[1 << 1 | 1 << 2] = "H2",
		[1 << 0 | 1 << 1 | 1 << 2] = "H3",
		[1 << 0 | 1 << 2] = "H4",
		[1 << 0 | 1 << 1] = "H5",
	};
	unsigned left = 0;

	for (int s = 0; s < NSTAGES; s++)
		left |= is_left(record, s) ? 1u << s : 0;
	if (left)
		return by_left[left];
	if (met(record, NULL, "epipe", NULL) || died_of_sigpipe(record) ||
	    met(record, NULL, NULL, "ECONNRESET"))
		return "E3";
	if (met(record, "P", "ebadf", NULL))
		return "E1";
	return met(record, "C", "ebadf", NULL) ? "E2" : NULL;
}

static void print_names(FILE *out, const json_t *names)
{
	json_t *name;
	size_t i;

	json_array_foreach (names, i, name)
		fprintf(out, "%s%s", i ? ", " : "",
			json_is_string(name) ? json_string_value(name) : "?");
}

/* "P reads c1, which only C, I can write to; …". Caller frees. */
static char *graph_text(const json_t *record)
{
	char *text = NULL;
	size_t len, i;
	FILE *out = open_memstream(&text, &len);
	json_t *edge;

	if (!out)
		abort();
	json_array_foreach (json_object_get(fact(record, "stop"), "graph"), i, edge) {
		const char *name = jstr(edge, "stage", "?");
		const json_t *stage = stage_facts(record, stage_index(name));

		fprintf(out, "%s%s reads %s and waits for %s, held by ", i ? "; " : "", name,
			jstr(json_object_get(stage, "blocked"), "end", "?"),
			jstr(edge, "waits_for", "?"));
		print_names(out, json_object_get(edge, "held_by"));
	}
	fclose(out);
	return text;
}

/* "P blocked in read on fd 3 (c0), C running". Caller frees. */
static char *whereabouts(const json_t *record)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		abort();
	for (int s = 0; s < NSTAGES; s++) {
		const json_t *stage = stage_facts(record, s);
		const json_t *blocked = json_object_get(stage, "blocked");

		fprintf(out, "%s%s %s", s ? ", " : "", stage_names[s], jstr(stage, "end", "?"));
		if (blocked)
			fprintf(out, " in %s on fd %" JSON_INTEGER_FORMAT " (%s)",
				jstr(blocked, "syscall", "?"), jint(blocked, "fd", -1),
				jstr(blocked, "end", "?"));
	}
	fclose(out);
	return text;
}

static void stop_deadlock(const json_t *record, struct verdict *v)
{
	_cleanup_free_ char *graph = graph_text(record);

	verdict_add(v, OUTCOME_HANG, A_DEADLOCK, "deadlock%s%s: %s; no writer outside",
		    v->class ? " " : "", v->class ? v->class : "", graph);
}

/* What is known of an end, or NULL. */
static const json_t *socket_facts(const json_t *record, const char *end)
{
	json_t *s;
	size_t i;

	json_array_foreach (fact(record, "sockets"), i, s)
		if (!strcmp(jstr(s, "end", ""), end))
			return s;
	return NULL;
}

/* Nobody is on the way to wake anybody up. */
static bool all_at_rest(const json_t *record)
{
	for (int s = 0; s < NSTAGES; s++) {
		const char *end = jstr(stage_facts(record, s), "end", "running");

		if (!strcmp(end, "running") || !strcmp(end, "held"))
			return false;
	}
	return true;
}

/* Asleep for what the kernel says is there. The machine's own account does not tell that. */
static void judge_wakeups(const json_t *record, struct verdict *v)
{
	for (int s = 0; s < NSTAGES && all_at_rest(record); s++) {
		const json_t *blocked = json_object_get(stage_facts(record, s), "blocked");
		const char *end = jstr(blocked, "end", "other");
		const json_t *sock = socket_facts(record, end);
		const char *source = jstr(sock, "queue_source", "");

		if (jint(sock, "queue", 0) <= 0 || strcmp(jstr(blocked, "syscall", ""), "read") ||
		    (strcmp(source, "sock_diag") && strcmp(source, "pidfd_getfd")))
			continue;
		verdict_add(v, OUTCOME_HANG, A_DEADLOCK,
			    "a wake-up was lost: %s sleeps reading %s, where %" JSON_INTEGER_FORMAT
			    " bytes wait (%s)",
			    stage_names[s], end, jint(sock, "queue", 0), source);
	}
}

/* Proved, without waiting for the deadline; true if it is. What follows from it is no cause. */
static bool stop_lost_wakeup(const json_t *record, struct verdict *v)
{
	const json_t *lost = json_object_get(fact(record, "stop"), "lost_wakeup");

	if (!lost)
		return false;
	v->class = CLASS_LOST_WAKEUP;
	verdict_add(v, OUTCOME_HANG, A_DEADLOCK,
		    "a wake-up was lost: %s sleeps reading %s, where %" JSON_INTEGER_FORMAT
		    " bytes wait (%s), and nobody is writing: the kernel's fault, no deadlock of "
		    "the protocol",
		    jstr(lost, "stage", "?"), jstr(lost, "end", "?"), jint(lost, "queue", -1),
		    jstr(lost, "queue_source", "?"));
	return true;
}

/* The same of a reader whose other end is gone. */
static bool stop_lost_eof(const json_t *record, struct verdict *v)
{
	const json_t *lost = json_object_get(fact(record, "stop"), "lost_eof");
	int marked = jbool(lost, "marked", -1);

	if (!lost)
		return false;
	v->class = CLASS_LOST_EOF;
	verdict_add(v, OUTCOME_HANG, A_DEADLOCK,
		    "an end of file was lost: %s sleeps reading %s, whose peer no process holds "
		    "any more%s: the kernel's fault, no deadlock of the protocol",
		    jstr(lost, "stage", "?"), jstr(lost, "end", "?"),
		    marked == 1	  ? " (the kernel knows that nothing can come, and did not wake it)"
		    : marked == 0 ? " (the kernel keeps that end open)"
				  : "");
	return true;
}

static void stop_deadline(const json_t *record, struct verdict *v)
{
	judge_wakeups(record, v);

	const char *doubt = jstr(fact(record, "stop"), "not_proved", NULL);
	_cleanup_free_ char *where = whereabouts(record);

	verdict_add(v, OUTCOME_HANG, A_DEADLOCK, "the deadline passed: %s%s%s", where,
		    doubt ? "; no deadlock is proved: " : "", doubt ? doubt : "");
}

static void stop_odd(const json_t *record, struct verdict *v)
{
	const json_t *stop = fact(record, "stop");

	verdict_add(v, OUTCOME_ERROR, "harness",
		    "could not look: stopped (%s), without a proof: %s",
		    jstr(stop, "why", "not said why"), jstr(stop, "not_proved", "no reason given"));
}

/* Why the stage that a constraint waits for does not pass its point. Caller frees. */
static char *why_unmet(const json_t *record, const char *constraint)
{
	const char name[2] = {constraint[0], '\0'};
	const json_t *stage = stage_facts(record, stage_index(name));
	const json_t *blocked = json_object_get(stage, "blocked");
	const json_t *held = json_object_get(stage, "held");
	const char *end = jstr(stage, "end", "");

	if (!strcmp(end, "never"))
		return xasprintf("%s was never started", name);
	if (!strcmp(end, "exited"))
		return xasprintf("%s exited with status %" JSON_INTEGER_FORMAT " without it", name,
				 jint(stage, "status", -1));
	if (!strcmp(end, "signaled"))
		return xasprintf("%s died of signal %" JSON_INTEGER_FORMAT " before it", name,
				 jint(stage, "signal", -1));
	if (held)
		return xasprintf("%s is itself held before %s", name, jstr(held, "point", "?"));
	if (blocked)
		return xasprintf("%s is blocked in %s on fd %" JSON_INTEGER_FORMAT " (%s)", name,
				 jstr(blocked, "syscall", "?"), jint(blocked, "fd", -1),
				 jstr(blocked, "end", "?"));
	return xasprintf("%s is %s", name, *end ? end : "not known to have done anything");
}

/* The schedule is at fault, not the machine; true if it is. */
static bool stop_unmet(const json_t *record, struct verdict *v)
{
	const json_t *stop = fact(record, "stop");
	bool late = !strcmp(jstr(stop, "why", ""), "deadline");
	json_t *unmet;
	size_t i;

	json_array_foreach (json_object_get(stop, "unmet"), i, unmet) {
		const char *text = json_is_string(unmet) ? json_string_value(unmet) : "?";
		_cleanup_free_ char *why = why_unmet(record, text);

		/* With somebody still running nobody knows whether it might have been. */
		verdict_add(v, OUTCOME_ERROR, JUDGE_SCHEDULE, "the schedule %s: %s: %s",
			    late ? "was not met by the deadline" : "cannot be met", text, why);
	}
	return i > 0;
}

void judge_stop(const json_t *record, struct verdict *v)
{
	static const struct {
		const char *why;
		void (*judge)(const json_t *record, struct verdict *v);
	} stops[] = {{"complete", NULL}, {"ended", NULL}, {"deadline", stop_deadline}};
	const json_t *stop = fact(record, "stop");

	if (stop_lost_wakeup(record, v) || stop_lost_eof(record, v) || stop_unmet(record, v))
		return;
	if (jbool(stop, "deadlock", 0) == 1) {
		stop_deadlock(record, v);
		return;
	}
	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++) {
		if (strcmp(stops[i].why, jstr(stop, "why", "")))
			continue;
		if (stops[i].judge)
			stops[i].judge(record, v);
		return;
	}
	stop_odd(record, v);
}
