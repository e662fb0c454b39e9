// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "json_util.h"
#include "proto.h"
#include "xalloc.h"

static void add_line(FILE *f, json_t *line)
{
	json_dumpf(line, f, JSON_COMPACT);
	fputc('\n', f);
	json_decref(line);
}

char *plan_text(const struct variants *vs, const bool *todo, const char *nonce,
		unsigned deadline_ms)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		abort();
	add_line(f, json_pack("{s:i, s:s, s:i}", "proto", SM_PROTO, "nonce", nonce, "deadline_ms",
			      (int)deadline_ms));
	for (size_t i = 0; i < vs->n; i++) {
		const struct variant *v = &vs->v[i];

		if (todo[i])
			add_line(f, json_pack("{s:I, s:s, s:s, s:s, s:O}", "index", (json_int_t)i,
					      "case", v->case_name, "variant", v->name, "kind",
					      v->kind, "params", v->params));
	}
	fclose(f);
	return text;
}
