/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The exit status of a run of which some of what came out is what was asked for. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "err.h"

/* What `repro` tells: judged records, borrowed. NULL: not run. */
struct story {
	const json_t *hang;    /* the variant that is to hang */
	const json_t *no_seal; /* the same without F_SEAL_FUTURE_WRITE */
	const json_t *fixed;   /* and on a kernel that has not got the bug */
};

struct story story_find(const json_t *records, const char *kernel, const char *fixed);

/* The first hangs, and the others pass. */
bool story_reproduced(const struct story *s);

/* 0 reproduced, and all else as expected; 1 not so; 3 a kernel could not be had or run. */
int story_status(const json_t *records, const struct story *s);

/*
 * A schedule that the user gave cannot be met, and that is all that is amiss: the user's to mend.
 * -EINVAL with one line that says why; else 0, and the run comes to what its tally says.
 */
int schedule_status(const json_t *records, struct err *err);
