/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What make prints while it builds: how far it is, and why it stopped. */
#pragma once

#include <stdbool.h>

#include "err.h"
#include "progress.h"

struct build_watch {
	struct progress *pg;
	unsigned files;	   /* compiled so far */
	unsigned expected; /* about how many there will be; 0: nobody knows */
	char *cause;	   /* the compiler's first error, or NULL */
	bool full;	   /* somebody met a full disk */
};

void build_watch_free(struct build_watch *w);

/* One line of output; a proc_opts.line. */
void build_watch_line(void *arg, const char *line);

/* Put in front of @err why make failed, as far as its output told; @dir is where it worked. */
void build_watch_explain(const struct build_watch *w, const char *dir, struct err *err);

/* How many files the last whole build for @arch took, or what is usual. */
unsigned build_watch_expected(const char *arch);
/* Remember that. A failure does no harm. */
void build_watch_remember(const struct build_watch *w, const char *arch);
