/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are either whole or not there: temporary name, fsync, rename, fsync the directory. */
#pragma once

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "err.h"

struct publish {
	FILE *f;     /* write here */
	char *tmp;   /* its name until publish_commit() */
	char *final; /* its name afterwards */
};

/* Start writing @path. Missing parent directories are made. */
int publish_open(struct publish *p, const char *path, struct err *err);
/*
 * Make it visible. Releases @p whatever happens. A failure leaves nothing under @path, but for one:
 * a directory that could not be flushed has the whole file, until the host crashes perhaps.
 */
int publish_commit(struct publish *p, struct err *err);
/* Forget it, unless it was committed. For the cleanup attribute. */
void publish_abort(struct publish *p);

#define _cleanup_publish_ __attribute__((cleanup(publish_abort)))

/* Write a whole buffer that way. */
int publish_buffer(const char *path, const void *data, size_t len, struct err *err);

/* mkdir -p. */
int make_dirs(const char *path, struct err *err);
/*
 * What @path is called below @dir, once all links are followed; NULL with errno if that cannot be
 * told, EXDEV if it lies elsewhere. Caller frees.
 */
char *path_below(const char *dir, const char *path);
/* rm -rf; a path that is not there is fine. */
int remove_tree(const char *path, struct err *err);
/* The whole file, NUL-terminated; *len may be NULL. Refuses more than @max bytes (EFBIG). */
int read_file(const char *path, size_t max, char **data, size_t *len, struct err *err);
