/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Helper programs (apt-get, make, depmod, qemu). Every child dies with the process that started
 * it (PR_SET_PDEATHSIG), so that a killed driver leaves nothing behind.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err.h"

struct proc_opts {
	const char *cwd; /* NULL: stay */
	/* NULL-terminated: NAME=VALUE is added to ours, NAME alone taken away; may be NULL */
	const char *const *env;
	const char *log; /* append stdout and stderr here; NULL: keep the last lines only */
	/* When we die, what the child has started dies as well, not only the child. */
	bool guarded;
	int keep; /* a descriptor that it inherits, such as a lock that it is to hold; 0: none */
	/* Called for each line of output, without its newline; may be NULL. */
	void (*line)(void *arg, const char *line);
	void *arg;
};

/*
 * Run argv[0] (found in PATH) to its end. Output is read as it comes. 0 when it exited with
 * status 0; otherwise @err names the program, how it ended, and the last lines it printed.
 * Interrupted by SIGINT or SIGTERM (see sig.h): the child's process group is ended, -EINTR.
 */
int proc_run(char *const argv[], const struct proc_opts *opts, struct err *err);

/* As proc_run(), and give back what it wrote to stdout (NUL-terminated, owned by the caller). */
int proc_capture(char *const argv[], const struct proc_opts *opts, char **out, struct err *err);

/*
 * Start argv[0] and return its pid. stdin is /dev/null, stdout and stderr go to @out_fd (kept by
 * the caller); descriptors below @keep_n in @keep stay open under the same numbers, all others
 * are close-on-exec. The child is the leader of a process group of its own.
 */
pid_t proc_spawn(char *const argv[], int out_fd, const int *keep, size_t keep_n, struct err *err);

/* SIGTERM, a short grace, SIGKILL; reaps. Harmless on a pid <= 0. */
void proc_end(pid_t pid);

/* The first such program in PATH, or NULL. Caller frees. */
char *proc_find(const char *program);
/* Is there one? */
bool proc_in_path(const char *program);

/* The word as a shell takes it, in quotes where it needs them. Caller frees. */
char *proc_quoted(const char *word) __attribute__((malloc, returns_nonnull));
