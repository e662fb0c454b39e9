// SPDX-License-Identifier: GPL-2.0-or-later
#include "sealed_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The child of vfork() has its caller's memory, and descriptors of its own. posix_spawn() would ask
 * for the action of every signal first.
 */
static pid_t spawn(const char *path, int fd, volatile int *err)
{
	char number[16];
	char *argv[] = {(char *)path, number, NULL};
	char *envp[] = {NULL};

	snprintf(number, sizeof(number), "%d", fd);
	*err = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		if (fcntl(fd, F_SETFD, 0) == 0)
			execve(path, argv, envp);
		*err = errno;
		_exit(127);
	}
	if (pid < 0)
		*err = errno;
	return pid;
}

int sealed_exec_ask(const char *bin_dir, int fd)
{
	char path[4096];
	volatile int err;
	int status;

	snprintf(path, sizeof(path), "%s/seals", bin_dir);
	pid_t pid = spawn(path, fd, &err);

	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (err)
		return -err;
	if (!WIFEXITED(status))
		return -EPROTO;
	status = WEXITSTATUS(status);
	return status & SEALED_EXEC_ERRNO ? -(status & ~SEALED_EXEC_ERRNO) : status;
}
