// SPDX-License-Identifier: GPL-2.0-or-later
#include "frequency.h"

#include <string.h>

#include "json_util.h"

json_t *frequencies(const json_t *records)
{
	json_t *all = json_object(), *r;
	size_t i;

	json_array_foreach (records, i, r) {
		const char *id = jstr(r, "id", NULL);
		const char *outcome = jstr(r, "outcome", "?");
		/* What nobody may believe has no class, whatever it looked like. */
		const char *what = strcmp(outcome, "error") ? jstr(r, "class", outcome) : outcome;

		if (!id || !json_object_get(r, "round"))
			continue;
		json_t *counts = json_object_get(all, id);

		if (!counts)
			json_object_set_new(all, id, counts = json_object());
		json_object_set_new(counts, what, json_integer(jint(counts, what, 0) + 1));
	}
	return all;
}
