/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ctrl-C and friends become a flag; nothing else is done in the handler. */
#pragma once

/* Install the handlers for SIGINT, SIGTERM and SIGHUP; ignore SIGPIPE. */
void sig_init(void);

/* The signal that asked us to stop, or 0. */
int sig_stop(void);

/*
 * flock() @fd with @op, waiting for it, until we are asked to stop: before or while it waits. 0 or
 * -errno, which is in errno, too.
 */
int sig_flock(int fd, int op);
