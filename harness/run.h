/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run from kernels and cases to judged records in a folder: what `run` and `repro` share. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "boot_jobs.h"
#include "err.h"
#include "xalloc.h"

struct run_opts {
	struct strv kernels;  /* words as on the command line; none: the tag default */
	const char *suite;    /* of cases/cases.conf */
	const char *only;     /* pattern on CASE/VARIANT, or NULL */
	const char *schedule; /* for the stage machines among them; NULL: what the table says */
	bool explore;	      /* all interleavings of them instead */
	const char *results;  /* the run's folder; NULL: a new one below results/ */
	const char *accel;    /* auto, tcg, kvm */
	const char *append;   /* more kernel command line words, or NULL */
	unsigned jobs;	      /* machines at once; 0: as many as cores and memory allow */
	bool cold;	      /* boot every machine instead of restoring it */
	enum isolation isolation;
	unsigned vcpus;	     /* of each machine */
	bool realtime;	     /* also of one vCPU under TCG */
	unsigned repeat;     /* how often each variant is run; 0: once, and nothing is counted */
	bool dump;	     /* of a machine that goes silent: its memory */
	const char *save;    /* a replay file to write, or NULL */
	const char *save_of; /* the kernel that it is of; NULL: there must be only one */
	bool narrate;	     /* tell on the way what each variant comes to */
	bool untold;	     /* what fails is not told on the way: it is meant to */
	bool require;	     /* a kernel that is not available is an error */
	const char *program; /* how the user called us: for `repeat` */
	int argc;	     /* the command line, for run.json */
	char **argv;
};

/*
 * Do it. *dir (the run's folder) and *records (judged) are the caller's. Fails when the run could
 * not be done; how the kernels fared is in the records.
 */
int run_all(const struct run_opts *o, char **dir, json_t **records, struct err *err);
