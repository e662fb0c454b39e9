/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A process that kills a process group once the one that started it is gone, be it by SIGKILL.
 * PR_SET_PDEATHSIG reaches a child only: make's own children would live on.
 */
#pragma once

#include <sys/types.h>

struct guard {
	pid_t pid; /* 0: none */
	int fd;	   /* its other end is at its end when we are gone */
};

/* Without one, if it cannot be had, things go on as they would. */
void guard_start(struct guard *g, pid_t group);
/* Before the group's leader is reaped, so that its number cannot mean somebody else. */
void guard_end(struct guard *g);
