// SPDX-License-Identifier: GPL-2.0-or-later
#include "bench_memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "cleanup.h"
#include "proc.h"
#include "publish.h"
#include "sig.h"
#include "xalloc.h"

#define LOOK_MS 5 /* a machine's memory only grows, so its last moment counts */
#define PROGRAM "qemu-system-"

static char *read_proc(pid_t pid, const char *name)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/%s", (int)pid, name);
	struct err ignored = ERR_INIT;
	char *text = NULL;

	return read_file(path, 1 << 20, &text, NULL, &ignored) < 0 ? NULL : text;
}

static long field(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtol(p + strlen(name), NULL, 10) : 0;
}

static void look_at(pid_t pid, struct bench_memory *peak)
{
	_cleanup_free_ char *comm = read_proc(pid, "comm"), *text = NULL;

	if (!comm || strncmp(comm, PROGRAM, strlen(PROGRAM)))
		return;
	text = read_proc(pid, "smaps_rollup");
	if (!text)
		return;
	long own = field(text, "\nAnonymous:"), swapped = field(text, "\nSwap:");
	long rest = field(text, "\nRss:") - own;

	if (own + swapped > peak->private_kib)
		peak->private_kib = own + swapped;
	if (rest > peak->shared_kib)
		peak->shared_kib = rest;
}

static void look_at_children(pid_t pid, const char *task, struct bench_memory *peak)
{
	_cleanup_free_ char *name = xasprintf("task/%s/children", task);
	_cleanup_free_ char *list = read_proc(pid, name);
	char *save = NULL;

	for (char *p = list ? strtok_r(list, " ", &save) : NULL; p; p = strtok_r(NULL, " ", &save))
		bench_memory_look(atoi(p), peak);
}

void bench_memory_look(pid_t root, struct bench_memory *peak)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/task", (int)root);
	_cleanup_closedir_ DIR *d = opendir(path);

	look_at(root, peak);
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] != '.')
			look_at_children(root, e->d_name, peak);
}

static void watch(pid_t pid, struct bench_memory *peak)
{
	_cleanup_close_ int fd = pidfd_open(pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (fd >= 0 && !sig_stop() && poll(&p, 1, LOOK_MS) == 0)
		bench_memory_look(pid, peak);
}

int bench_memory(const char *dir, const char *args, struct bench_memory *peak, struct err *err)
{
	_cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	_cleanup_strv_ struct strv argv = {0};
	int status;

	*peak = (struct bench_memory){0};
	bench_command(&argv, dir, args);
	pid_t pid = proc_spawn(argv.v, null, NULL, 0, err);

	if (pid < 0)
		return pid;
	watch(pid, peak);
	if (sig_stop())
		kill(-pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (sig_stop())
		return err_set(err, ERR_INFRA, 0, "interrupted");
	return peak->private_kib ? 0
				 : err_set(err, ERR_INFRA, 0,
					   "no machine was seen in `sealmatrix run %s`", args);
}
