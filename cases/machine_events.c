// SPDX-License-Identifier: GPL-2.0-or-later
/* Facts from the points that the stages passed: foreign loads, uses of syncfd, words, timeline. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "machine.h"

#define TIMELINE 40

struct entry {
	const struct ctl_event *e;
	int stage;
};

struct history_of_events {
	struct entry at[STAGES * CTL_EVENTS];
	size_t n;
};

static int by_seq(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->e->seq > y->e->seq) - (x->e->seq < y->e->seq);
}

static size_t first_kept(const struct ctl_lane *lane)
{
	return lane->events > CTL_EVENTS ? lane->events - CTL_EVENTS : 0;
}

static void collect(const struct control *ctl, struct history_of_events *h)
{
	h->n = 0;
	for (int s = 0; s < STAGES; s++) {
		const struct ctl_lane *lane = &ctl->lane[s];

		for (size_t i = first_kept(lane); i < lane->events; i++)
			h->at[h->n++] = (struct entry){&lane->ring[i % CTL_EVENTS], s};
	}
	qsort(h->at, h->n, sizeof(*h->at), by_seq);
}

static const char *const global_names[GLOBALS] = {"current_stage", "syncfd", "logfd", "loglevel"};

/* A foreign value that stays is reported once, when it is first seen. */
static void set_foreign_loads(const struct control *ctl, json_t *facts)
{
	json_t *a = json_array();
	json_int_t checked = 0;

	for (int s = 0; s < STAGES; s++) {
		const struct ctl_lane *lane = &ctl->lane[s];
		const struct ctl_event *last = NULL;

		for (size_t i = first_kept(lane); i < lane->events; i++) {
			const struct ctl_event *e = &lane->ring[i % CTL_EVENTS];

			for (int g = 0; g < GLOBALS; g++, checked++) {
				if (e->value[g] == e->want[g] ||
				    (last && last->value[g] == e->value[g] &&
				     last->want[g] == e->want[g]))
					continue;
				json_array_append_new(
					a, json_pack("{s:s, s:s, s:i, s:s, s:i, s:i}", "reader",
						     stage_names[s], "point",
						     point_info[e->point].name, "seq", (int)e->seq,
						     "name", global_names[g], "value", e->value[g],
						     "want", e->want[g]));
			}
			last = e;
		}
	}
	fact_put(facts, "globals", a);
	fact_put(facts, "globals_checked", json_integer(checked));
}

struct use {
	int stage, fd, kind, want_end, errnum, result;
	enum point point;
	uint64_t ino;
	bool unfinished, sigpipe;
};

static const char *problem(const struct control *ctl, const struct use *u)
{
	if (u->kind == FD_BAD || u->errnum == EBADF)
		return "ebadf";
	if (u->kind == FD_OTHER)
		return "not-socket";
	if (u->want_end >= ENDS || u->ino != ctl->end_ino[u->want_end])
		return "wrong-end";
	if (u->sigpipe || u->errnum == EPIPE)
		return "epipe";
	if (u->unfinished)
		return NULL;
	if (u->errnum || u->result < 0)
		return "other";
	return u->result == 0 ? "eof" : u->result != 4 ? "other" : NULL;
}

static void add_use(const struct control *ctl, const struct use *u, json_t *a)
{
	const char *what = problem(ctl, u);
	json_t *o;

	if (!what)
		return;
	o = json_pack("{s:s, s:s, s:i, s:s}", "stage", stage_names[u->stage], "op",
		      point_info[u->point].name, "fd", u->fd, "problem", what);
	if (u->want_end < ENDS)
		fact_put(o, "want_end", json_string(end_names[u->want_end]));
	fact_put_errno(o, u->errnum);
	json_array_append_new(a, o);
}

/* The operation that a stage never came back from: blocked in it, or killed by SIGPIPE. */
static bool unfinished_use(const struct machine_run *run, int s, struct use *u)
{
	const struct ctl_lane *lane = &run->ctl->lane[s];
	const struct reaped *r = stage_reaped(run, (enum stage)s);
	const struct ctl_event *last = &lane->ring[(lane->events - 1) % CTL_EVENTS];

	if (!lane->events || !lane->in_op || lane->at_fd < 0)
		return false;
	*u = (struct use){.stage = s,
			  .fd = lane->at_fd,
			  .kind = lane->at_ino ? FD_SOCKET : FD_OTHER,
			  .want_end = last->want_end,
			  .point = (enum point)lane->at,
			  .ino = lane->at_ino,
			  .unfinished = true};
	u->sigpipe = r && !r->by_agent && WIFSIGNALED(r->status) && WTERMSIG(r->status) == SIGPIPE;
	return true;
}

static void set_uses(const struct machine_run *run, const struct history_of_events *h,
		     json_t *facts)
{
	json_t *a = json_array();
	json_int_t checked = 0;
	struct use u;

	for (size_t i = 0; i < h->n; i++) {
		const struct ctl_event *e = h->at[i].e;

		if (e->kind == FD_NOT_LOOKED)
			continue;
		checked++;
		u = (struct use){.stage = h->at[i].stage,
				 .fd = e->fd,
				 .kind = e->kind,
				 .want_end = e->want_end,
				 .errnum = e->errnum,
				 .result = e->result,
				 .point = (enum point)e->point,
				 .ino = e->ino};
		add_use(run->ctl, &u, a);
	}
	for (int s = 0; s < STAGES; s++) {
		if (!unfinished_use(run, s, &u))
			continue;
		checked++;
		add_use(run->ctl, &u, a);
	}
	fact_put(facts, "uses", a);
	fact_put(facts, "uses_checked", json_integer(checked));
}

static int by_begin(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->e->begun > y->e->begun) - (x->e->begun < y->e->begun);
}

/* In order of sending: the answer may be complete before the sender gets to say so. */
static void set_words(const struct control *ctl, const struct history_of_events *h, json_t *facts)
{
	struct entry sent[STAGES * CTL_EVENTS];
	json_t *a = json_array();
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++) {
		if (point_info[h->at[i].e->point].word && h->at[i].e->result > 0)
			sent[n++] = h->at[i];
	}
	qsort(sent, n, sizeof(*sent), by_begin);
	for (size_t i = 0; i < n; i++) {
		const struct ctl_event *e = sent[i].e;
		const char *word = point_info[e->point].word;
		char text[32];

		snprintf(text, sizeof(text), "%s%s", stage_names[sent[i].stage], word + 1);
		for (int end = 0; end < ENDS; end++) {
			if (e->ino == ctl->end_ino[end] && end != e->want_end)
				snprintf(text + strlen(text), sizeof(text) - strlen(text),
					 " into %s", end_names[end]);
		}
		json_array_append_new(a, json_string(text));
	}
	fact_put(facts, "words", a);
}

static void set_timeline(const struct control *ctl, const struct history_of_events *h,
			 json_t *facts)
{
	json_t *a = json_array();

	for (size_t i = h->n > TIMELINE ? h->n - TIMELINE : 0; i < h->n; i++) {
		const struct ctl_event *e = h->at[i].e;
		json_t *o =
			json_pack("{s:i, s:s, s:s}", "seq", (int)e->seq, "stage",
				  stage_names[h->at[i].stage], "point", point_info[e->point].name);
		char detail[64] = "";

		if (e->fd >= 0)
			snprintf(detail, sizeof(detail), "fd %d (%s)", e->fd,
				 number_name(ctl, e->fd));
		if (e->errnum)
			snprintf(detail + strlen(detail), sizeof(detail) - strlen(detail), "%s%s",
				 *detail ? ": " : "", errno_name(e->errnum));
		if (*detail)
			fact_put(o, "detail", json_string(detail));
		json_array_append_new(a, o);
	}
	fact_put(facts, "timeline", a);
}

void facts_events(const struct machine_run *run, json_t *facts)
{
	struct history_of_events h;

	collect(run->ctl, &h);
	set_foreign_loads(run->ctl, facts);
	set_uses(run, &h, facts);
	set_words(run->ctl, &h, facts);
	/* Nobody asks how a run went that went well, and on an emulated CPU it is not free. */
	if (run->stop != STOP_COMPLETE)
		set_timeline(run->ctl, &h, facts);
}
