// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A snapshot that holds for one instant: every stage is looked at, then the queues and the
 * descriptors, then every stage again. A stage that slept both times with the same count of context
 * switches and points slept in between, so all of it was true at once.
 */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine.h"

/*
 * Where the kernel does not show system calls, a stage's own account does: from the moment that it
 * has written down the descriptor to the end of an operation that reads, it makes one system call.
 */
static void look_account(const struct ctl_lane *lane, struct look_stage *s)
{
	uint32_t at = __atomic_load_n(&lane->at, __ATOMIC_SEQ_CST);
	int fd = __atomic_load_n(&lane->at_fd, __ATOMIC_SEQ_CST);

	if (s->call != CALL_UNKNOWN || s->state != 'S' || fd < 0 || at >= POINTS ||
	    strncmp(point_info[at].name, "read-", 5) ||
	    !__atomic_load_n(&lane->in_op, __ATOMIC_SEQ_CST))
		return;
	s->call = CALL_READ;
	s->by_account = true;
	s->nr = SYS_read;
	s->fd = fd;
}

static void look_stage(const struct machine_run *run, enum stage s, struct look_stage *out)
{
	const struct ctl_lane *lane = &run->ctl->lane[s];
	pid_t pid = stage_pid(run, s);

	*out = (struct look_stage){.alive = pid > 0 && !stage_reaped(run, s), .end = END_NONE};
	if (!out->alive)
		return;
	out->held_by = lane->held;
	out->held = __atomic_load_n(&lane->state, __ATOMIC_SEQ_CST) == LANE_HELD &&
		    !constraint_met(run->ctl, &run->ctl->constraint[out->held_by]);
	out->events = __atomic_load_n(&lane->events, __ATOMIC_SEQ_CST);
	proc_look(pid, out);
	look_account(lane, out);
	proc_look_fds(pid, run->ctl->end_ino, out);
}

static void look_foreign(const struct machine_run *run, struct look *look)
{
	pid_t pids[REAPED_MAX];
	int n = proc_children(pids, REAPED_MAX);
	unsigned own;

	look->foreign_unknown = n < 0 || n == REAPED_MAX;
	for (int i = 0; i < n; i++) {
		bool stage = false;
		unsigned holds;

		for (int s = 0; s < STAGES; s++)
			stage |= pids[i] == stage_pid(run, (enum stage)s);
		if (stage || proc_is_dead(pids[i]))
			continue;
		look->foreign_unknown |= !proc_holds(pids[i], run->ctl->end_ino, &holds);
		look->foreign |= holds;
		look->outsiders = true;
	}
	/* This process must hold none; if it ever does, that is no deadlock either. */
	look->foreign_unknown |= !proc_holds(getpid(), run->ctl->end_ino, &own);
	look->foreign |= own;
}

void look_at(const struct machine_run *run, struct look *look)
{
	*look = (struct look){0};
	for (int i = 0; i < STAGES; i++)
		look_stage(run, (enum stage)i, &look->stage[i]);
	queues_look(run, look);
	look_foreign(run, look);
	for (int i = 0; i < STAGES; i++) {
		struct look_stage *s = &look->stage[i], again = *s;
		const struct ctl_lane *lane = &run->ctl->lane[i];

		if (!s->alive)
			continue;
		proc_look(stage_pid(run, (enum stage)i), &again);
		look_account(lane, &again);
		s->moved = again.state != s->state || again.call != s->call || again.fd != s->fd ||
			   again.switches != s->switches ||
			   __atomic_load_n(&lane->events, __ATOMIC_SEQ_CST) != s->events ||
			   /* let go meanwhile: it may rest by now, and has passed no point yet */
			   (s->held && constraint_met(run->ctl, &run->ctl->constraint[s->held_by]));
	}
}
