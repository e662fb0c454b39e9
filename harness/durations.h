/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long each machine of a kernel took when it last ran: durations/KEY.json in the cache. Only
 * the order in which machines are started comes from it, and how long a run is said to take; where
 * it is not there, or damaged, guesses do.
 */
#pragma once

#include <jansson.h>

#include "boot_jobs.h"
#include "err.h"
#include "hash.h"

struct durations {
	char *path;   /* NULL: nothing is known, nothing is kept */
	json_t *jobs; /* digest of what a machine is to run → ms, the latest last */
};

/* @key: the digest of all that is the same for the machines of one kernel. */
void durations_load(const char *key, struct durations *d);
void durations_free(struct durations *d);

/* What these jobs took the last time takes the place of the guesses in them. */
void durations_apply(const struct durations *d, const struct variants *vs, struct job *jobs,
		     size_t n);

/* A machine that was to run @job has taken @ms. */
void durations_note(struct durations *d, const struct variants *vs, const struct job *job,
		    double ms);
/* Those of the latest machines are kept, the others go. */
int durations_save(const struct durations *d, struct err *err);
