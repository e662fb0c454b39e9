/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run's folder comes to: the same for the run itself and for anybody who reads it later. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "err.h"
#include "xalloc.h"

/*
 * Load the records below @dir and judge them against kernels/known-issues.conf; those of the
 * kernels in @judged (NULL: none) have just been. What a newer sealmatrix wrote is refused: facts
 * that are not known here could not count.
 */
int report_load(const char *dir, const struct strv *judged, json_t **records, struct err *err);

struct tally;

/*
 * What one should know about the folder as a whole before one takes its records for all there was:
 * an array of lines for people. The caller owns it.
 */
json_t *report_notes(const char *dir, const json_t *records, const struct tally *t);

/*
 * Print judged records to stdout (the table, or one JSON object) and return the exit status: @own,
 * of a command that has one of its own; -1: what the records come to.
 */
int report_print(const char *dir, const json_t *records, bool as_json, int own);
