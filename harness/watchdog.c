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

long watchdog_now_ms(void)
{
	return (long)(watchdog_now() * 1e3);
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

/*
 * @passed since the last look, @cpu: QEMU's CPU time by now. @times: how much longer it may last
 * than the limits say.
 */
static char *look(const struct vm_limits *lim, struct silence *s, double passed, double cpu,
		  bool progress, double times, const char *where)
{
	double cpu_s = times * lim->silent_cpu_s, idle_s = times * lim->idle_wall_s;

	if (progress) {
		s->counting = false;
		return NULL;
	}
	if (!s->counting) {
		*s = (struct silence){.counting = true, .cpu_then = cpu};
		return NULL;
	}
	s->quiet_s += passed;
	if (cpu - s->cpu_then > cpu_s)
		return xasprintf("no byte%s in %.0f s of CPU time", where, cpu_s);
	if (s->quiet_s > idle_s && cpu - s->cpu_then < lim->idle_cpu_s)
		return xasprintf("no byte%s and no CPU time for %.0f s", where, idle_s);
	return NULL;
}

char *watchdog_look(struct watchdog *w, bool channel, bool console)
{
	double now = watchdog_now(), passed = now - w->looked, most = 2 * w->lim->poll_ms / 1e3;

	/* If we were stopped or frozen for an hour, QEMU may have been so too. */
	passed = passed < most ? passed : most;
	w->looked = now;
	if (w->lim->wall_s > 0 && now - w->started > w->lim->wall_s)
		return xasprintf("not through after %.0f s", w->lim->wall_s);
	/* Nobody asks while the channel speaks. */
	double cpu = channel ? 0 : cpu_of(w->pid);
	char *why = look(w->lim, &w->both, passed, cpu, channel || console, 1, "");

	return why ? why
		   : look(w->lim, &w->channel, passed, cpu, channel, w->lim->unheard,
			  " on the channel");
}
