// SPDX-License-Identifier: GPL-2.0-or-later
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void __attribute__((noreturn)) watch(int fd, pid_t group)
{
	sigset_t all;
	char byte;

	/* It outlives what a terminal sends to the others. */
	setpgid(0, 0);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	/* Above all no other pipe's end, and no lock. */
	dup2(fd, 0);
	close_range(1, ~0U, 0);
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
	kill(-group, SIGKILL);
	_exit(0);
}

void guard_start(struct guard *g, pid_t group)
{
	int fds[2];

	*g = (struct guard){.fd = -1};
	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	g->pid = fork();
	if (g->pid == 0)
		watch(fds[0], group);
	close(fds[0]);
	g->fd = fds[1];
	if (g->pid < 0)
		g->pid = 0;
}

void guard_end(struct guard *g)
{
	if (g->pid) {
		kill(g->pid, SIGKILL);
		while (waitpid(g->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (g->fd >= 0)
		close(g->fd);
	*g = (struct guard){.fd = -1};
}
