/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The subcommands. Each parses its own arguments and returns the exit status. */
#pragma once

#include "err.h"
#include "xalloc.h"

enum status {
	STATUS_OK = 0,	  /* all as expected */
	STATUS_BAD = 1,	  /* an unexpected outcome */
	STATUS_USAGE = 2, /* usage or configuration */
	STATUS_INFRA = 3, /* a kernel could not be had, QEMU failed */
};

struct command {
	const char *name;
	const char *args;    /* for the usage line */
	const char *summary; /* one line */
	const char *help;    /* the rest of --help */
	/*
	 * argv[0] is the command's name. -EINVAL & co with @err set, or a status >= 0. When --help
	 * was asked for, the caller has dealt with it.
	 */
	int (*run)(int argc, char **argv, struct err *err);
};

extern const struct command cmd_run, cmd_report, cmd_kernels, cmd_cases, cmd_bench, cmd_repro,
	cmd_mutants, cmd_shell, cmd_replay;

/* How the user called this program. */
const char *program_name(void);

/* getopt_long's '?' and ':' as an error that names the argument and the way to the help. */
int usage_error(char **argv, struct err *err);

/* A decimal number from @min to @max, or an error that names @what. */
int parse_number(const char *s, const char *what, long min, long max, long *out, struct err *err);

/* The value of --kernel as a word that matrix_select() takes for a path. */
void kernel_path(struct strv *words, const char *path);
