// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A schedule from an execution: for every conflict between two stages, that the one comes before
 * the other, unless other constraints, the program of a stage or the kernel's pipes say so anyway.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

struct witness {
	const struct path *p;
	char *text;
	size_t len;
	FILE *out;
	int n;
};

/* Nothing but a constraint makes sure that @x is complete before @e begins. */
static bool needs_word(const struct event *x, int at, const struct event *e)
{
	if (x->op.kind == OP_CLONE && x->op.what == e->op.stage)
		return false;
	/* A read waits by itself. */
	return e->op.kind != OP_READ || (e->written != at && !e->at_eof) || x->op.kind == OP_READ;
}

static void put_one(struct witness *w, const struct event *x, const struct event *e)
{
	const struct ctl_constraint c = {
		.before_stage = x->op.stage,
		.before_point = x->op.point,
		.before_nth = x->nth,
		.after_stage = e->op.stage,
		.after_point = e->op.point,
		.after_nth = e->nth,
	};
	char text[96];

	fprintf(w->out, "%s%s", w->n++ ? "," : "", constraint_text(&c, text, sizeof(text)));
}

/* Whom the stage of @x had killed before may live a little longer than it: that needs a word, too.
 */
static void put(struct witness *w, int at, const struct event *e)
{
	const struct event *x = &w->p->event[at];

	for (int i = 0; i < at; i++) {
		const struct event *k = &w->p->event[i];

		if (k->op.kind == OP_KILL && k->ended && k->op.stage == x->op.stage)
			put_one(w, k, e);
	}
	put_one(w, x, e);
}

/*
 * The constraints of @e, which comes after the first @end events and whose stage has @clock by
 * then: one for each event that is not before another such.
 */
static void put_all(struct witness *w, const struct event *e, int end, const uint8_t clock[STAGES])
{
	uint8_t done[STAGES];

	memcpy(done, clock, sizeof(done));
	for (int i = end - 1; i >= 0; i--) {
		const struct event *x = &w->p->event[i];

		if (x->op.stage == e->op.stage || x->n <= done[x->op.stage] ||
		    !path_depends(w->p, i, e))
			continue;
		if (!needs_word(x, i, e)) {
			/* The read may begin long before: what is done by then says nothing. */
			if (e->op.kind == OP_READ)
				continue;
		} else {
			put(w, i, e);
		}
		for (int s = 0; s < STAGES; s++)
			if (x->clock[s] > done[s])
				done[s] = x->clock[s];
	}
}

/* What a stage had behind it before the event number @at, which is its own or is not there. */
static void clock_before(const struct path *p, int stage, int at, uint8_t clock[STAGES])
{
	memset(clock, 0, STAGES);
	for (int i = 0; i < at; i++) {
		const struct event *x = &p->event[i];

		for (int s = 0; s < STAGES; s++)
			if ((x->op.stage == stage ||
			     (x->op.kind == OP_CLONE && x->op.what == stage)) &&
			    x->clock[s] > clock[s])
				clock[s] = x->clock[s];
	}
}

static void put_event(struct witness *w, const struct event *e, int at)
{
	uint8_t clock[STAGES];

	clock_before(w->p, e->op.stage, at, clock);
	put_all(w, e, at, clock);
}

char *path_witness(const struct path *p, const struct account *a)
{
	struct witness w = {.p = p};

	w.out = open_memstream(&w.text, &w.len);
	if (!w.out)
		return NULL;
	for (int i = 0; i < p->events; i++)
		put_event(&w, &p->event[i], i);
	/* Who is blocked in the end must not begin to read too early, nor the killed go on. */
	for (int s = 0; s < STAGES; s++) {
		struct event e;

		if (!a->alive[s])
			continue;
		e = account_event(a, a->next[s]);
		e.nth = path_passings(p, e.op);
		put_event(&w, &e, p->events);
	}
	for (int i = 0; i < p->victims; i++)
		put_event(&w, &p->victim[i], p->events);
	fclose(w.out);
	if (w.n > SM_CONSTRAINTS) {
		free(w.text);
		return NULL;
	}
	return w.text;
}
