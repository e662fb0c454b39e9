/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the machine still getting anywhere? Progress is a byte on either port. What counts against it
 * is QEMU's own CPU time, and time in which it used none, so that a loaded host changes nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "vm_internal.h"

struct watchdog {
	const struct vm_limits *lim;
	pid_t pid;
	double started, looked;
	bool counting;	 /* the members below are about the silence that lasts now */
	double cpu_then; /* QEMU's CPU time when it began */
	double quiet_s;	 /* how long it has lasted, as far as we were running ourselves */
};

void watchdog_start(struct watchdog *w, const struct vm_limits *lim, pid_t pid);

/* To be called at least every lim->poll_ms. What is wrong, in words (caller frees), or NULL. */
char *watchdog_look(struct watchdog *w, bool progress);

/* Seconds of CLOCK_MONOTONIC. */
double watchdog_now(void);
