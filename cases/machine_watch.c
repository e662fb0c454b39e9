// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "machine.h"

#define LOOK_MS 10   /* guest time without an event before the stages are looked at */
#define REAP_MS 5000 /* guest time that killed processes have to go away */

pid_t stage_pid(const struct machine_run *run, enum stage s)
{
	const struct ctl_lane *lane = &run->ctl->lane[s];

	if (s == STAGE_PARENT)
		return run->parent;
	/* What /proc shows comes before what clone() said; the latter is there earlier. */
	return lane->real_pid > 0 ? lane->real_pid : lane->told_pid > 0 ? lane->told_pid : 0;
}

const struct reaped *stage_reaped(const struct machine_run *run, enum stage s)
{
	pid_t pid = stage_pid(run, s);

	for (size_t i = 0; pid && i < run->n_reaped; i++) {
		if (run->reaped[i].pid == pid)
			return &run->reaped[i];
	}
	return NULL;
}

/* C may be waiting for a stage that will never come. */
static void tell_dead(struct machine_run *run, pid_t pid)
{
	uint32_t *ready = &run->ctl->lane[STAGE_INIT].ready;

	if (pid != stage_pid(run, STAGE_INIT))
		return;
	__atomic_store_n(ready, 2, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, ready, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void pass(struct ctl_lane *lane, uint32_t pt)
{
	if (pt < POINTS)
		__atomic_add_fetch(&lane->passed[pt], 1, __ATOMIC_SEQ_CST);
}

/* The points that are passed with the death of @pid: schedule.h. */
static void pass_death(struct machine_run *run, pid_t pid)
{
	for (int s = 0; s < STAGES; s++) {
		struct ctl_lane *lane = &run->ctl->lane[s];

		if (pid != stage_pid(run, (enum stage)s))
			continue;
		if (lane->in_op || lane->at == POINT_EXIT)
			pass(lane, lane->at);
		if (lane->killed_by && lane->killed_by <= STAGES)
			pass(&run->ctl->lane[lane->killed_by - 1],
			     s == STAGE_CHILD ? POINT_KILL_C : POINT_KILL_I);
	}
}

static void reap(struct machine_run *run)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid <= 0) {
			run->childless = pid < 0 && errno == ECHILD;
			return;
		}
		if (run->n_reaped < REAPED_MAX)
			run->reaped[run->n_reaped++] = (struct reaped){pid, status, run->cleaning};
		tell_dead(run, pid);
		pass_death(run, pid);
		/* It may have died between passing a point and waking those who wait for it. */
		ctl_tick(run->ctl);
	}
}

/* What there is, up to @max of it; sets @eof. True when the writer sent more than is kept. */
static bool drain(int fd, char *buf, size_t *len, size_t max, bool *eof)
{
	char rest[512];
	bool full = *len == max;
	ssize_t n = full ? read(fd, rest, sizeof(rest)) : read(fd, buf + *len, max - *len);

	if (n > 0 && !full)
		*len += (size_t)n;
	*eof = n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
	return full && n > 0;
}

/*
 * The log is read when nothing else happens, or a full pipe holds its writer up: woken for each of
 * its lines, this process would take the only vCPU from the stages once a line.
 */
int machine_events(struct machine_run *run, long timeout)
{
	struct pollfd p[] = {
		{.fd = run->sig_fd, .events = POLLIN},
		{.fd = run->init_eof ? -1 : run->init_fd, .events = POLLIN},
		{.fd = run->log_eof ? -1 : run->log_fd, .events = POLLIN},
	};
	/* Only when nobody is left to write to it is its end worth waiting for. */
	int n = poll(p, run->childless ? 3 : 2, timeout < 0 ? 0 : (int)timeout);

	if (n == 0)
		n = poll(p, 3, 0);
	if (n <= 0)
		return n;
	if (p[0].revents) {
		struct signalfd_siginfo info[4];

		if (read(run->sig_fd, info, sizeof(info)) > 0)
			reap(run);
	}
	if (p[1].revents)
		drain(run->init_fd, run->init, &run->init_len, sizeof(run->init) - 1,
		      &run->init_eof);
	if (p[2].revents)
		run->log_flood |=
			drain(run->log_fd, run->log, &run->log_len, LOG_MAX, &run->log_eof);
	return n;
}

static bool is_complete(const struct machine_run *run)
{
	for (int s = 0; s < STAGES; s++) {
		const struct reaped *r = stage_reaped(run, (enum stage)s);

		if (!r || !WIFEXITED(r->status) || WEXITSTATUS(r->status))
			return false;
	}
	return run->ctl->lane[STAGE_INIT].returned;
}

/* What was seen of a reader that was not woken. */
struct lost {
	struct look_stage stage;
	bool eof;
};

/* A wake-up is called lost only when it still is at the next look, nothing having happened. */
static bool is_lost_again(const struct machine_run *run, struct lost *before)
{
	const struct look_stage *s = &run->look.stage[run->proof.lost], *b = &before->stage;
	bool lost = run->proof.state == PROOF_LOST;
	bool again = lost && b->alive && b->switches == s->switches && b->events == s->events &&
		     b->end == s->end && before->eof == run->proof.eof;

	*before = lost ? (struct lost){*s, run->proof.eof} : (struct lost){0};
	return again;
}

static enum stop watch(struct machine_run *run)
{
	int64_t deadline = now_ms() + run->env->deadline_ms;
	struct lost lost = {0};

	for (;;) {
		long left = deadline - now_ms();

		if (run->childless && run->log_eof && run->init_eof) {
			/* What an earlier look saw is over. */
			run->look = (struct look){0};
			run->proof = (struct proof){0};
			return is_complete(run) ? STOP_COMPLETE : STOP_ENDED;
		}
		if (left <= 0) {
			look_at(run, &run->look);
			prove(&run->look, &run->proof);
			return STOP_DEADLINE;
		}
		if (machine_events(run, left < LOOK_MS ? left : LOOK_MS))
			continue;
		look_at(run, &run->look);
		prove(&run->look, &run->proof);
		if (run->proof.state == PROOF_DEADLOCK || run->proof.state == PROOF_HELD ||
		    is_lost_again(run, &lost))
			return STOP_QUIESCENT;
	}
}

static void kill_all(void)
{
	pid_t pids[REAPED_MAX];
	int n = proc_children(pids, REAPED_MAX);

	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
}

static void signal_stages(const struct machine_run *run, int sig)
{
	for (int s = 0; s < STAGES; s++) {
		pid_t pid = stage_pid(run, (enum stage)s);

		if (pid > 0 && !stage_reaped(run, (enum stage)s))
			kill(pid, sig);
	}
}

/* Kill what is left, and wait until it is gone: the members of a pid namespace take a moment. */
int machine_end(struct machine_run *run, json_t *facts)
{
	int64_t deadline = now_ms() + REAP_MS;
	bool log_eof = run->log_eof, init_eof = run->init_eof;

	reap(run);
	/* All are stopped before the first one dies: its end would let others go on and be seen to.
	 */
	signal_stages(run, SIGSTOP);
	signal_stages(run, SIGKILL);
	run->cleaning = true;
	while (!run->childless && now_ms() < deadline) {
		kill_all();
		machine_events(run, LOOK_MS);
		reap(run);
	}
	run->log_eof = log_eof;
	run->init_eof = init_eof;
	if (!run->childless) {
		fact_error(facts, "processes of the machine are still there %d ms after SIGKILL",
			   REAP_MS);
		return -1;
	}
	return 0;
}

static unsigned count_strays(const struct machine_run *run)
{
	unsigned strays = (unsigned)run->n_reaped;

	for (int s = 0; s < STAGES; s++)
		strays -= stage_reaped(run, (enum stage)s) != NULL;
	return strays;
}

int machine_watch(struct machine_run *run, json_t *facts)
{
	run->stop = watch(run);

	int ret = machine_end(run, facts);

	run->strays = count_strays(run);
	return ret;
}
