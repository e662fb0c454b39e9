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
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "publish.h"
#include "sig.h"
#include "xalloc.h"

#define REFRESH_MS 200

struct worker {
	pid_t pid; /* 0: not running */
	int fd;
	double started;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int start(struct worker *w, size_t i, const char *name, pool_fn *fn, void *arg,
		 struct err *err)
{
	int pipefd[2];
	pid_t parent = getpid();

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_set(err, ERR_INFRA, errno, "start a worker for %s: pipe", name);
	_cleanup_close_ int rd = pipefd[0], wr = pipefd[1];

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
		int status = fn(i, &pg, arg);

		fflush(NULL);
		_exit(status);
	}
	w->fd = steal_fd(&rd);
	w->started = now();
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
		snprintf(text, sizeof(text), "done in %.1f s", now() - w->started);
	display_done(display, i, text);
	close(w->fd);
	w->fd = -1;
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

int pool_run(struct pool_item *items, size_t n, unsigned jobs, pool_fn *fn, void *arg,
	     struct display *display, struct err *err)
{
	_cleanup_free_ struct worker *w = xcalloc(n, sizeof(*w));
	_cleanup_free_ struct pollfd *p = xcalloc(n, sizeof(*p));
	size_t next = 0, running = 0;
	bool told = false;
	int ret = 0;

	for (size_t i = 0; i < n; i++) {
		items[i].status = w[i].fd = -1;
		p[i].events = POLLIN;
	}
	while (running || (next < n && !sig_stop() && !ret)) {
		while (!ret && !sig_stop() && next < n && running < jobs) {
			ret = start(&w[next], next, items[next].name, fn, arg, err);
			running += !ret;
			next++;
		}
		if ((sig_stop() || ret) && !told) {
			end_all(w, n, SIGTERM);
			told = true;
		}
		for (size_t i = 0; i < n; i++)
			p[i].fd = w[i].fd;
		int ready = poll(p, n, REFRESH_MS);

		for (size_t i = 0; ready > 0 && i < n; i++) {
			if (!p[i].revents || drain(&w[i], i, display))
				continue;
			finish(&w[i], &items[i], i, display);
			running--;
		}
		display_refresh(display);
	}
	return ret;
}

unsigned pool_jobs_by_memory(unsigned mib)
{
	struct err ignored = ERR_INIT;
	_cleanup_free_ char *text = NULL;
	unsigned long kib = 0;

	if (read_file("/proc/meminfo", 1 << 20, &text, NULL, &ignored) == 0) {
		const char *line = strstr(text, "MemAvailable:");

		if (line)
			kib = strtoul(line + strlen("MemAvailable:"), NULL, 10);
	}
	unsigned fit = kib / 1024 / mib;

	return fit ? fit : 1;
}
