/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each machine is doing. Workers (one process per kernel) write messages into a pipe; the
 * driver shows them: a live line per kernel on a terminal, plain lines elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Worker's end. A NULL pointer is allowed everywhere and means: tell nobody. */
struct progress {
	int fd;
	const char *kernel;
};

/* A lasting change of what is going on: "resolving", "downloading linux-image-… 34 %". */
void progress_state(struct progress *pg, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, often repeated (percentages): never printed on plain output. */
void progress_tick(struct progress *pg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Something the user should read even afterwards. */
void progress_note(struct progress *pg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Something that failed as it must: a line on plain output, counted in the kernel's live one. */
void progress_expected(struct progress *pg, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Driver's end. */
struct display;
/* @out is where lines go; live when it is a terminal (and TERM is not "dumb"). */
struct display *display_new(FILE *out, const char *const *kernels, size_t n);
/* Feed bytes that came from worker @i's pipe. */
void display_feed(struct display *d, size_t i, const char *buf, size_t len);
/* Worker @i is finished; @text says how ("41 variants, 12 s"). */
void display_done(struct display *d, size_t i, const char *text);
/* How many seconds all that is left may take; negative: nobody knows yet. Live displays show it. */
void display_left(struct display *d, double seconds);
/* Redraw if something changed (call it about five times a second; costs nothing when plain). */
void display_refresh(struct display *d);
/* Take the live lines away. */
void display_free(struct display *d);
