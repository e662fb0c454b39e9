/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests that boot kernels: they run the built driver as a user would and read what it prints. */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "../test.h"

/* build/sealmatrix, next to the running test. Ours. */
const char *driver(void);

/* A folder for results of its own: "NAME" below the test's directory. Caller frees. */
char *results_dir(const char *name);

/*
 * `sealmatrix run ARGS… --json --results DIR`: its output, parsed, and its exit status. Fails the
 * test when it prints no JSON. Caller owns the object.
 */
json_t *driver_run(const char *dir, int *status, const char *const args[]);

/* Its two halves, for several at once. */
pid_t driver_run_start(const char *dir, const char *const args[]);
json_t *driver_run_end(const char *dir, pid_t pid, int *status);

#define RUN(dir, status, ...) driver_run(dir, status, (const char *const[]){__VA_ARGS__, NULL})

/* Start it without waiting, output to files stdout.txt and stderr.txt in @dir. */
pid_t driver_start(const char *dir, const char *const args[]);

/*
 * `sealmatrix ARGS…` in @dir to its end, with @input on its standard input (NULL: ours). Its exit
 * status; what went to stdout and stderr is the caller's.
 */
int driver_command(const char *dir, const char *input, char **out, char **log,
		   const char *const args[]);

/* The record of a variant ("CASE/VARIANT") of @kernel's, borrowed; the test fails if it is not
 * there. */
json_t *find_variant(const json_t *run, const char *kernel, const char *name);
/* The boot record @nr (from 1) of @kernel. */
json_t *find_boot(const json_t *run, const char *kernel, int nr);

/* What `kernels get --json` says of @kernel: .image is the file. Caller's. */
json_t *kernel_got(const char *kernel);

/*
 * A place for XDG_CACHE_HOME where everything is as in the real cache but for @kind, of which there
 * is nothing. @kernel is in both: it is not to be built under what the test is about. Caller frees.
 */
char *cache_without(const char *kind, const char *kernel);

/* A directory for PATH with all programs of this system but @name. Caller frees. */
char *path_without(const char *name);

/* A copy of the built guest programs in which @name is replaced by the executable text @script; the
 * driver uses it when SEALMATRIX_GUEST is set to the answer. Caller frees. */
char *guest_with(const char *name, const char *script);
