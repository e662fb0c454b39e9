// SPDX-License-Identifier: GPL-2.0-or-later
#include "explore.h"

static const struct {
	enum point point;
	enum op_kind kind;
	int what;
} operations[] = {
	{POINT_STORE_STAGE, OP_STORE, GLOBAL_STAGE}, {POINT_LOAD_STAGE, OP_LOAD, GLOBAL_STAGE},
	{POINT_STORE_C0, OP_STORE, GLOBAL_SYNCFD},   {POINT_STORE_C1, OP_STORE, GLOBAL_SYNCFD},
	{POINT_STORE_G0, OP_STORE, GLOBAL_SYNCFD},   {POINT_STORE_G1, OP_STORE, GLOBAL_SYNCFD},
	{POINT_LOAD_SYNCFD, OP_LOAD, GLOBAL_SYNCFD}, {POINT_CLOSE_C0, OP_CLOSE, END_C0},
	{POINT_CLOSE_C1, OP_CLOSE, END_C1},	     {POINT_CLOSE_G0, OP_CLOSE, END_G0},
	{POINT_CLOSE_G1, OP_CLOSE, END_G1},	     {POINT_CLONE_C, OP_CLONE, STAGE_CHILD},
	{POINT_CLONE_I, OP_CLONE, STAGE_INIT},	     {POINT_KILL_C, OP_KILL, STAGE_CHILD},
	{POINT_KILL_I, OP_KILL, STAGE_INIT},	     {POINT_EXIT, OP_EXIT, 0},
	{POINT_WRITE_MAPS, OP_MAP, STAGE_CHILD},     {POINT_WRITE_OFFSETS, OP_MAP, STAGE_CHILD},
};

void account_start(struct account *a)
{
	*a = (struct account){
		.alive = {[STAGE_PARENT] = true},
		.born = {[STAGE_PARENT] = true},
		.holds = {[STAGE_PARENT] = (1u << ENDS) - 1},
	};
}

static bool is_read(enum point pt)
{
	return pt == POINT_READ_USERMAP_ACK || pt == POINT_READ_TIMEOFFSETS_ACK ||
	       pt == POINT_READ_RECVPID_ACK || pt == POINT_READ_NEXT || pt == POINT_READ_PID ||
	       pt == POINT_READ_GRANDCHILD || pt == POINT_READ_FINISH;
}

struct op account_op(const struct account *a, const struct control *ctl, enum stage s)
{
	const struct ctl_lane *lane = &ctl->lane[s];
	const struct ctl_event *load = &lane->ring[(lane->events - 1) % CTL_EVENTS];
	struct op op = {.stage = (uint8_t)s, .point = (uint8_t)lane->at};
	enum end end;

	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		if (operations[i].point != op.point)
			continue;
		op.kind = (uint8_t)operations[i].kind;
		op.what = (uint8_t)operations[i].what;
		if (op.kind == OP_CLOSE && !(a->holds[s] & 1u << op.what))
			op.kind = OP_BAD;
		return op;
	}
	/* What is left reads or writes what the load before it returned. */
	end = number_end(ctl, load->result);
	op.kind = is_read(lane->at) ? OP_READ : OP_WRITE;
	op.what = (uint8_t)end;
	if (end == END_NONE || !(a->holds[s] & 1u << end))
		op.kind = OP_BAD;
	return op;
}

static unsigned holders(const struct account *a, int end)
{
	unsigned mask = 0;

	for (int s = 0; s < STAGES; s++)
		if (a->alive[s] && a->holds[s] & 1u << end)
			mask |= 1u << s;
	return mask;
}

bool account_enabled(const struct account *a, struct op op)
{
	if (op.kind != OP_READ)
		return true;
	return a->queue[op.what].n || !holders(a, (int)end_peer((enum end)op.what));
}

/* The stage that @op takes ends from, and which. */
static enum stage dropper(const struct account *a, struct op op, unsigned *ends)
{
	enum stage s = op.kind == OP_KILL ? (enum stage)op.what : (enum stage)op.stage;

	*ends = 0;
	if (op.kind == OP_CLOSE)
		*ends = 1u << op.what;
	else if (op.kind == OP_EXIT || (op.kind == OP_KILL && a->alive[s]))
		*ends = a->holds[s];
	else if (op.kind == OP_WRITE && !holders(a, (int)end_peer((enum end)op.what)))
		*ends = a->holds[s]; /* SIGPIPE */
	return s;
}

static bool same_victim(struct op x, struct op y)
{
	return x.kind == OP_KILL && (x.what == y.stage || (y.kind == OP_KILL && y.what == x.what));
}

/* The stages that @op ends. */
static unsigned ends_stages(const struct account *a, struct op op)
{
	if (op.kind == OP_KILL)
		return a->alive[op.what] ? 1u << op.what : 0;
	if (op.kind == OP_EXIT ||
	    (op.kind == OP_WRITE && !holders(a, (int)end_peer((enum end)op.what))))
		return 1u << op.stage;
	return 0;
}

static bool maps(const struct account *a, struct op x, struct op y)
{
	return x.kind == OP_MAP && ends_stages(a, y) & 1u << x.what;
}

/* By what they are alone. */
static bool conflict_by_kind(struct op x, struct op y)
{
	if (same_victim(x, y) || same_victim(y, x))
		return true;
	if (x.kind <= OP_STORE && y.kind <= OP_STORE)
		return x.what == y.what && (x.kind == OP_STORE || y.kind == OP_STORE);
	return x.kind == y.kind && (x.kind == OP_READ || x.kind == OP_WRITE) && x.what == y.what;
}

static bool writes_into(struct op op, int end)
{
	return op.kind == OP_WRITE && (int)end_peer((enum end)op.what) == end;
}

bool account_conflict(const struct account *a, struct op x, struct op y)
{
	unsigned ex, ey, sx = 1u << dropper(a, x, &ex), sy = 1u << dropper(a, y, &ey);

	if (conflict_by_kind(x, y) || maps(a, x, y) || maps(a, y, x))
		return true;
	for (int e = 0; e < ENDS; e++) {
		unsigned who = holders(a, e), by_x = ex & 1u << e ? sx : 0,
			 by_y = ey & 1u << e ? sy : 0;

		if (!who)
			continue;
		if ((who == by_x && writes_into(y, e)) || (who == by_y && writes_into(x, e)))
			return true;
		if (by_x && by_y && by_x != by_y && who == (by_x | by_y))
			return true;
	}
	return false;
}

struct event account_event(const struct account *a, struct op op)
{
	struct event e = {.op = op, .written = -1};
	unsigned ends, who = 1u << dropper(a, op, &ends);

	e.drops = (uint8_t)ends;
	for (int end = 0; end < ENDS; end++)
		if (ends & 1u << end && holders(a, end) == who)
			e.unheld |= (uint8_t)(1u << end);
	e.ended = (uint8_t)ends_stages(a, op);
	e.dies = op.kind == OP_WRITE && !holders(a, (int)end_peer((enum end)op.what));
	if (op.kind == OP_READ && a->queue[op.what].n)
		e.written = a->queue[op.what].by[0];
	else if (op.kind == OP_READ)
		e.at_eof = !holders(a, (int)end_peer((enum end)op.what));
	return e;
}

static void end_stage(struct account *a, int s)
{
	a->alive[s] = false;
	a->holds[s] = 0;
}

void account_apply(struct account *a, const struct event *e, int at)
{
	struct op op = e->op;

	if (op.kind == OP_CLOSE)
		a->holds[op.stage] &= (uint8_t) ~(1u << op.what);
	else if (op.kind == OP_EXIT || e->dies)
		end_stage(a, op.stage);
	else if (op.kind == OP_KILL)
		end_stage(a, op.what);
	else if (op.kind == OP_CLONE) {
		a->alive[op.what] = a->born[op.what] = true;
		a->holds[op.what] = a->holds[op.stage];
	} else if (op.kind == OP_WRITE) {
		int to = (int)end_peer((enum end)op.what);

		a->queue[to].by[a->queue[to].n++] = (int16_t)at;
	} else if (op.kind == OP_READ && e->written >= 0) {
		for (int i = 1; i < a->queue[op.what].n; i++)
			a->queue[op.what].by[i - 1] = a->queue[op.what].by[i];
		a->queue[op.what].n--;
	}
	for (int end = 0; end < ENDS; end++)
		if (e->unheld & 1u << end)
			a->queue[end].n = 0;
}
