// SPDX-License-Identifier: GPL-2.0-or-later
#include "points.h"

#include <string.h>

const struct point_info point_info[POINTS] = {
#define POINT_INFO(id, name, stages, word) {name, stages, word},
	NSEXEC_POINTS(POINT_INFO)
#undef POINT_INFO
};

const char *const stage_names[STAGES] = {"P", "C", "I"};
const char *const end_names[ENDS] = {"c0", "c1", "g0", "g1"};

enum point point_find(const char *name, size_t len)
{
	for (int p = 0; p < POINTS; p++) {
		if (strlen(point_info[p].name) == len && !memcmp(point_info[p].name, name, len))
			return (enum point)p;
	}
	return POINTS;
}
