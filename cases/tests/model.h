/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A model of the protocol with or without shared globals, written from stage-machine.md, that
 * shares no code and no method with the explorer: it enumerates every interleaving, and keeps apart
 * what differs by the partial order of the accesses.
 */
#pragma once

#include <stdbool.h>

struct model_outcome {
	char text[256]; /* "P exited 1, C signaled 9 by P, I reads g0; P read-pid ebadf EBADF" */
	long traces;	/* executions that differ */
};

struct model_result {
	long traces;
	long prefixes; /* distinct beginnings of executions */
	int n;
	struct model_outcome outcome[200];
};

void model_run(bool shared, bool userns, struct model_result *out);
