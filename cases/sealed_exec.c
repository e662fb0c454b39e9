// SPDX-License-Identifier: GPL-2.0-or-later
#include "sealed_exec.h"

#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "memfd.h"

/* An exit status has 8 bits: 7 for the six seals (or an errno), the top one says which. */
#define IS_ERRNO 0x80

static int as_status(int value, int errnum)
{
	return value < 0 ? IS_ERRNO | (errnum & 0x7f) : value & 0x7f;
}

int sealed_exec_answer(int fd)
{
	return as_status(fcntl(fd, F_GET_SEALS), errno);
}

/* The agent, with @fd open in it. A fork() would copy a process only to throw it away. */
static int spawn_agent(const char *bin_dir, int fd, pid_t *pid)
{
	char path[4096], arg[64];
	char *argv[] = {path, arg, NULL};
	posix_spawn_file_actions_t keep;
	int err = posix_spawn_file_actions_init(&keep);

	if (err)
		return -err;
	snprintf(path, sizeof(path), "%s/agent", bin_dir);
	snprintf(arg, sizeof(arg), "--" SEALED_EXEC_OPTION "=%d", fd);
	/* Onto itself: that takes its close-on-exec away. */
	err = posix_spawn_file_actions_adddup2(&keep, fd, fd);
	if (!err)
		err = posix_spawn(pid, path, &keep, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&keep);
	return -err;
}

int sealed_exec_ask(const char *bin_dir, int fd)
{
	pid_t pid;
	int status, ret = spawn_agent(bin_dir, fd, &pid);

	if (ret < 0)
		return ret;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!WIFEXITED(status))
		return -EPROTO;
	status = WEXITSTATUS(status);
	return status & IS_ERRNO ? -(status & ~IS_ERRNO) : status;
}
