/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records: JSON Lines, one folder per run, one folder per kernel in it. results/README.md is the
 * schema. A record is a json_t object all its life.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "err.h"

/*
 * All records below @dir (a run's folder, or one kernel's), in order of kernel and of the file. A
 * run that was killed, or is not through, has some in files of its machines: they are among them.
 */
int records_load(const char *dir, json_t **records, struct err *err);

/* Where machine @nr's records are until all are put together. Caller frees. */
char *record_left_path(const char *kernel_dir, unsigned nr);
/* How many such files there are below @dir. */
size_t records_left(const char *dir);
/* Their records are in records.jsonl now. */
void records_left_remove(const char *dir);

/*
 * Append those of one file to @records. One that a killed process has @left may end in the middle
 * of a line, which is nobody's record.
 */
int records_load_file(const char *path, bool left, json_t *records, struct err *err);

/* Write @records (array) to @path, published whole. */
int records_save(const char *path, const json_t *records, struct err *err);

/* Those of @kernel, in their order. The caller owns the array. */
json_t *record_select(const json_t *records, const char *kernel);

/* Append one record to the open stream, flushed: what Ctrl-C leaves behind must be whole lines. */
int record_append(FILE *f, const json_t *record, struct err *err);
