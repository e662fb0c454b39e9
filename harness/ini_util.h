/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libinih with our errors: the first bad line of a file stops it and is named. */
#pragma once

#include "err.h"

/*
 * Called for every "key = value", and once with key NULL when a section begins. A negative return,
 * with
 * @err set, stops; the file and line are put in front of the message.
 */
typedef int ini_line_fn(void *arg, const char *section, const char *key, const char *value,
			struct err *err);

int ini_load(const char *path, ini_line_fn *fn, void *arg, struct err *err);
