// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The protocol's own order, as far as it is certain on every kernel: stage-machine.md, section 4. C
 * and I work through their lists and only ever leave them towards the end. P serves whatever word
 * comes, so where its stages share their globals nothing is certain about what it serves when.
 */
#include <string.h>

#include "cleanup.h"
#include "schedule_internal.h"
#include "xalloc.h"

enum group {
	FIXED,
	SERVED,	    /* within P's loop, or by its counter: loads, words */
	SERVED_PID, /* likewise, but in this order among themselves */
};

static const struct step {
	enum sched_stage stage;
	enum sched_point point;
	unsigned with; /* all of these are needed */
	enum group group;
} program[] = {
	{SCHED_P, SCHED_ENTRY, 0, FIXED},
	{SCHED_P, SCHED_STORE_STAGE, 0, FIXED},
	{SCHED_P, SCHED_CLONE_C, 0, FIXED},
	{SCHED_P, SCHED_STORE_C1, 0, FIXED},
	{SCHED_P, SCHED_CLOSE_C0, 0, FIXED},
	{SCHED_P, SCHED_LOAD_SYNCFD, 0, FIXED},
	{SCHED_P, SCHED_READ_NEXT, 0, FIXED},
	{SCHED_P, SCHED_WRITE_MAPS, WITH_USER, SERVED},
	{SCHED_P, SCHED_LOAD_SYNCFD, WITH_USER, SERVED},
	{SCHED_P, SCHED_WRITE_USERMAP_ACK, WITH_USER, SERVED},
	{SCHED_P, SCHED_LOAD_SYNCFD, WITH_USER, SERVED},
	{SCHED_P, SCHED_READ_NEXT, WITH_USER, SERVED},
	{SCHED_P, SCHED_WRITE_OFFSETS, WITH_TIME, SERVED},
	{SCHED_P, SCHED_LOAD_SYNCFD, WITH_TIME, SERVED},
	{SCHED_P, SCHED_WRITE_TIMEOFFSETS_ACK, WITH_TIME, SERVED},
	{SCHED_P, SCHED_LOAD_SYNCFD, WITH_TIME, SERVED},
	{SCHED_P, SCHED_READ_NEXT, WITH_TIME, SERVED},
	{SCHED_P, SCHED_LOAD_SYNCFD, 0, SERVED},
	{SCHED_P, SCHED_READ_PID, 0, SERVED_PID},
	{SCHED_P, SCHED_LOAD_SYNCFD, 0, SERVED},
	{SCHED_P, SCHED_WRITE_RECVPID_ACK, 0, SERVED_PID},
	{SCHED_P, SCHED_WRITE_JSON, 0, SERVED_PID},
	{SCHED_P, SCHED_LOAD_SYNCFD, 0, SERVED},
	{SCHED_P, SCHED_READ_NEXT, 0, SERVED},
	{SCHED_P, SCHED_STORE_G1, 0, FIXED},
	{SCHED_P, SCHED_CLOSE_G0, 0, FIXED},
	{SCHED_P, SCHED_LOAD_SYNCFD, 0, SERVED},
	{SCHED_P, SCHED_WRITE_GRANDCHILD, 0, FIXED},
	{SCHED_P, SCHED_LOAD_SYNCFD, 0, SERVED},
	{SCHED_P, SCHED_READ_FINISH, 0, FIXED},
	{SCHED_P, SCHED_KILL_C, 0, SERVED},
	{SCHED_P, SCHED_KILL_I, 0, SERVED},
	{SCHED_P, SCHED_EXIT, 0, FIXED},

	{SCHED_C, SCHED_ENTRY, 0, FIXED},
	{SCHED_C, SCHED_STORE_STAGE, 0, FIXED},
	{SCHED_C, SCHED_STORE_C0, 0, FIXED},
	{SCHED_C, SCHED_CLOSE_C1, 0, FIXED},
	{SCHED_C, SCHED_JOIN, WITH_JOIN, FIXED},
	{SCHED_C, SCHED_UNSHARE_USER, WITH_USER, FIXED},
	{SCHED_C, SCHED_LOAD_SYNCFD, WITH_USER, FIXED},
	{SCHED_C, SCHED_WRITE_USERMAP, WITH_USER, FIXED},
	{SCHED_C, SCHED_LOAD_SYNCFD, WITH_USER, FIXED},
	{SCHED_C, SCHED_READ_USERMAP_ACK, WITH_USER, FIXED},
	{SCHED_C, SCHED_UNSHARE, 0, FIXED},
	{SCHED_C, SCHED_LOAD_SYNCFD, WITH_TIME, FIXED},
	{SCHED_C, SCHED_WRITE_TIMEOFFSETS, WITH_TIME, FIXED},
	{SCHED_C, SCHED_LOAD_SYNCFD, WITH_TIME, FIXED},
	{SCHED_C, SCHED_READ_TIMEOFFSETS_ACK, WITH_TIME, FIXED},
	{SCHED_C, SCHED_CLONE_I, 0, FIXED},
	{SCHED_C, SCHED_LOAD_SYNCFD, 0, FIXED},
	{SCHED_C, SCHED_WRITE_RECVPID, 0, FIXED},
	{SCHED_C, SCHED_LOAD_SYNCFD, 0, FIXED},
	{SCHED_C, SCHED_WRITE_PID, 0, FIXED},
	{SCHED_C, SCHED_LOAD_SYNCFD, 0, FIXED},
	{SCHED_C, SCHED_READ_RECVPID_ACK, 0, FIXED},
	{SCHED_C, SCHED_LOAD_SYNCFD, 0, FIXED},
	{SCHED_C, SCHED_WRITE_FINISH, 0, FIXED},
	{SCHED_C, SCHED_KILL_I, 0, FIXED},
	{SCHED_C, SCHED_EXIT, 0, FIXED},

	{SCHED_I, SCHED_ENTRY, 0, FIXED},
	{SCHED_I, SCHED_STORE_STAGE, 0, FIXED},
	{SCHED_I, SCHED_STORE_G0, 0, FIXED},
	{SCHED_I, SCHED_CLOSE_G1, 0, FIXED},
	{SCHED_I, SCHED_CLOSE_C0, 0, FIXED},
	{SCHED_I, SCHED_LOAD_SYNCFD, 0, FIXED},
	{SCHED_I, SCHED_READ_GRANDCHILD, 0, FIXED},
	{SCHED_I, SCHED_LOAD_SYNCFD, 0, FIXED},
	{SCHED_I, SCHED_WRITE_FINISH, 0, FIXED},
	{SCHED_I, SCHED_CLOSE_G0, 0, FIXED},
	{SCHED_I, SCHED_RETURN, 0, FIXED},
	{SCHED_I, SCHED_EXIT, 0, FIXED},
};

#define NSTEPS (sizeof(program) / sizeof(*program))

static bool has_step(const struct step *s, enum sched_stage stage, unsigned with)
{
	return s->stage == stage && (s->with & with) == s->with;
}

int order_count(enum sched_stage stage, enum sched_point point, unsigned with)
{
	int n = 0;

	/* Log lines: a stage that fails has other ones. */
	if (point == SCHED_LOAD_STAGE)
		return -1;
	for (size_t i = 0; i < NSTEPS; i++)
		n += has_step(&program[i], stage, with) && program[i].point == point;
	return n;
}

/* The step of the program that @p is, or NULL. */
static const struct step *find_step(struct passing p, unsigned with)
{
	int n = 0;

	for (size_t i = 0; i < NSTEPS; i++) {
		if (has_step(&program[i], p.stage, with) && program[i].point == p.point &&
		    ++n == p.nth)
			return &program[i];
	}
	return NULL;
}

/* Before P's loop there is no other way. */
static bool before_loop(const struct step *s)
{
	return s->stage == SCHED_P &&
	       s < find_step((struct passing){SCHED_P, SCHED_STORE_G1, 1}, 0);
}

bool order_certain(struct passing x, struct passing y, unsigned with)
{
	const struct step *sx = find_step(x, with), *sy = find_step(y, with);

	if (x.stage != y.stage)
		return false;
	if (x.point == y.point)
		return x.nth < y.nth;
	if (x.point == SCHED_ENTRY || y.point == SCHED_EXIT)
		return true;
	if (!sx || !sy || sx > sy)
		return false;
	if (sx->group == FIXED)
		return sy->group == FIXED || before_loop(sx);
	return sx->group == SERVED_PID && sy->group == SERVED_PID;
}

/* --- circles ---------------------------------------------------------------------------------- */

/*
 * Each passing has a begin and an end. A constraint goes from an end to a begin, and so does what
 * is certain about one stage; a stage begins after the clone() that makes it has begun.
 */
struct graph {
	const struct order *v;
	size_t n; /* constraints that count */
	unsigned with;
	struct passing *node;
	size_t nodes;
	size_t *via;   /* per state (2 * node + is it its end): constraint + 1 that led there */
	size_t *from;  /* state + 1 that it was reached from; 0: not reached */
	size_t *queue; /* states */
};

static bool same(struct passing x, struct passing y)
{
	return x.stage == y.stage && x.point == y.point && x.nth == y.nth;
}

static bool creates(struct passing x, struct passing y)
{
	return (x.point == SCHED_CLONE_C && y.stage == SCHED_C) ||
	       (x.point == SCHED_CLONE_I && y.stage == SCHED_I);
}

static void reach(struct graph *g, size_t *tail, size_t state, size_t from, size_t via)
{
	if (g->from[state])
		return;
	g->from[state] = from + 1;
	g->via[state] = via;
	g->queue[(*tail)++] = state;
}

static void follow(struct graph *g, size_t *tail, size_t state)
{
	struct passing x = g->node[state / 2];
	bool end = state % 2;

	if (!end)
		reach(g, tail, state + 1, state, 0);
	for (size_t i = 0; i < g->nodes; i++) {
		if (end ? order_certain(x, g->node[i], g->with) : creates(x, g->node[i]))
			reach(g, tail, 2 * i, state, 0);
		for (size_t c = 0; end && c < g->n; c++)
			if (same(g->v[c].before, x) && same(g->v[c].after, g->node[i]))
				reach(g, tail, 2 * i, state, c + 1);
	}
}

static size_t find_node(const struct graph *g, struct passing x)
{
	size_t i = 0;

	while (i < g->nodes && !same(g->node[i], x))
		i++;
	return i;
}

static void add_node(struct graph *g, struct passing x)
{
	if (find_node(g, x) == g->nodes)
		g->node[g->nodes++] = x;
}

/* Does @last.after come before @last.before by what counts so far? */
static bool closes(struct graph *g, const struct order *last, bool *used)
{
	size_t start = 2 * find_node(g, last->after), goal = 2 * find_node(g, last->before) + 1;
	size_t head = 0, tail = 0;

	memset(g->from, 0, 2 * g->nodes * sizeof(*g->from));
	reach(g, &tail, start, start, 0);
	while (head < tail)
		follow(g, &tail, g->queue[head++]);
	if (!g->from[goal])
		return false;
	for (size_t s = goal; s != start; s = g->from[s] - 1)
		if (g->via[s])
			used[g->via[s] - 1] = true;
	return true;
}

int order_circle(const struct order *v, size_t n, unsigned with, bool *used)
{
	size_t max = 2 * n + 2;
	_cleanup_free_ struct passing *node = xcalloc(max, sizeof(*node));
	_cleanup_free_ size_t *work = xcalloc(6 * max, sizeof(*work));
	struct graph g = {.v = v,
			  .with = with,
			  .node = node,
			  .via = work,
			  .from = work + 2 * max,
			  .queue = work + 4 * max};

	add_node(&g, (struct passing){SCHED_P, SCHED_CLONE_C, 1});
	add_node(&g, (struct passing){SCHED_C, SCHED_CLONE_I, 1});
	for (size_t i = 0; i < n; i++) {
		add_node(&g, v[i].before);
		add_node(&g, v[i].after);
	}
	for (; g.n < n; g.n++) {
		memset(used, 0, n * sizeof(*used));
		if (closes(&g, &v[g.n], used))
			return (int)g.n;
	}
	return -1;
}
