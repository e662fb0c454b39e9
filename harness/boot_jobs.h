/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the variants of a run are spread over machines. */
#pragma once

#include <stdbool.h>

#include "cases.h"

/* What shares a machine: everything, a case, nothing; AUTO is what pays. */
enum isolation { ISOLATION_AUTO, ISOLATION_BOOT, ISOLATION_GROUP, ISOLATION_VARIANT };

/* -1 when @name is none of boot, group, variant, auto. */
int isolation_from(const char *name);

/* What one machine, and those that go on where it was lost, are to run. */
struct job {
	bool *todo;	  /* per variant; the owner takes out what was run */
	bool controls;	  /* they are among them */
	unsigned cost_ms; /* a guess, or what was measured; only the order comes from it */
};

/*
 * With @restored machines the first job is the controls, and the others have none: all start from
 * the same bytes and run the same programs, so what the controls show in one holds for each (and
 * the judge believes none without it). A machine that boots carries its own.
 */
size_t jobs_plan(const struct variants *vs, enum isolation how, bool restored, struct job **jobs);
void jobs_free(struct job *jobs, size_t n);

/* The guess for a machine that boots or is restored and then runs @variants. */
unsigned job_cost(size_t variants, bool restored);
