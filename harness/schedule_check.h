/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be said about a schedule before anything is booted. The format and the tables are in
 * cases/schedule.h.
 */
#pragma once

#include "err.h"

/*
 * Check @text, a name or a list of constraints, for a container with the namespaces @ns ("plain",
 * "user+time") and a namespace joined or not (@join: "none", "ipc"). *list is what goes into the
 * plan, without blanks; the caller's. ERR_USER, in one line that names the constraint: malformed,
 * an unknown stage, point or name (with the near ones), a point that its stage never passes there,
 * or a circle, counting what is certain about the order in which a stage works.
 */
int schedule_check(const char *text, const char *ns, const char *join, char **list,
		   struct err *err);

/* One passing of a point by a stage, as cases/schedule.h numbers them; the names are static. */
struct schedule_point {
	int stage, point, nth;
	const char *stage_name, *point_name;
};

/* "STAGE:POINT#N", checked in the same way. */
int schedule_point(const char *text, const char *ns, const char *join, struct schedule_point *p,
		   struct err *err);
