// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "globals.h"
#include "nsexec.h"

static void wait_met(struct machine *m, uint32_t i)
{
	uint32_t *tick = &m->ctl->tick;

	for (;;) {
		uint32_t now = __atomic_load_n(tick, __ATOMIC_SEQ_CST);

		if (constraint_met(m->ctl, &m->ctl->constraint[i]))
			break;
		m->lane->held = i;
		__atomic_store_n(&m->lane->state, LANE_HELD, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, tick, FUTEX_WAIT, now, NULL, NULL, 0);
	}
	__atomic_store_n(&m->lane->state, LANE_RUNNING, __ATOMIC_SEQ_CST);
}

/* The supervisor of an exploration says who goes on. */
static void wait_turn(struct machine *m)
{
	struct ctl_lane *lane = m->lane;
	uint32_t turn = lane->asked + 1;

	__atomic_store_n(&lane->asked, turn, __ATOMIC_SEQ_CST);
	ctl_signal(&m->ctl->arrivals);
	for (;;) {
		uint32_t now = __atomic_load_n(&lane->granted, __ATOMIC_SEQ_CST);

		if (now >= turn)
			return;
		syscall(SYS_futex, &lane->granted, FUTEX_WAIT, now, NULL, NULL, 0);
	}
}

/* Its arguments are in registers whatever the compiler makes of the callers. */
__attribute__((noipa)) void point_reached(struct machine *m, enum point pt)
{
	__asm__ volatile("" : : "r"(m), "r"(pt));
}

void point_begin(struct machine *m, enum point pt)
{
	int saved = errno;

	m->lane->at = pt;
	m->lane->at_fd = -1;
	m->lane->at_ino = 0;
	for (uint32_t i = 0; i < m->ctl->n_constraints; i++) {
		const struct ctl_constraint *c = &m->ctl->constraint[i];

		if (c->after_stage == m->self && c->after_point == pt &&
		    c->after_nth == m->lane->passed[pt] + 1)
			wait_met(m, i);
	}
	if (m->ctl->stepped && point_is_step(pt))
		wait_turn(m);
	m->lane->in_op = 1;
	point_reached(m, pt);
	errno = saved;
}

/* Complete only once a process is gone, which its reaper sees: the supervisor passes it. */
static bool ends_with_a_death(enum point pt, int result)
{
	return pt == POINT_EXIT || ((pt == POINT_KILL_C || pt == POINT_KILL_I) && result == 0);
}

/*
 * One store meets every constraint on this passing at once: whoever goes on may kill this stage
 * before it comes to wake the others (the supervisor then does, see ctl_tick()).
 */
static void pass(struct machine *m, enum point pt, int result)
{
	uint16_t n;

	if (ends_with_a_death(pt, result))
		return;
	n = __atomic_add_fetch(&m->lane->passed[pt], 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < m->ctl->n_constraints; i++) {
		const struct ctl_constraint *c = &m->ctl->constraint[i];

		if (c->before_stage == m->self && c->before_point == pt && c->before_nth == n)
			ctl_tick(m->ctl);
	}
}

void load_globals(const struct machine *m, struct ctl_event *e)
{
	e->value[GLOBAL_STAGE] = GLOBAL(current_stage);
	e->value[GLOBAL_SYNCFD] = GLOBAL(syncfd);
	e->value[GLOBAL_LOGFD] = GLOBAL(logfd);
	e->value[GLOBAL_LOGLEVEL] = GLOBAL(loglevel);
	for (int g = 0; g < GLOBALS; g++)
		e->want[g] = m->want[g];
}

void point_end(struct machine *m, enum point pt, const struct ctl_event *what)
{
	int saved = errno;
	uint32_t n = m->lane->events;
	struct ctl_event *e = &m->lane->ring[n % CTL_EVENTS];

	*e = *what;
	if (!e->is_load)
		load_globals(m, e);
	e->point = (uint8_t)pt;
	e->want_end = (uint8_t)m->want_end;
	e->seq = ctl_next_seq(m->ctl);
	m->lane->in_op = 0;
	__atomic_store_n(&m->lane->events, n + 1, __ATOMIC_RELEASE);
	pass(m, pt, what->result);
	errno = saved;
}

void point_end_result(struct machine *m, enum point pt, int result)
{
	struct ctl_event e = {.fd = -1, .result = result, .errnum = result < 0 ? errno : 0};

	point_end(m, pt, &e);
}

/* "PID (NAME) STATE PPID …", NAME being anything. */
static void read_real_pids(struct ctl_lane *lane)
{
	char buf[256];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;

	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	close(fd);
	if (n <= 0)
		return;
	buf[n] = '\0';

	const char *rest = strrchr(buf, ')');

	if (!rest || strlen(rest) < 5)
		return;
	lane->real_pid = (int32_t)strtol(buf, NULL, 10);
	lane->real_parent = (int32_t)strtol(rest + 4, NULL, 10);
}

void lane_enter(struct machine *m, enum stage self)
{
	m->self = self;
	m->lane = &m->ctl->lane[self];
	m->lane->pid = getpid();
	read_real_pids(m->lane);
	__atomic_store_n(&m->lane->state, LANE_RUNNING, __ATOMIC_SEQ_CST);
	point_begin(m, POINT_ENTRY);
	point_end_result(m, POINT_ENTRY, 0);
}
