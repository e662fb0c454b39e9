/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verdicts about one kernel, in the process that runs its machines: each machine is judged when
 * it is through, once, and what is wrong is told at once.
 */
#pragma once

#include <jansson.h>

#include "err.h"
#include "known.h"
#include "progress.h"

struct verdicts {
	struct progress *pg;
	bool quiet; /* tell nothing */
	struct known *known;
	json_t *all;  /* records, judged */
	json_t *told; /* a set: what need not be told again */
};

int verdicts_open(struct verdicts *v, struct progress *pg, bool quiet, struct err *err);
void verdicts_free(struct verdicts *v);

/* Judge the records of the machines that have come (boot_said_fn), and tell what failed. */
void verdicts_said(void *arg, json_t *records);

/* What the kernel comes to, for those who wait for the others: the tally in one line. */
void verdicts_tell_outcome(const struct verdicts *v);

/* Judge what is in a kernel's folder, all at once: something has kept it from being judged so far.
 */
int verdicts_anew(const char *kernel_dir, struct err *err);
