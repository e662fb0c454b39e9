// SPDX-License-Identifier: GPL-2.0-or-later
/* Case "machine": one run of the reference nsexec stage machine, watched from its launcher. */
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Any of them, best first; it only has to be a place for a nameless file. */
static const char *const control_paths[] = {
	"/run/nsexec.XXXXXX",
	"/tmp/nsexec.XXXXXX",
	"/nsexec.XXXXXX",
};

static int open_nameless(void)
{
	for (size_t i = 0; i < sizeof(control_paths) / sizeof(*control_paths); i++) {
		char path[64];
		int fd;

		strcpy(path, control_paths[i]);
		fd = mkostemp(path, O_CLOEXEC);
		if (fd >= 0) {
			unlink(path);
			return fd;
		}
	}
	/* Android has none of them. It is shared, has no seals, and nobody runs from it. */
	return (int)syscall(SYS_memfd_create, "nsexec control", MFD_CLOEXEC);
}

static int make_control(struct machine_run *run, json_t *facts)
{
	void *p = MAP_FAILED;

	run->ctl_fd = open_nameless();
	if (run->ctl_fd >= 0 && ftruncate(run->ctl_fd, sizeof(struct control)) == 0)
		p = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED,
			 run->ctl_fd, 0);
	if (p == MAP_FAILED) {
		fact_error(facts, "control page: %s", strerror(errno));
		return -1;
	}
	run->ctl = p;
	run->ctl->fault = run->p.fault;
	run->ctl->maker_stage0 = run->p.stage0;
	run->ctl->image = run->p.image;
	run->ctl->via = run->p.via;
	run->ctl->want_seals = run->p.history ? run->p.history->seals[0].mask : run->p.seals;
	run->ctl->supervisor = getpid();
	run->ctl->variant = run->env->index;
	run->ctl->seals = -1;
	return 0;
}

/* SIGCHLD comes through a descriptor, and orphans of the machine to this process. */
static int take_charge(struct machine_run *run, json_t *facts)
{
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &run->old_mask);
	prctl(PR_GET_CHILD_SUBREAPER, &run->old_subreaper, 0, 0, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	run->sig_fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	run->log = malloc(LOG_MAX);
	if (run->sig_fd < 0 || !run->log) {
		fact_error(facts, "signalfd: %s", strerror(errno));
		return -1;
	}
	return 0;
}

void machine_close(struct machine_run *run)
{
	const int fds[] = {run->ctl_fd, run->exe_fd, run->init_fd, run->log_fd, run->sig_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	if (run->ctl)
		munmap(run->ctl, sizeof(*run->ctl));
	free(run->log);
	if (!run->in_charge)
		return;
	prctl(PR_SET_CHILD_SUBREAPER, (unsigned long)run->old_subreaper, 0, 0, 0);
	sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
}

/* C's failed unshare() is the kernel lacking a namespace. */
static void note_unshare(struct machine_run *run)
{
	const struct ctl_lane *c = &run->ctl->lane[STAGE_CHILD];

	for (uint32_t i = 0; i < c->events && i < CTL_EVENTS; i++) {
		const struct ctl_event *e = &c->ring[i];

		if ((e->point == POINT_UNSHARE || e->point == POINT_UNSHARE_USER) && e->errnum)
			ctl_note(run->ctl, e->errnum, false, "unshare %#x", run->p.clone_flags);
	}
}

bool machine_is_meaningful(struct machine_run *run, json_t *facts)
{
	const struct reaped *p = stage_reaped(run, STAGE_PARENT);

	if (run->ctl->exec_errno)
		ctl_note(run->ctl, run->ctl->exec_errno, false, "exec");
	note_unshare(run);
	for (uint32_t i = 0; i < run->ctl->n_setup && i < CTL_SETUP; i++) {
		const struct ctl_setup *s = &run->ctl->setup[i];

		if (!s->errnum || s->optional)
			continue;
		if (image_lacks(run, s->step, s->errnum))
			fact_unsupported(facts, s->step, s->errnum);
		else
			fact_error(facts, "%s: %s", s->step, strerror(s->errnum));
		return false;
	}
	if (run->ctl->lane[STAGE_PARENT].state != LANE_NEVER)
		return true;
	fact_error(facts, "stage 0 did not come up: wait status %#x", p ? p->status : 0);
	return false;
}

static void report(struct machine_run *run, json_t *facts)
{
	bool meaningful = machine_is_meaningful(run, facts);

	facts_setup(run, facts);
	if (!meaningful)
		return;
	facts_machine(run, facts);
	facts_events(run, facts);
	facts_memory(run, facts);
	facts_log(run, facts);
	facts_stop(run, facts);
}

/*
 * A kernel without, say, IPC namespaces runs containers all the same, and has the same memory. Of
 * the namespaces of a plain container those that it lacks are left out, and that is said; one that
 * the variant is about is not.
 */
static void leave_out_namespaces(struct machine_run *run)
{
	static const struct {
		const char *name;
		uint32_t flag;
	} plain[] = {{"pid", CLONE_NEWPID},
		     {"mnt", CLONE_NEWNS},
		     {"uts", CLONE_NEWUTS},
		     {"ipc", CLONE_NEWIPC}};

	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		if (!(run->env->lacks_ns & run->p.clone_flags & plain[i].flag))
			continue;
		run->p.clone_flags &= ~plain[i].flag;
		ctl_note(run->ctl, EINVAL, true, "namespace %s", plain[i].name);
	}
}

int machine_open(struct machine_run *run, const struct case_env *env, const json_t *params,
		 json_t *facts)
{
	*run = (struct machine_run){
		.env = env,
		.ctl_fd = -1,
		.exe_fd = -1,
		.init_fd = -1,
		.log_fd = -1,
		.sig_fd = -1,
	};
	if (params_parse(params, &run->p, facts) < 0)
		return -1;
	if (run->p.joins && env->lacks_ns & CLONE_NEWIPC) {
		fact_unsupported(facts, "join ipc", EINVAL);
		return -1;
	}
	run->in_charge = true;
	if (take_charge(run, facts) < 0 || make_control(run, facts) < 0)
		return -1;
	leave_out_namespaces(run);
	return schedule_set(run->ctl, &run->p, facts);
}

void case_machine(const struct case_env *env, const json_t *params, json_t *facts)
{
	struct machine_run run;

	if (machine_open(&run, env, params, facts) == 0) {
		if (image_open(&run, facts) < 0)
			facts_setup(&run, facts);
		else if (machine_start(&run, facts) == 0 && machine_watch(&run, facts) == 0)
			report(&run, facts);
	}
	machine_close(&run);
}
