/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a run's folder comes to: the same for the run itself and for anybody who reads it later. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "err.h"
#include "xalloc.h"

/*
 * Load the records below @dir and judge them against kernels/known-issues.conf; those of the
 * kernels in @judged (NULL: none) have just been.
 */
int report_load(const char *dir, const struct strv *judged, json_t **records, struct err *err);

/* Print judged records to stdout (the table, or one JSON object) and return the exit status. */
int report_print(const char *dir, const json_t *records, bool as_json);
