// SPDX-License-Identifier: GPL-2.0-or-later
#include "postmortem.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "xalloc.h"

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
	 "I stored g0 into the shared syncfd before C or P had done with it: words went into g0, "
	 "or are awaited there, and nobody ever reads the other end; all three wait for ever"},
	{"H4",
	 "I stored g0 into the shared syncfd after C's request was answered: C wrote its last word "
	 "into g0 and exited well; P, which should read that word, reads g0, whose other end "
	 "nobody but P itself holds; I reads g0, too, and waits for P: P and I are left for ever"},
	{"H5",
	 "P stored c1 into the shared syncfd after I had stored g0 and C had loaded it: I found "
	 "c1, which it does not have, and died with EBADF; C wrote its request into g0 and reads "
	 "g0, "
	 "P reads c1, where only C can write: P and C are left for ever"},
	{"E1",
	 "P loaded c0 from the shared syncfd, which it has closed: EBADF; it kills those it knows, "
	 "and who is left sees the end of file"},
	{"E2", "C loaded c1 from the shared syncfd, which it has closed: EBADF; P finds it gone"},
	{"E3",
	 "a stage used a socket whose other end is gone: SIGPIPE, a death without a message, or "
	 "ECONNRESET, where words were left unread"},
	{"lost-wakeup",
	 "a stage sleeps in read() on a socket in whose queue bytes wait, while nobody is writing: "
	 "the kernel queued them and did not wake the reader; no order of the stages explains "
	 "that"},
	{"lost-eof",
	 "a stage sleeps in read() on a socket whose other end no process holds any more: the "
	 "kernel did not wake it for the end of file, or did not end the socket at all; no order "
	 "of the stages explains that"},
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

			fprintf(out, "%s %s%s", j ? "," : "", name ? name : "?",
				name && !strcmp(name, jstr(edge, "stage", "?")) ? " itself" : "");
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

/* In order of sending, with the end each went into where that was another than it should. */
static void print_words(FILE *out, const json_t *observed)
{
	json_t *word;
	size_t i;

	json_array_foreach (json_object_get(observed, "words"), i, word)
		fprintf(out, "%s%s", i ? ", " : "\nThe messages sent\n  ",
			json_string_value(word) ? json_string_value(word) : "?");
	if (i)
		fputc('\n', out);
}

static const json_t *boot_of(const json_t *records, const json_t *record)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r)
		if (!strcmp(jstr(r, "type", ""), "boot") &&
		    !strcmp(jstr(r, "kernel", ""), jstr(record, "kernel", "?")) &&
		    jint(r, "boot", -1) == jint(record, "boot", -2))
			return r;
	return NULL;
}

/*
 * Did both run in one boot of the kernel: in one machine, or in machines that were restored from
 * the same bytes and ran the same programs?
 */
static bool same_boot(const json_t *records, const json_t *a, const json_t *b)
{
	if (jint(a, "boot", -1) == jint(b, "boot", -2))
		return true;
	const json_t *x = boot_of(records, a), *y = boot_of(records, b);

	return !strcmp(jstr(x, "template", "a"), jstr(y, "template", "b")) &&
	       !strcmp(jstr(x, "cases_sha256", "a"), jstr(y, "cases_sha256", "b"));
}

/* The copy-on-write probes of the same boot on a memfd with the same seals. */
static const json_t *probes_of(const json_t *records, const json_t *record)
{
	const json_t *seals = json_object_get(json_object_get(record, "observed"), "seals");
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r)
		if (!strcmp(jstr(r, "kind", ""), "cow") &&
		    !strcmp(jstr(r, "kernel", ""), jstr(record, "kernel", "?")) && seals &&
		    same_boot(records, r, record) &&
		    json_equal(json_object_get(json_object_get(r, "observed"), "seals"), seals))
			return r;
	return NULL;
}

static void print_known_mechanism(FILE *out, const struct mechanism *m, const json_t *record,
				  const char *finding, const char *who)
{
	_cleanup_free_ char *text = mechanism_text(m, record);

	fprintf(out, "  %s\n  seen by %s: %s\n", text, who, finding);
	if (m->fix)
		fprintf(out, "  fix: %s%s%s%s\n", m->fix, m->fixed_in ? " (in " : "",
			m->fixed_in ? m->fixed_in : "", m->fixed_in ? ")" : "");
	if (m->since)
		fprintf(out, "  since: %s\n", m->since);
}

static void print_mechanism(FILE *out, const json_t *record, const json_t *cow,
			    const struct mechanisms *ms)
{
	const char *finding = NULL, *who = "the probes of the same boot";
	const struct mechanism *m = mechanism_match(ms, cow, &finding);

	fputs("\nMechanism\n", out);
	if (strcmp(jstr(json_object_get(record, "params"), "fault", "none"), "none")) {
		fputs("  injected: the page of the globals was remapped shared before the first "
		      "clone\n",
		      out);
		return;
	}
	if (!m) {
		m = mechanism_match(ms, record, &finding);
		who = "the machine itself";
	}
	if (m)
		print_known_mechanism(out, m, record, finding, who);
	if (cow && json_array_size(json_object_get(cow, "findings")))
		print_findings(out, cow);
	else if (cow)
		fputs("  the copy-on-write probes found nothing: look elsewhere\n", out);
	else
		fprintf(out, "  no probes of these seals in that boot: run %s --only 'cow/*'\n",
			jstr(record, "kernel", "?"));
}

/* The boot that ended while the variant ran. */
static void print_boot(FILE *out, const json_t *records, const json_t *record)
{
	const json_t *boot = boot_of(records, record);
	const char *tail = jstr(boot, "console_tail", "");

	fprintf(out, "The machine ended while this ran: %s (%s)\n", jstr(boot, "end", "?"),
		jstr(boot, "text", "?"));
	if (json_object_get(boot, "console_line"))
		fprintf(out, "  %s\n", jstr(boot, "console_line", ""));
	if (*tail)
		fprintf(out, "The console's last lines\n%s\n", tail);
}

void postmortem_print(FILE *out, const json_t *record, const json_t *records,
		      const struct mechanisms *ms)
{
	const json_t *observed = json_object_get(record, "observed");
	const char *class = jstr(record, "class", "");
	const char *text = postmortem_class(class);

	fprintf(out, "%s (%s): %s%s%s\n\n", jstr(record, "id", "?"), jstr(record, "release", "?"),
		jstr(record, "outcome", "?"), *class ? ", class " : "", class);
	if (!strcmp(jstr(record, "state", ""), "running")) {
		print_boot(out, records, record);
		return;
	}
	if (json_object_get(observed, "stages"))
		print_stages(out, observed);
	if (text)
		fprintf(out, "\n%s: %s\n", class, text);
	postmortem_print_order(out, observed);
	print_graph(out, json_object_get(observed, "stop"));
	fputs("\nWhat was observed\n", out);
	print_findings(out, record);
	print_words(out, observed);
	print_timeline(out, observed);
	print_mechanism(out, record, probes_of(records, record), ms);
}

bool postmortem_wanted(const json_t *record)
{
	static const char *const outcomes[] = {"fail", "hang", "crash"};

	if (strcmp(jstr(record, "type", ""), "variant") ||
	    strcmp(jstr(record, "control", ""), "none") ||
	    strcmp(jstr(record, "kind", ""), "machine"))
		return false;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++)
		if (!strcmp(jstr(record, "outcome", ""), outcomes[i]))
			return true;
	return false;
}

size_t postmortem_print_all(FILE *out, const json_t *records, const char *pattern,
			    const struct mechanisms *ms)
{
	size_t i, n = 0;
	json_t *r;

	json_array_foreach (records, i, r) {
		const char *id = jstr(r, "id", ""), *rest = strchr(id, '/');

		if (!postmortem_wanted(r) || (pattern && fnmatch(pattern, id, 0) &&
					      (!rest || fnmatch(pattern, rest + 1, 0)) &&
					      fnmatch(pattern, jstr(r, "variant", ""), 0)))
			continue;
		if (n++)
			fputs("\n----\n\n", out);
		postmortem_print(out, r, records, ms);
	}
	return n;
}
