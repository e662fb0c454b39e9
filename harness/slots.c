// SPDX-License-Identifier: GPL-2.0-or-later
#include "slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sig.h"
#include "watchdog.h"
#include "xalloc.h"

struct message {
	enum { WANT, DONE } op;
	unsigned id, cost_ms;
};

int slots_pair(int fds[2], struct err *err)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return err_set(err, ERR_INFRA, errno, "make a socket for a worker");
	return 0;
}

static int say(int fd, struct message m, struct err *err)
{
	while (send(fd, &m, sizeof(m), MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return err_set(err, ERR_INFRA, errno, "tell the driver about a machine");
	return 0;
}

int slots_want(int fd, unsigned id, unsigned cost_ms, struct err *err)
{
	return say(fd, (struct message){WANT, id, cost_ms}, err);
}

int slots_done(int fd, unsigned id, struct err *err)
{
	return say(fd, (struct message){.op = DONE, .id = id}, err);
}

int slots_granted(int fd, struct err *err)
{
	unsigned id;

	/* A driver that was told to stop grants nothing more. */
	if (!sig_wait(fd))
		return err_set(err, ERR_INFRA, EINTR, "wait for a free machine");
	ssize_t n = recv(fd, &id, sizeof(id), 0);

	if (n != sizeof(id))
		return err_set(err, ERR_INFRA, n < 0 ? errno : EPIPE, "wait for a free machine");
	return (int)id;
}

int slots_take(int fd, unsigned id, unsigned cost_ms, struct err *err)
{
	int ret = slots_want(fd, id, cost_ms, err);

	if (!ret)
		ret = slots_granted(fd, err);
	return ret < 0 ? ret : 0;
}

static struct want *find(struct sched *s, size_t worker, unsigned id)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].worker == worker && s->v[i].id == id)
			return &s->v[i];
	return NULL;
}

static void drop(struct sched *s, struct want *w)
{
	s->running -= w->running;
	*w = s->v[--s->n];
}

int sched_take(struct sched *s, size_t worker, int fd)
{
	struct message m;

	if (recv(fd, &m, sizeof(m), MSG_DONTWAIT) != sizeof(m))
		return -1;
	if (m.op == WANT) {
		s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
		s->v[s->n++] = (struct want){.worker = worker, .id = m.id, .cost_ms = m.cost_ms};
		return 0;
	}
	struct want *w = find(s, worker, m.id);

	if (w) {
		s->done_ms += w->cost_ms;
		s->busy_s += watchdog_now() - w->since;
		drop(s, w);
	}
	return 0;
}

/* The longest; of equals the first worker's, so that a kernel's controls do not wait for others. */
static struct want *choose(struct sched *s)
{
	struct want *best = NULL;

	for (size_t i = 0; i < s->n; i++) {
		struct want *w = &s->v[i];

		if (w->running)
			continue;
		if (!best || w->cost_ms > best->cost_ms ||
		    (w->cost_ms == best->cost_ms &&
		     (w->worker < best->worker || (w->worker == best->worker && w->id < best->id))))
			best = w;
	}
	return best;
}

void sched_grant(struct sched *s, int (*fd_of)(void *arg, size_t worker), void *arg)
{
	struct want *w;

	while (s->running < s->slots && (w = choose(s))) {
		ssize_t n = send(fd_of(arg, w->worker), &w->id, sizeof(w->id), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			drop(s, w); /* it is gone; so will be its other wishes */
			continue;
		}
		w->running = true;
		w->since = watchdog_now();
		s->running++;
	}
}

void sched_forget(struct sched *s, size_t worker)
{
	for (size_t i = s->n; i-- > 0;)
		if (s->v[i].worker == worker)
			drop(s, &s->v[i]);
}

double sched_left_s(const struct sched *s)
{
	double left_ms = 0, begun_s = 0;

	if (!(s->done_ms > 0))
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		left_ms += s->v[i].cost_ms;
		begun_s += s->v[i].running ? watchdog_now() - s->v[i].since : 0;
	}
	double left = left_ms * s->busy_s / s->done_ms - begun_s;

	return left > 0 ? left / s->slots : 0;
}

void sched_free(struct sched *s)
{
	free(s->v);
	*s = (struct sched){0};
}
