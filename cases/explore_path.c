// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which executions there are to be: dynamic partial-order reduction with source sets and sleep sets
 * (Abdulla, Aronis, Jonsson, Sagonas: Optimal Dynamic Partial Order Reduction, POPL 2014).
 *
 * Each execution is looked at for races: two conflicting events that nothing between them orders.
 * Where the first one was chosen, somebody is added to `back` who leads to the other order. Sleep
 * sets keep out what was executed before: a stage that was tried at a node stays asleep in the
 * branches after it until something happens that conflicts with what it would do. So every class is
 * executed at least once (source sets), and none twice to its end (sleep sets); an execution where
 * all that could go on is asleep is given up as redundant.
 *
 * Stages can be disabled here, which that paper leaves out. A stage that cannot go on, or that was
 * killed, still races with what took its chance away; so races are looked for with what each stage
 * would do next, and not only with what was done.
 */
#include <string.h>

#include "explore.h"

void path_begin(struct path *p)
{
	*p = (struct path){0};
}

/* Does the order of these events matter, @x having come first? */
static bool depends(const struct event *x, int x_at, const struct event *y)
{
	struct op a = x->op, b = y->op;

	if ((a.kind == OP_KILL && (a.what == b.stage || (b.kind == OP_KILL && a.what == b.what))) ||
	    (b.kind == OP_KILL && b.what == a.stage))
		return true;
	if (a.kind <= OP_STORE && b.kind <= OP_STORE)
		return a.what == b.what && (a.kind == OP_STORE || b.kind == OP_STORE);
	if (a.kind == b.kind && (a.kind == OP_READ || a.kind == OP_WRITE) && a.what == b.what)
		return true;
	if ((a.kind == OP_MAP && y->ended & 1u << a.what) ||
	    (b.kind == OP_MAP && x->ended & 1u << b.what))
		return true;
	if (x->drops & y->unheld)
		return true;
	if (b.kind == OP_WRITE && x->unheld & 1u << end_peer((enum end)b.what))
		return true;
	if (a.kind == OP_WRITE && y->unheld & 1u << end_peer((enum end)a.what))
		return true;
	if (b.kind == OP_READ && y->written == x_at && y->written >= 0)
		return true;
	return b.kind == OP_READ && y->at_eof && x->unheld & 1u << end_peer((enum end)b.what);
}

bool path_depends(const struct path *p, int at, const struct event *e)
{
	return depends(&p->event[at], at, e);
}

static bool enables(const struct event *x, int x_at, const struct event *y)
{
	return y->op.kind == OP_READ &&
	       (y->written == x_at ||
		(y->at_eof && x->unheld & 1u << end_peer((enum end)y->op.what)));
}

static void join(uint8_t clock[STAGES], const uint8_t other[STAGES])
{
	for (int s = 0; s < STAGES; s++)
		if (other[s] > clock[s])
			clock[s] = other[s];
}

/* What happened before stage @s now stands where it stands. */
static void stage_clock(const struct path *p, int s, uint8_t clock[STAGES])
{
	memset(clock, 0, STAGES);
	for (int i = 0; i < p->events; i++) {
		const struct event *e = &p->event[i];

		if (e->op.stage == s || (e->op.kind == OP_CLONE && e->op.what == s))
			join(clock, e->clock);
	}
}

static bool before(const struct event *x, const uint8_t clock[STAGES])
{
	return x->n <= clock[x->op.stage];
}

/* Events after @at that do not depend on it, as a mask in @in. */
static void not_after(const struct path *p, int at, bool in[PATH_MAX_EVENTS])
{
	const struct event *x = &p->event[at];

	memset(in, 0, PATH_MAX_EVENTS);
	for (int i = at + 1; i < p->events; i++)
		in[i] = !before(x, p->event[i].clock);
}

static bool led_by(const struct path *p, int at, int end, const bool in[PATH_MAX_EVENTS],
		   const uint8_t clock[STAGES])
{
	for (int i = at + 1; i < end; i++)
		if (in[i] && before(&p->event[i], clock))
			return true;
	return false;
}

/*
 * Stages that can be the first to go on from event @at if it is to come after @e, which stage @s
 * would do: they lead what does not depend on @at.
 */
static unsigned initials(const struct path *p, int at, const struct event *e,
			 const uint8_t clock[STAGES])
{
	bool in[PATH_MAX_EVENTS];
	uint8_t mine[STAGES];
	unsigned first = 0, seen = 0;

	not_after(p, at, in);
	memcpy(mine, clock, STAGES);
	for (int i = at + 1; i < p->events; i++) {
		const struct event *x = &p->event[i];
		unsigned bit = 1u << x->op.stage;

		if (!in[i])
			continue;
		if (depends(x, i, e))
			join(mine, x->clock);
		if (!(seen & bit) && !led_by(p, at, i, in, x->clock))
			first |= bit;
		seen |= bit;
	}
	if (!(seen & 1u << e->op.stage) && !led_by(p, at, p->events, in, mine))
		first |= 1u << e->op.stage;
	return first;
}

static unsigned lowest(unsigned mask)
{
	return mask & -mask;
}

/* The race of @e, not done yet, with event @at: see that the other order comes as well. */
static void reverse(struct path *p, int at, const struct event *e, const uint8_t clock[STAGES])
{
	struct node *node = &p->node[at];
	unsigned first = initials(p, at, e, clock) & node->enabled, own = 1u << e->op.stage;

	if (first & node->back || !first)
		return;
	node->back |= (uint8_t)(first & own ? own : lowest(first));
}

/* All races of @e, which is what its stage would do next (or would have done, were it alive). */
static void find_races(struct path *p, const struct event *e)
{
	uint8_t clock[STAGES];
	bool races[PATH_MAX_EVENTS] = {false};

	stage_clock(p, e->op.stage, clock);
	for (int i = 0; i < p->events; i++) {
		const struct event *x = &p->event[i];

		races[i] = x->op.stage != e->op.stage && !before(x, clock) && depends(x, i, e);
	}
	for (int i = 0; i < p->events; i++) {
		bool ordered = false;

		if (!races[i])
			continue;
		for (int k = i + 1; k < p->events && !ordered; k++)
			ordered = races[k] && before(&p->event[i], p->event[k].clock);
		if (!ordered && !enables(&p->event[i], i, e))
			reverse(p, i, e, clock);
	}
}

static bool same_op(struct op x, struct op y)
{
	return x.stage == y.stage && x.point == y.point && x.kind == y.kind && x.what == y.what;
}

/* A node that was there before must look as it did. */
static bool as_before(const struct node *node, const struct account *a, unsigned enabled)
{
	for (int s = 0; s < STAGES; s++)
		if (a->alive[s] && !same_op(node->next[s], a->next[s]))
			return false;
	return node->enabled == enabled;
}

static void find_all_races(struct path *p, const struct account *a)
{
	for (int i = 0; i < STAGES; i++) {
		struct event e;

		if (!a->alive[i])
			continue;
		e = account_event(a, a->next[i]);
		find_races(p, &e);
	}
	for (int i = 0; i < p->victims; i++)
		find_races(p, &p->victim[i]);
}

static unsigned all_enabled(const struct account *a)
{
	unsigned mask = 0;

	for (int i = 0; i < STAGES; i++)
		if (a->alive[i] && account_enabled(a, a->next[i]))
			mask |= 1u << i;
	return mask;
}

enum path_next path_choose(struct path *p, const struct account *a, enum stage *s)
{
	struct node *node = &p->node[p->events];
	unsigned enabled = all_enabled(a), awake;

	if (p->events == PATH_MAX_EVENTS)
		return PATH_TOO_LONG;
	if (p->events < p->replay) {
		*s = (enum stage)node->chosen;
		return as_before(node, a, enabled) && enabled & 1u << *s ? PATH_GO : PATH_DIVERGED;
	}
	node->enabled = (uint8_t)enabled;
	node->back = 0;
	memcpy(node->next, a->next, sizeof(node->next));
	find_all_races(p, a);
	if (!enabled)
		return PATH_END;
	awake = enabled & ~(unsigned)node->sleep;
	if (!awake)
		return PATH_REDUNDANT;
	awake = lowest(awake);
	node->back |= (uint8_t)awake;
	node->chosen = (uint8_t)__builtin_ctz(awake);
	*s = (enum stage)node->chosen;
	return PATH_GO;
}

uint16_t path_passings(const struct path *p, struct op op)
{
	uint16_t n = 1;

	for (int i = 0; i < p->events; i++)
		n += p->event[i].op.stage == op.stage && p->event[i].op.point == op.point;
	return n;
}

/* What the victim of @kill, still alive, would have done next. */
static void note_victim(struct path *p, const struct account *a, struct op kill)
{
	struct event *e = &p->victim[p->victims];

	if (kill.kind != OP_KILL || !a->alive[kill.what] || p->victims == VICTIMS_MAX)
		return;
	*e = account_event(a, a->next[kill.what]);
	e->nth = path_passings(p, e->op);
	p->victims++;
}

/* The stages of @mask that what @s is about to do does not wake. */
static unsigned still_asleep(const struct account *a, unsigned mask, enum stage s)
{
	for (int z = 0; z < STAGES; z++)
		if (mask & 1u << z && (z == (int)s || account_conflict(a, a->next[s], a->next[z])))
			mask &= ~(1u << z);
	return mask;
}

void path_add(struct path *p, struct account *a, enum stage s)
{
	struct event *e = &p->event[p->events];
	unsigned sleep = still_asleep(a, p->node[p->events].sleep, s);

	*e = account_event(a, a->next[s]);
	e->nth = path_passings(p, e->op);
	stage_clock(p, e->op.stage, e->clock);
	for (int i = 0; i < p->events; i++)
		if (p->event[i].op.stage != s && depends(&p->event[i], i, e))
			join(e->clock, p->event[i].clock);
	e->n = ++e->clock[s];
	note_victim(p, a, e->op);
	account_apply(a, e, p->events);
	p->events++;
	if (p->events >= p->replay)
		p->node[p->events].sleep = (uint8_t)sleep;
}

bool path_backtrack(struct path *p)
{
	for (int i = p->events - 1; i >= 0; i--) {
		struct node *node = &p->node[i];
		unsigned left;

		node->sleep |= (uint8_t)(1u << node->chosen);
		left = node->back & ~(unsigned)node->sleep;
		if (!left)
			continue;
		node->chosen = (uint8_t)__builtin_ctz(left);
		p->replay = i + 1;
		p->events = 0;
		p->victims = 0;
		return true;
	}
	return false;
}
