// SPDX-License-Identifier: GPL-2.0-or-later
#include "watchdog.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "publish.h"
#include "xalloc.h"

double watchdog_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* User + system seconds of a living process and all its threads; 0 when it cannot be read. */
static double cpu_of(pid_t pid)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/stat", (int)pid), *text = NULL;
	struct err ignored = ERR_INIT;
	unsigned long user, sys;

	if (read_file(path, 1 << 16, &text, NULL, &ignored) < 0)
		return 0;
	/* Field 2 may contain anything but ends with the last ')'. */
	const char *p = strrchr(text, ')');

	if (!p ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
		return 0;
	return (double)(user + sys) / sysconf(_SC_CLK_TCK);
}

void watchdog_start(struct watchdog *w, const struct vm_limits *lim, pid_t pid)
{
	double now = watchdog_now();

	*w = (struct watchdog){.lim = lim, .pid = pid, .started = now, .looked = now};
}

char *watchdog_look(struct watchdog *w, bool progress)
{
	double now = watchdog_now(), passed = now - w->looked, most = 2 * w->lim->poll_ms / 1e3;

	w->looked = now;
	if (w->lim->wall_s > 0 && now - w->started > w->lim->wall_s)
		return xasprintf("not through after %.0f s", w->lim->wall_s);
	if (progress) {
		w->counting = false;
		return NULL;
	}
	double cpu = cpu_of(w->pid);

	if (!w->counting) {
		w->counting = true;
		w->cpu_then = cpu;
		w->quiet_s = 0;
		return NULL;
	}
	/* If we were stopped or frozen for an hour, QEMU may have been so too. */
	w->quiet_s += passed < most ? passed : most;
	if (cpu - w->cpu_then > w->lim->silent_cpu_s)
		return xasprintf("no byte in %.0f s of CPU time", w->lim->silent_cpu_s);
	if (w->quiet_s > w->lim->idle_wall_s && cpu - w->cpu_then < w->lim->idle_cpu_s)
		return xasprintf("no byte and no CPU time for %.0f s", w->lim->idle_wall_s);
	return NULL;
}
