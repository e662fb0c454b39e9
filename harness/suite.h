/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Check carries the verdicts: kernel = suite, case = tcase, variant = looped test. Writes Check's
 * own TAP and XML logs to @dir/check.tap and @dir/check.xml. A test fails when its record's outcome
 * is unexpected or an error; the message holds the findings.
 */
#pragma once

#include <jansson.h>

#include "err.h"

/* *failed is the number of failed Check tests. */
int suite_write(const char *dir, const json_t *records, int *failed, struct err *err);
