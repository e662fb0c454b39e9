/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernels/known-issues.conf: failures that are expected, with the reason. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "err.h"

struct known;

int known_load(const char *path, struct known **known, struct err *err);
void known_free(struct known **known);
#define _cleanup_known_ __attribute__((cleanup(known_free)))

struct known_issue {
	const char *id;	  /* section name */
	const char *text; /* one line */
	const char *ref;  /* commit, URL */
	int strict;	  /* a match that passes is unexpected too */
};
/* The issue that covers @record (judged: outcome and findings are in it), or NULL. */
const struct known_issue *known_match(const struct known *known, const json_t *record);
