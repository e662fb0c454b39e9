/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernels/known-issues.conf: failures that are expected, with the reason. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "cases.h"
#include "err.h"
#include "matrix.h"

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

/* The issues that are about this kernel: array of {"id","text","ref"?,"review"?}. Caller owns it.
 */
json_t *known_about(const struct known *known, const char *kernel, const char *release);

/*
 * What should be done about the file itself, as an array of lines for people: entries whose date to
 * look again has come (@today is like 2027-03-31), whose cases are not among @vs, and those that
 * excused nothing though every kernel of @m which they name was in the run. Kernels that a sweep
 * leaves out (tagged past, own, bare, seeded) need not have been, unless they are named outright.
 * @records are judged. The caller owns the answer.
 */
json_t *known_review(const struct known *known, const json_t *records, const struct matrix *m,
		     const struct variants *vs, const char *today);
