// SPDX-License-Identifier: GPL-2.0-or-later
#include "sweep.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "cleanup.h"

/* Parent of process @pid, 0 when it is gone. */
static pid_t parent_of(const char *pid)
{
	char path[64], stat[512];
	int ppid = 0;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	size_t n = f ? fread(stat, 1, sizeof(stat) - 1, f) : 0;

	stat[n] = '\0';
	/* The name before it may hold anything, parentheses included. */
	char *after_name = strrchr(stat, ')');

	if (after_name)
		sscanf(after_name, ") %*c %d", &ppid);
	return ppid;
}

static int kill_children(void)
{
	DIR *proc = opendir("/proc");
	pid_t self = getpid();

	if (!proc)
		return -errno;
	for (struct dirent *d; (d = readdir(proc));)
		if (isdigit((unsigned char)d->d_name[0]) && parent_of(d->d_name) == self)
			kill(atoi(d->d_name), SIGKILL);
	closedir(proc);
	return 0;
}

/* True while there are children that live. */
static bool reap_dead(int *reaped)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		++*reaped;
	return !pid;
}

/* Until a child ends, or @ms have passed. SIGCHLD is blocked, see isolate_open(). */
static bool wait_for_death(unsigned ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	return sigtimedwait(&set, NULL, &ts) == SIGCHLD;
}

int sweep_children(unsigned limit_ms)
{
	int dead = 0, strays = 0;
	bool alive = reap_dead(&dead); /* orphans that ended by themselves were no strays */

	while (alive) {
		if (kill_children() < 0 || !wait_for_death(limit_ms))
			return -1;
		alive = reap_dead(&strays);
	}
	return strays;
}
