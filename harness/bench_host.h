/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What else the host was doing while something was measured, so that a reader can distrust it. */
#pragma once

#include <stdbool.h>

struct bench_host {
	double total_s, busy_s, stolen_s; /* of all processors, since the host has booted */
	double ours_s;			  /* this process and the children that have ended */
};

/* User + system time of the children that have ended, and of theirs. */
double bench_children_s(void);

/* @path: /proc/stat. All 0 when it cannot be read. */
struct bench_host bench_host_now(const char *path);

/*
 * The share of the processors' time between @from and @to that went to others, and what a
 * hypervisor took away; false when that is not known.
 */
bool bench_host_others(const struct bench_host *from, const struct bench_host *to, double *others,
		       double *stolen);
