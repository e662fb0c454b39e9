/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's gdbstub on a socket that only this user can reach, and the debugger on the other side. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "err.h"
#include "provider.h"
#include "xalloc.h"

struct gdb {
	char *dir;	      /* private; removed by gdb_close() */
	char *socket;	      /* in it */
	char *symbols;	      /* file for gdb's command line, or NULL */
	struct strv commands; /* for gdb, in order, before the user's own */
};

int gdb_open(struct gdb *g, struct err *err);
void gdb_close(struct gdb *g);
#define _cleanup_gdb_ __attribute__((cleanup(gdb_close)))

/* QEMU arguments: the stub, and with @paused a machine that waits for its first `continue`. */
void gdb_argv(const struct gdb *g, bool paused, struct strv *argv);

/*
 * The kernel's vmlinux, from beside the image or where distributions put it; NULL when there is
 * none, and then in *hint where it can be had (caller frees both).
 */
char *gdb_vmlinux(const struct kernel *k, char **hint);

/* Is there a gdb in PATH? */
bool gdb_installed(void);

/* What a user has to type, one shell command line. Caller frees. */
char *gdb_line(const struct gdb *g);

/*
 * Run gdb on our own terminal, or whatever stdin is, as soon as the stub is there. It has the
 * terminal, and with it Ctrl-C, until it ends; if it fails, we get SIGTERM, for the machine would
 * wait for ever. Pid of the helper process that sees to all this.
 */
pid_t gdb_start(const struct gdb *g, struct err *err);
/* When the machine is gone: wait until it has ended; @now: end it. Harmless on a pid <= 0. */
void gdb_wait(pid_t pid, bool now);
