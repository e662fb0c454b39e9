/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One process per kernel: a worker that crashes costs its own kernel only, and the code in it can
 * be plain. Workers die with the driver. The machines that they run come out of one pool (slots.h).
 */
#pragma once

#include <stddef.h>

#include "err.h"
#include "progress.h"

/* The work of item @i, which asks @slots for its machines. What it returns is its exit status. */
typedef int pool_fn(size_t i, struct progress *pg, int slots, void *arg);

struct pool_item {
	const char *name; /* for messages */
	int status;	  /* out: wait status; -1 when it was never started (interrupted) */
};

/*
 * Run @fn for every item, with at most @machines machines at a time, showing what they say on
 * @display. A stop signal is passed on to the workers, which then finish early by themselves;
 * nothing new is started.
 */
int pool_run(struct pool_item *items, size_t n, unsigned machines, pool_fn *fn, void *arg,
	     struct display *display, struct err *err);

/* How many machines of @mib MiB this host has processors and memory for; at least 1. */
unsigned pool_machines(unsigned mib);
