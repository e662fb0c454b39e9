/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the machine still getting anywhere? Progress is a byte on either port; but a stuck kernel may
 * complain on its console for ever, so that it must speak on its channel, too, now and then. What
 * counts against it is QEMU's own CPU time, and time in which it used none, so that a loaded host
 * changes nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "vm_internal.h"

struct silence {
	bool counting;	 /* it lasts now */
	double cpu_then; /* QEMU's CPU time when it began */
	double quiet_s;	 /* how long it has lasted, as far as we were running ourselves */
};

struct watchdog {
	const struct vm_limits *lim;
	pid_t pid;
	double started, looked;
	struct silence both, channel; /* on both ports; on the channel, whatever the console says */
};

void watchdog_start(struct watchdog *w, const struct vm_limits *lim, pid_t pid);

/*
 * To be called at least every lim->poll_ms, with the ports on which something came. What is wrong,
 * in words (caller frees), or NULL.
 */
char *watchdog_look(struct watchdog *w, bool channel, bool console);

/* Seconds of CLOCK_MONOTONIC. */
double watchdog_now(void);
/* The same in milliseconds. */
long watchdog_now_ms(void);
