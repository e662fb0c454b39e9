/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A case is one of the things the agent can be asked to do. It reports facts, in the terms of
 * results/README.md, and never says whether they are good or bad: that is the host's business.
 *
 * The agent runs a case in a process of its own, made for it: a case may change its process as it
 * likes, and what it leaves behind is swept up. That process knows neither the channel nor the
 * nonce. It is killed some time after deadline_ms; a case that can come to a halt by itself watches
 * the deadline on its own and reports what it then sees.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* A line of progress in the pipe that the facts come through begins with this, which none of JSON
 * does. */
#define PROGRESS_MARK '#'
#define PROGRESS_MAX  160 /* bytes, its newline included */

struct case_env {
	const char *bin_dir;	 /* where the case binaries are: SM_CASES_DIR, or the build's */
	unsigned index;		 /* of the variant in the plan */
	int progress_fd;	 /* of a pipe, for case_progress(); 0: nobody listens */
	unsigned deadline_ms;	 /* guest time (CLOCK_MONOTONIC) one variant may take */
	unsigned lacks_ns;	 /* CLONE_NEW* flags that this kernel was seen not to know */
	const struct keep *keep; /* for what is better not freed; NULL: nowhere */
	bool by_turns;		 /* on one CPU: a stage runs until it blocks */
};

/* Run one variant. @params is the plan's, unchecked; the case fills the object @facts. */
typedef void case_fn(const struct case_env *env, const json_t *params, json_t *facts);

case_fn case_machine, case_explore, case_seal, case_cow;

/* Tell people how far it has got, in a few words: no fact, and nothing depends on it. */
void case_progress(const struct case_env *env, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* facts.unsupported: the kernel lacks what the variant is about. The first call counts. */
void fact_unsupported(json_t *facts, const char *step, int errnum);

/* facts.error: the harness itself failed, so nothing can be said. The first call counts. */
void fact_error(json_t *facts, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "EBADF" for EBADF. Never NULL; a number that has no name here is "EUNKNOWN". */
const char *errno_name(int errnum);
