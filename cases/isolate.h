/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a case where it can do no harm: in a child, with a time limit, and swept up after it. */
#pragma once

#include "case.h"
#include "frame.h"

/* What all runs share: to make and to free it for each would be a twentieth of what a run costs. */
struct isolate {
	int sig; /* signalfd of SIGCHLD; -1: each run says that there is none, and sig_err */
	int sig_err;
	char *text;
};

/*
 * Once, before the first case: orphans of cases become children of this process, and the death of
 * a child can be waited for together with its output. 0 or -errno; closed even then.
 */
int isolate_open(struct isolate *iso);
void isolate_close(struct isolate *iso);
#define _cleanup_isolate_ __attribute__((cleanup(isolate_close)))

/*
 * Run @fn, for at most half as long again as its deadline: so it has time to notice, look round and
 * report. Its facts, as the line of JSON text that it wrote, or an object with `error` when it was
 * ended by a signal, ran over its time or said more than a frame holds. @out is what the child must
 * forget. *@strays counts the processes that it left behind, which are dead now; -1: some could not
 * be ended. The text is @iso's, until the next run; never NULL.
 */
const char *isolate_run(struct isolate *iso, case_fn *fn, const struct case_env *env,
			const json_t *params, struct frame_out *out, int *strays);
