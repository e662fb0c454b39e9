/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one boot is to run, as the guest reads it (format: cases/proto.h). */
#pragma once

#include <stdbool.h>

#include "cases.h"
#include "err.h"

#define PLAN_DEADLINE_MS \
	10000 /* guest time that one variant may take, where nobody says otherwise */

struct plan_opts {
	const char *nonce;
	unsigned deadline_ms;
	bool probe;    /* the guest is to report the kernel's features */
	bool by_turns; /* only the stages' own blocking decides who runs next */
	bool packed;   /* facts need not be readable on their way */
};

/*
 * The plan for those variants of @vs whose @todo flag is set, in order; a variant's index in @vs is
 * its "index" in the plan. Caller frees.
 */
char *plan_text(const struct variants *vs, const bool *todo, const struct plan_opts *opts);

/* The plan for the default suite's variants that match @only (NULL: all). Caller frees @text. */
int plan_default(const char *only, const struct plan_opts *opts, char **text, struct err *err);
