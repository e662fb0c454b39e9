/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ctrl-C and friends become a flag; nothing else is done in the handler. */
#pragma once

#include <stdbool.h>

/* No poll() waits longer without a look at sig_stop(): a signal may come just before it. */
#define SIG_LOOK_MS 500

/* Install handlers for SIGTERM and, unless they are ignored, SIGINT and SIGHUP; ignore SIGPIPE. */
void sig_init(void);

/* The signal that asked us to stop, or 0. */
int sig_stop(void);

/* Wait until something can be read from @fd, or its other end is closed. False: asked to stop. */
bool sig_wait(int fd);

/*
 * flock() @fd with @op, waiting for it, until we are asked to stop: before or while it waits. 0 or
 * -errno, which is in errno, too.
 */
int sig_flock(int fd, int op);
