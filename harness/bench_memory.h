/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a machine takes of the host's memory, looked at from outside while it runs: a run that is
 * looked at is not timed.
 */
#pragma once

#include <sys/types.h>

#include "err.h"

struct bench_memory {
	/*
	 * Pages that exist for one machine only: anonymous ones, and those of its RAM that it has
	 * written to. (Pages of a file count as private as well while just one process has them.)
	 */
	long private_kib;
	long shared_kib; /* the rest: RAM as in the template, QEMU's program and libraries */
};

/* Look at each QEMU among @root and its descendants; *@peak keeps the most of any. */
void bench_memory_look(pid_t root, struct bench_memory *peak);

/* The peak of any machine of `sealmatrix run --results DIR ARGS`. */
int bench_memory(const char *dir, const char *args, struct bench_memory *peak, struct err *err);
