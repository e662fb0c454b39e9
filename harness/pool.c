// SPDX-License-Identifier: GPL-2.0-or-later
#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "host.h"
#include "sig.h"
#include "slots.h"
#include "watchdog.h"
#include "xalloc.h"

#define REFRESH_MS  200
#define WORKERS_MAX 64 /* most of them wait, for a download or for their turn */

struct worker {
	pid_t pid; /* 0: not running */
	int fd, slots;
	double started;
};

/* The driver's view of all workers. */
struct pool {
	struct worker *w;
	struct pollfd *p; /* for each worker its messages, and then for each its wishes */
	size_t n, next, running;
	struct sched sched;
	struct display *display;
};

static void pool_free(struct pool *p)
{
	free(p->w);
	free(p->p);
	sched_free(&p->sched);
}

static int start(struct worker *w, size_t i, const char *name, pool_fn *fn, void *arg,
		 struct err *err)
{
	int pipefd[2];
	pid_t parent = getpid();

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_set(err, ERR_INFRA, errno, "start a worker for %s: pipe", name);
	_cleanup_close_ int rd = pipefd[0], wr = pipefd[1];
	int pair[2];

	if (slots_pair(pair, err) < 0)
		return -EMFILE;
	_cleanup_close_ int ours = pair[0], theirs = pair[1];

	fflush(NULL); /* or the child would print our buffers again */
	w->pid = fork();
	if (w->pid < 0) {
		w->pid = 0;
		return err_set(err, ERR_INFRA, errno, "start a worker for %s: fork", name);
	}
	if (w->pid == 0) {
		struct progress pg = {.fd = wr, .kernel = name};

		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(127);
		int status = fn(i, &pg, theirs, arg);

		fflush(NULL);
		_exit(status);
	}
	w->fd = steal_fd(&rd);
	w->slots = steal_fd(&ours);
	w->started = watchdog_now();
	return 0;
}

static void finish(struct worker *w, struct pool_item *item, size_t i, struct display *display)
{
	char text[64];

	while (waitpid(w->pid, &item->status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(item->status))
		snprintf(text, sizeof(text), "worker killed by signal %d", WTERMSIG(item->status));
	else if (WEXITSTATUS(item->status))
		snprintf(text, sizeof(text), "not finished");
	else
		snprintf(text, sizeof(text), "done in %.1f s", watchdog_now() - w->started);
	display_done(display, i, text);
	close(w->fd);
	close(w->slots);
	w->fd = w->slots = -1;
	w->pid = 0;
}

/* What has come from worker @i; false at the end of its pipe. */
static bool drain(const struct worker *w, size_t i, struct display *display)
{
	char buf[4096];
	ssize_t n = read(w->fd, buf, sizeof(buf));

	if (n > 0)
		display_feed(display, i, buf, n);
	return n > 0 || (n < 0 && errno == EINTR);
}

static void end_all(struct worker *w, size_t n, int sig)
{
	for (size_t i = 0; i < n; i++)
		if (w[i].pid)
			kill(w[i].pid, sig);
}

static int slots_of(void *arg, size_t worker)
{
	const struct pool *p = arg;

	return p->w[worker].slots;
}

/* What workers have said and asked for, and who has ended. */
static void look_round(struct pool *p, struct pool_item *items)
{
	for (size_t i = 0; i < p->n; i++) {
		p->p[i].fd = p->w[i].fd;
		p->p[p->n + i].fd = p->w[i].slots;
	}
	if (poll(p->p, 2 * p->n, REFRESH_MS) <= 0)
		return;
	for (size_t i = 0; i < p->n; i++) {
		if (p->p[p->n + i].revents)
			while (sched_take(&p->sched, i, p->w[i].slots) == 0)
				;
		if (!p->p[i].revents || drain(&p->w[i], i, p->display))
			continue;
		finish(&p->w[i], &items[i], i, p->display);
		sched_forget(&p->sched, i);
		p->running--;
	}
}

int pool_run(struct pool_item *items, size_t n, unsigned machines, pool_fn *fn, void *arg,
	     struct display *display, struct err *err)
{
	_cleanup_(pool_free) struct pool p = {.w = xcalloc(n, sizeof(*p.w)),
					      .p = xcalloc(2 * n, sizeof(*p.p)),
					      .n = n,
					      .sched.slots = machines,
					      .display = display};
	bool told = false;
	int ret = 0;

	for (size_t i = 0; i < n; i++) {
		items[i].status = p.w[i].fd = p.w[i].slots = -1;
		p.p[i].events = p.p[n + i].events = POLLIN;
	}
	while (p.running || (p.next < n && !sig_stop() && !ret)) {
		while (!ret && !sig_stop() && p.next < n && p.running < WORKERS_MAX) {
			ret = start(&p.w[p.next], p.next, items[p.next].name, fn, arg, err);
			p.running += !ret;
			p.next++;
		}
		if ((sig_stop() || ret) && !told) {
			end_all(p.w, n, SIGTERM);
			told = true;
		}
		look_round(&p, items);
		if (!told)
			sched_grant(&p.sched, slots_of, &p);
		display_left(display, sched_left_s(&p.sched));
		display_refresh(display);
	}
	return ret;
}

unsigned pool_machines(unsigned mib)
{
	unsigned long fit = host_memory_mib() / mib;
	unsigned cpus = host_cpus();

	return fit >= cpus ? cpus : fit ? fit : 1;
}
