// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "globals.h"
#include "nsexec.h"

struct jump {
	struct machine *m;
	enum stage stage;
};

/* Leave the small stack at once, for the context that P saved. */
static int jump_to_stage(void *arg)
{
	const struct jump *j = arg;

	longjmp(j->m->env, j->stage);
}

pid_t clone_stage(struct machine *m, enum point pt, enum stage child)
{
	char stack[4096] __attribute__((aligned(16)));
	struct jump jump = {.m = m, .stage = child};
	pid_t pid;

	point_begin(m, pt);
	m->ctl->lane[child].birth = ctl_next_seq(m->ctl);
	pid = clone(jump_to_stage, stack + sizeof(stack), CLONE_PARENT | SIGCHLD, &jump);
	m->ctl->lane[child].told_pid = pid;
	point_end_result(m, pt, pid);
	return pid;
}

static int env_number(const char *name, int missing)
{
	const char *s = getenv(name);

	return s && *s ? atoi(s) : missing;
}

static void make_pair(struct machine *m, enum end a)
{
	int sv[2];

	/* Without CLOEXEC, as the protocol's descriptors outlive nothing but the machine. */
	if (socketpair(AF_LOCAL, SOCK_STREAM, 0, sv) < 0)
		die(m, "failed to create the %s socketpair", end_names[a]);
	m->fd[a] = sv[0];
	m->fd[a + 1] = sv[1];
}

/* What the supervisor knows the ends by. */
static void note_ends(struct machine *m)
{
	for (int e = 0; e < ENDS; e++) {
		struct stat st;

		m->ctl->end_fd[e] = m->fd[e];
		if (fstat(m->fd[e], &st) == 0)
			m->ctl->end_ino[e] = st.st_ino;
	}
}

static void set_up(struct machine *m)
{
	lane_enter(m, STAGE_PARENT);
	GLOBAL(logfd) = m->want[GLOBAL_LOGFD] = env_number(CTL_ENV_LOGPIPE, -1);
	GLOBAL(loglevel) = m->want[GLOBAL_LOGLEVEL] = env_number(CTL_ENV_LOGLEVEL, LOG_DEBUG);
	m->initfd = env_number(CTL_ENV_INITPIPE, -1);
	write_log(m, LOG_DEBUG, "=> nsexec container setup");
	read_bootstrap(m);
	if (m->cfg.oom_score_adj && write_oom_score_adj(m) < 0)
		die(m, "failed to write oom_score_adj");
	if (m->cfg.ns_paths && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		die(m, "failed to become undumpable");
	make_pair(m, END_C0);
	make_pair(m, END_G0);
	note_ends(m);
}

void nsexec(struct machine *m)
{
	set_up(m);
	canary_setup(m);
	if (m->ctl->fault == FAULT_SHARED_GLOBALS)
		inject_fault(m);

	switch (setjmp(m->env)) {
	case STAGE_PARENT:
		stage_parent(m);
	case STAGE_CHILD:
		stage_child(m);
	case STAGE_INIT:
		stage_init(m);
		return;
	}
	die(m, "impossible jump");
}
