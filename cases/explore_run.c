// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "explore.h"

#define STEP_MS 5000 /* guest time that one operation may take */
#define TURN_MS 50   /* guest time after which it is looked whether a stage died instead */

struct run {
	struct machine_run m;
	struct path *p;
	struct account a;
	json_t *facts;
};

static struct ctl_lane *lane_of(struct run *r, enum stage s)
{
	return &r->m.ctl->lane[s];
}

static bool has_arrived(struct run *r, enum stage s)
{
	struct ctl_lane *lane = lane_of(r, s);

	return __atomic_load_n(&lane->asked, __ATOMIC_SEQ_CST) > lane->granted;
}

static int failed(struct run *r, enum stage s, const char *what)
{
	const struct ctl_lane *lane = lane_of(r, s);
	const struct reaped *dead = stage_reaped(&r->m, s);

	fact_error(r->facts, "exploration: %s at %s (operation %d of this execution): %s%s%.0d",
		   stage_names[s], lane->at < POINTS ? point_info[lane->at].name : "?",
		   r->p->events + 1, what, dead ? ", wait status " : "", dead ? dead->status : 0);
	return -1;
}

/* @s stands before its next operation. */
static int await_arrival(struct run *r, enum stage s)
{
	uint32_t *word = &r->m.ctl->arrivals;
	int64_t deadline = now_ms() + STEP_MS;

	for (;;) {
		uint32_t now = __atomic_load_n(word, __ATOMIC_SEQ_CST);
		struct timespec limit = {.tv_nsec = TURN_MS * 1000000L};

		if (has_arrived(r, s))
			return 0;
		/* One that never came up is the setup's business. */
		if (stage_reaped(&r->m, s) && lane_of(r, s)->state == LANE_NEVER)
			return -1;
		if (stage_reaped(&r->m, s))
			return failed(r, s, "it died, which the account does not expect");
		if (now_ms() > deadline)
			return failed(r, s, "it does not come back");
		if (syscall(SYS_futex, word, FUTEX_WAIT, now, &limit, NULL, 0) < 0 &&
		    errno == ETIMEDOUT)
			machine_events(&r->m, 0);
	}
}

static int await_death(struct run *r, enum stage s)
{
	int64_t deadline = now_ms() + STEP_MS;

	while (!stage_reaped(&r->m, s)) {
		if (now_ms() > deadline)
			return failed(r, s, "it lives, which the account does not expect");
		machine_events(&r->m, TURN_MS);
	}
	return 0;
}

static void grant(struct run *r, enum stage s)
{
	ctl_signal(&lane_of(r, s)->granted);
}

static int arrive(struct run *r, enum stage s)
{
	int ret = await_arrival(r, s);

	if (!ret)
		r->a.next[s] = account_op(&r->a, r->m.ctl, s);
	return ret;
}

/* How @op of stage @s went: its last event but for points that are passed without asking. */
static const struct ctl_event *event_of(struct run *r, struct op op)
{
	const struct ctl_lane *lane = lane_of(r, (enum stage)op.stage);
	uint32_t n = lane->events;

	while (n > 1 && !point_is_step((enum point)lane->ring[(n - 1) % CTL_EVENTS].point))
		n--;
	return &lane->ring[(n - 1) % CTL_EVENTS];
}

/* What the kernel did is what the account says. */
static int compare(struct run *r, const struct event *e)
{
	enum stage s = (enum stage)e->op.stage;
	const struct ctl_event *real = event_of(r, e->op);
	bool ok = true;

	if (e->op.kind == OP_EXIT || e->dies)
		return 0;
	if (e->op.kind == OP_BAD)
		ok = real->errnum == EBADF;
	else if (e->op.kind == OP_CLOSE)
		ok = real->result == 0;
	else if (e->op.kind == OP_WRITE)
		ok = real->result == sizeof(uint32_t);
	else if (e->op.kind == OP_READ)
		ok = e->at_eof ? real->result <= 0 : real->result == sizeof(uint32_t);
	else if (e->op.kind == OP_CLONE)
		ok = real->result > 0;
	else if (e->op.kind == OP_MAP)
		ok = (real->result == 0) == r->a.alive[e->op.what];
	if (real->point != e->op.point || !ok)
		return failed(r, s, "it went otherwise than the account says");
	return 0;
}

/* Let @s do what it stands before, and wait until everybody concerned stands still again. */
static int step(struct run *r, enum stage s)
{
	struct op op = r->a.next[s];
	bool kills = op.kind == OP_KILL && r->a.alive[op.what];
	const struct event *e;
	int ret = 0;

	grant(r, s);
	path_add(r->p, &r->a, s);
	e = &r->p->event[r->p->events - 1];
	if (op.kind == OP_EXIT || e->dies)
		ret = await_death(r, s);
	else
		ret = await_arrival(r, s);
	if (!ret && kills)
		ret = await_death(r, (enum stage)op.what);
	if (!ret)
		ret = compare(r, e);
	if (!ret && r->a.alive[s])
		ret = arrive(r, s);
	if (!ret && op.kind == OP_CLONE)
		ret = arrive(r, (enum stage)op.what);
	return ret;
}

/* --- what came of it -------------------------------------------------------------------------- */

static void put_end(const struct run *r, int s, json_t *o)
{
	const struct reaped *dead = stage_reaped(&r->m, (enum stage)s);
	const struct look_stage *look = &r->m.look.stage[s];
	const char *killer = stage_killer(&r->m, s);

	if (r->m.ctl->lane[s].state == LANE_NEVER) {
		fact_put(o, "end", json_string("never"));
	} else if (stage_was_alive(&r->m, s)) {
		bool reads = look->call == CALL_READ && look->end < ENDS,
		     rests = look_at_rest(look);

		fact_put(o, "end", json_string(rests ? "blocked" : "running"));
		if (rests)
			fact_put(o, "reads", json_string(reads ? end_names[look->end] : "other"));
	} else if (dead && WIFEXITED(dead->status)) {
		fact_put(o, "end", json_string("exited"));
		fact_put(o, "status", json_integer(WEXITSTATUS(dead->status)));
	} else if (dead && WIFSIGNALED(dead->status)) {
		fact_put(o, "end", json_string("signaled"));
		fact_put(o, "signal", json_integer(WTERMSIG(dead->status)));
		if (killer)
			fact_put(o, "killed_by", json_string(killer));
	}
}

static void put_failure(json_t *a, int s, enum point pt, const char *problem, int errnum)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "stage", stage_names[s], "op", point_info[pt].name,
			      "problem", problem);

	fact_put_errno(o, errnum);
	json_array_append_new(a, o);
}

/* Operations of the protocol that failed, in the order of each stage. */
static json_t *failures(const struct run *r)
{
	json_t *a = json_array();

	for (int s = 0; s < STAGES; s++) {
		const struct ctl_lane *lane = &r->m.ctl->lane[s];
		const struct reaped *dead = stage_reaped(&r->m, (enum stage)s);

		for (uint32_t i = 0; i < lane->events && i < CTL_EVENTS; i++) {
			const struct ctl_event *e = &lane->ring[i];
			bool maps = e->point == POINT_WRITE_MAPS || e->point == POINT_WRITE_OFFSETS;
			bool use = e->kind != FD_NOT_LOOKED;

			if (e->errnum == EBADF)
				put_failure(a, s, (enum point)e->point, "ebadf", e->errnum);
			else if ((use || maps) && e->errnum)
				put_failure(a, s, (enum point)e->point, "other", e->errnum);
			else if (use && e->result == 0)
				put_failure(a, s, (enum point)e->point, "eof", 0);
		}
		if (dead && WIFSIGNALED(dead->status) && WTERMSIG(dead->status) == SIGPIPE)
			put_failure(a, s, (enum point)lane->at, "epipe", 0);
	}
	return a;
}

static bool saw_foreign(const struct run *r)
{
	for (int s = 0; s < STAGES; s++) {
		const struct ctl_lane *lane = &r->m.ctl->lane[s];

		for (uint32_t i = 0; i < lane->events && i < CTL_EVENTS; i++) {
			const struct ctl_event *e = &lane->ring[i];
			int g = e->point == POINT_LOAD_SYNCFD ? GLOBAL_SYNCFD : GLOBAL_STAGE;

			if (e->is_load && e->value[g] != e->want[g])
				return true;
		}
	}
	return false;
}

static void put_outcome(const struct run *r, struct execution_facts *out)
{
	json_t *stages = json_array();

	out->outcome = json_object();
	for (int s = 0; s < STAGES; s++) {
		json_t *o = json_pack("{s:s}", "stage", stage_names[s]);

		put_end(r, s, o);
		json_array_append_new(stages, o);
	}
	fact_put(out->outcome, "stages", stages);
	fact_put(out->outcome, "failures", failures(r));
	facts_stop(&r->m, out->outcome);
	out->foreign = saw_foreign(r);
}

/* --- the execution ---------------------------------------------------------------------------- */

/*
 * All that cannot go on is let go: now the kernel says whether it really cannot. Whoever does all
 * the same has passed a point more than it was granted.
 */
static int let_go(struct run *r)
{
	uint32_t events[STAGES];
	int ret;

	for (int s = 0; s < STAGES; s++) {
		events[s] = lane_of(r, (enum stage)s)->events;
		if (r->a.alive[s])
			grant(r, (enum stage)s);
	}
	ret = machine_watch(&r->m, r->facts);
	for (int s = 0; s < STAGES && !ret; s++)
		if (r->a.alive[s] && lane_of(r, (enum stage)s)->events != events[s])
			ret = failed(r, (enum stage)s,
				     "it reads what the account says is not there");
	return ret;
}

static enum execution stopped(struct run *r, enum path_next next)
{
	if (next == PATH_REDUNDANT)
		return machine_end(&r->m, r->facts) < 0 ? EXEC_FAILED : EXEC_REDUNDANT;
	if (next == PATH_TOO_LONG)
		fact_error(r->facts, "exploration: an execution of more than %d operations",
			   r->p->events);
	else
		fact_error(r->facts,
			   "exploration: after the same %d operations the machine stands elsewhere",
			   r->p->events);
	return EXEC_FAILED;
}

static enum execution follow(struct run *r, struct execution_facts *out)
{
	enum stage s = STAGE_PARENT;
	enum path_next next = PATH_GO;
	int ret = arrive(r, STAGE_PARENT);

	while (!ret && (next = path_choose(r->p, &r->a, &s)) == PATH_GO)
		ret = step(r, s);
	if (ret < 0)
		return EXEC_FAILED;
	if (next != PATH_END)
		return stopped(r, next);
	if (let_go(r) < 0)
		return EXEC_FAILED;
	put_outcome(r, out);
	out->witness = path_witness(r->p, &r->a);
	return EXEC_COMPLETE;
}

enum execution explore_execute(const struct case_env *env, const json_t *params, struct path *p,
			       struct execution_facts *out, json_t *facts)
{
	struct run r = {.p = p, .facts = facts};
	enum execution how = EXEC_FAILED;

	*out = (struct execution_facts){0};
	account_start(&r.a);
	if (machine_open(&r.m, env, params, facts) == 0 && image_open(&r.m, facts) == 0) {
		r.m.ctl->stepped = 1;
		if (machine_start(&r.m, facts) == 0) {
			how = follow(&r, out);
			if (how == EXEC_FAILED)
				machine_end(&r.m, facts);
			if (!machine_is_meaningful(&r.m, facts))
				how = EXEC_FAILED;
		}
	}
	if (r.m.ctl && !json_object_get(facts, "setup"))
		facts_image(&r.m, facts);
	machine_close(&r.m);
	return how;
}
