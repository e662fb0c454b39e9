// SPDX-License-Identifier: GPL-2.0-or-later
#include "postmortem.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "xalloc.h"

/* The bug that all of these classes come from; where the probes confirm it, its fix is named. */
#define FIX \
	"05d351102dbe (Linux 5.5-rc1, 5.4.4, 5.3.17) clears VM_MAYWRITE for shared mappings only"

static const struct {
	const char *name, *text;
} classes[] = {
	{"H1",
	 "C used c1, which it has closed, and killed I; P waits on g0, whose other end it holds "
	 "itself, so it never sees the end of file: P is left for ever"},
	{"H2",
	 "P died on its next read with EBADF, and C and I both read g0, each waiting for words "
	 "that nobody is left to send"},
	{"H3",
	 "I stored g0 into the shared syncfd before C loaded it: C wrote its request into g0 and "
	 "reads g0, so does I, and P reads c1; all three wait for ever"},
	{"E1",
	 "P loaded c0 from the shared syncfd, which it has closed: EBADF; it kills C, and I sees "
	 "the end of file"},
	{"E2",
	 "C loaded c1 from the shared syncfd, which it has closed: EBADF; P sees the end of file"},
	{"E3",
	 "a stage wrote to a socket whose other end is gone: SIGPIPE, a death without a message"},
};

const char *postmortem_class(const char *name)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (!strcmp(classes[i].name, name))
			return classes[i].text;
	return NULL;
}

/* A fact as text; "?" when it could not be had. Caller frees. */
static char *number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(v))
				  : xstrdup("?");
}

/* What a stage was doing when the machine stood still, or how it ended. Caller frees. */
static char *doing(const json_t *stage)
{
	const json_t *blocked = json_object_get(stage, "blocked");
	const json_t *held = json_object_get(stage, "held");
	const char *end = jstr(stage, "end", "?");

	if (blocked) {
		_cleanup_free_ char *fd = number(blocked, "fd");

		return xasprintf("blocked in %s on fd %s, which is %s",
				 jstr(blocked, "syscall", "?"), fd, jstr(blocked, "end", "?"));
	}
	if (held)
		return xasprintf("held by the schedule at %s, waiting for %s",
				 jstr(held, "point", "?"), jstr(held, "waits_for", "?"));
	if (!strcmp(end, "signaled")) {
		const char *by = jstr(stage, "killed_by", NULL);
		_cleanup_free_ char *sig = number(stage, "signal");

		return xasprintf("killed by signal %s%s%s", sig, by ? ", sent by " : "",
				 by ? by : "");
	}
	if (!strcmp(end, "exited")) {
		_cleanup_free_ char *status = number(stage, "status");

		return xasprintf("exited with status %s", status);
	}
	return xstrdup(end);
}

static void print_stages(FILE *out, const json_t *observed)
{
	json_t *stage;
	size_t i;

	fprintf(out, "  %-5s %5s  %-16s %-20s %-12s %s\n", "stage", "pid", "its global says",
		"syncfd holds", "should be", "in the end");
	json_array_foreach (json_object_get(observed, "stages"), i, stage) {
		_cleanup_free_ char *pid = number(stage, "pid"), *now = doing(stage);
		_cleanup_free_ char *says = number(stage, "current_stage");
		_cleanup_free_ char *want = number(stage, "current_stage_want");
		_cleanup_free_ char *fd = number(stage, "syncfd");
		_cleanup_free_ char *fd_want = number(stage, "syncfd_want");
		_cleanup_free_ char *global = xasprintf("stage %s, is %s", says, want);
		_cleanup_free_ char *has = xasprintf("%s = %s", fd, jstr(stage, "syncfd_end", "?"));
		_cleanup_free_ char *right =
			xasprintf("%s = %s", fd_want, jstr(stage, "syncfd_want_end", "?"));

		if (!strcmp(jstr(stage, "end", ""), "never"))
			fprintf(out, "  %-5s %5s  never started\n", jstr(stage, "stage", "?"), "-");
		else
			fprintf(out, "  %-5s %5s  %-16s %-20s %-12s %s\n",
				jstr(stage, "stage", "?"), pid, global, has, right, now);
	}
}

static void print_graph(FILE *out, const json_t *stop)
{
	json_t *edge, *holder;
	size_t i, j;

	if (jbool(stop, "deadlock", 0) != 1)
		return;
	fputs("\nDeadlock, proved: every living stage reads an empty queue, and nobody else can "
	      "write\n",
	      out);
	json_array_foreach (json_object_get(stop, "graph"), i, edge) {
		fprintf(out, "  %s waits for %s, which is held by", jstr(edge, "stage", "?"),
			jstr(edge, "waits_for", "?"));
		json_array_foreach (json_object_get(edge, "held_by"), j, holder) {
			const char *name = json_string_value(holder);

			fprintf(out, "%s %s", j ? "," : "", name ? name : "?");
		}
		fputc('\n', out);
	}
}

static void print_timeline(FILE *out, const json_t *observed)
{
	const json_t *line = json_object_get(observed, "timeline");
	json_t *ev;
	size_t i;

	if (!json_array_size(line))
		return;
	fputs("\nThe last points passed\n", out);
	json_array_foreach (line, i, ev) {
		_cleanup_free_ char *seq = number(ev, "seq");
		const char *detail = jstr(ev, "detail", "");

		fprintf(out, "  %5s  %s:%s%s%s\n", seq, jstr(ev, "stage", "?"),
			jstr(ev, "point", "?"), *detail ? "  " : "", detail);
	}
}

/* The lines of the judge about one record. */
static void print_findings(FILE *out, const json_t *record)
{
	json_t *f;
	size_t i;

	json_array_foreach (json_object_get(record, "findings"), i, f)
		fprintf(out, "  %s: %s\n", jstr(f, "assertion", "?"), jstr(f, "text", ""));
}

static void print_mechanism(FILE *out, const json_t *record, const json_t *cow)
{
	fputs("\nMechanism\n", out);
	if (strcmp(jstr(json_object_get(record, "params"), "fault", "none"), "none")) {
		fputs("  injected: the page of the globals was remapped shared before the first "
		      "clone\n",
		      out);
		return;
	}
	if (!cow) {
		fputs("  not probed in this run\n", out);
		return;
	}
	print_findings(out, cow);
	if (!strcmp(jstr(cow, "outcome", ""), "fail"))
		fputs("  fix: " FIX "\n", out);
	else
		fputs("  the copy-on-write probes found nothing: look elsewhere\n", out);
}

void postmortem_print(FILE *out, const json_t *record, const json_t *cow)
{
	const json_t *observed = json_object_get(record, "observed");
	const char *class = jstr(record, "class", "");
	const char *text = postmortem_class(class);

	fprintf(out, "%s (%s): %s%s%s\n\n", jstr(record, "id", "?"), jstr(record, "release", "?"),
		jstr(record, "outcome", "?"), *class ? ", class " : "", class);
	if (json_object_get(observed, "stages"))
		print_stages(out, observed);
	if (text)
		fprintf(out, "\n%s: %s\n", class, text);
	print_graph(out, json_object_get(observed, "stop"));
	fputs("\nWhat was observed\n", out);
	print_findings(out, record);
	print_timeline(out, observed);
	print_mechanism(out, record, cow);
}
