/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by schedule_check.c (what a user wrote) and schedule_order.c (what follows from it). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "schedule.h"

enum sched_stage { SCHED_P, SCHED_C, SCHED_I, SCHED_STAGES };

enum sched_point {
#define SCHED_ID(id, name, stages, word) SCHED_##id,
	NSEXEC_POINTS(SCHED_ID)
#undef SCHED_ID
		SCHED_POINTS,
};

extern const char *const sched_point_names[SCHED_POINTS];
extern const char *const sched_stage_names[SCHED_STAGES];

/* The @nth passing of @point by @stage. */
struct passing {
	enum sched_stage stage;
	enum sched_point point;
	int nth;
};

/* Which of the protocol's optional parts a variant has. */
#define WITH_USER 1u
#define WITH_TIME 2u
#define WITH_JOIN 4u

/* How often at most; -1: nobody can say. 0 with another set of parts may be more. */
int order_count(enum sched_stage stage, enum sched_point point, unsigned with);

/* Whoever passes both passes @x first, on every way through the protocol. */
bool order_certain(struct passing x, struct passing y, unsigned with);

struct order {
	struct passing before, after;
};

/*
 * The first of @v that closes a circle with those before it, or -1. *used, of @n flags, says which
 * of them are part of the circle.
 */
int order_circle(const struct order *v, size_t n, unsigned with, bool *used);
