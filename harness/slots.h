/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who may run a machine now. The workers (one process per kernel) say what they want to run and
 * what it will cost, the driver grants it: so many at once for all kernels together, longest first.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* --- the worker's end ------------------------------------------------------------------------- */

/* Ask for a slot. Grants come in any order. */
int slots_want(int fd, unsigned id, unsigned cost_ms, struct err *err);
/* Ask for one and wait for it; for a worker that has asked for nothing else. */
int slots_take(int fd, unsigned id, unsigned cost_ms, struct err *err);
/* Give it back. */
int slots_done(int fd, unsigned id, struct err *err);
/* Wait for the next grant: its id, or -EINTR (see sig.h), or another error. */
int slots_granted(int fd, struct err *err);

/* --- the driver's end ------------------------------------------------------------------------- */

struct want {
	size_t worker;
	unsigned id, cost_ms;
	bool running;
	double since; /* when it was granted */
};

struct sched {
	unsigned slots;
	struct want *v;
	size_t n, running;
	double done_ms, busy_s; /* what was given back: its cost, and how long it took */
};

/* A socketpair; [1] is the worker's. */
int slots_pair(int fds[2], struct err *err);
/* Take what worker @w says on @fd. 0, or -1 when nothing (more) is there. */
int sched_take(struct sched *s, size_t w, int fd);
/* Grant what can be granted; fd_of() gives the socket of a worker. */
void sched_grant(struct sched *s, int (*fd_of)(void *arg, size_t worker), void *arg);
/* Worker @w has ended: whatever it held is free. */
void sched_forget(struct sched *s, size_t w);
/* How long what is running and wanted will take, as costs have held so far; -1: nobody knows. */
double sched_left_s(const struct sched *s);
void sched_free(struct sched *s);
