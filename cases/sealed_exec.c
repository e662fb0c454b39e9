// SPDX-License-Identifier: GPL-2.0-or-later
#include "sealed_exec.h"

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

static void exec_agent(const char *bin_dir, int fd)
{
	char path[4096], arg[64];

	snprintf(path, sizeof(path), "%s/agent", bin_dir);
	snprintf(arg, sizeof(arg), "--" SEALED_EXEC_OPTION "=%d", fd);
	if (!fcntl(fd, F_SETFD, 0))
		execl(path, "agent", arg, NULL);
	_exit(as_status(-1, errno));
}

int sealed_exec_ask(const char *bin_dir, int fd)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (!pid)
		exec_agent(bin_dir, fd);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!WIFEXITED(status))
		return -EPROTO;
	status = WEXITSTATUS(status);
	return status & IS_ERRNO ? -(status & ~IS_ERRNO) : status;
}
