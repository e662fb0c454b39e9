/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stages, the socketpair ends, and the schedule points: every operation of the protocol that a
 * schedule can order (its table is in schedule.h, which the host knows as well).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "schedule.h"

/* The values that current_stage takes; P, C and I in the records. */
enum stage {
	STAGE_SETUP = -1,
	STAGE_PARENT = 0,
	STAGE_CHILD = 1,
	STAGE_INIT = 2,
	STAGES = 3,
};

/* c0-c1 is the child pair, g0-g1 the grandchild pair. */
enum end { END_C0, END_C1, END_G0, END_G1, ENDS, END_NONE = ENDS };

static inline enum end end_peer(enum end e)
{
	return (enum end)(e ^ 1u);
}

enum point {
#define POINT_ID(id, name, stages, word) POINT_##id,
	NSEXEC_POINTS(POINT_ID)
#undef POINT_ID
		POINTS,
};

struct point_info {
	const char *name;
	unsigned stages; /* IN_* of those that pass it */
	const char *word;
};

extern const struct point_info point_info[POINTS];
extern const char *const stage_names[STAGES];
extern const char *const end_names[ENDS];

/* POINTS when there is none of that name, which need not end in a NUL. */
enum point point_find(const char *name, size_t len);

/* An operation that is somebody else's business; the others are passed without asking. */
static inline bool point_is_step(enum point pt)
{
	return pt != POINT_ENTRY && pt != POINT_JOIN && pt != POINT_UNSHARE_USER &&
	       pt != POINT_UNSHARE && pt != POINT_WRITE_JSON && pt != POINT_RETURN;
}
