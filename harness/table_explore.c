// SPDX-License-Identifier: GPL-2.0-or-later
/* What explorations came to, class by class, with a schedule that gives each again. */
#include <string.h>

#include "json_util.h"
#include "table_internal.h"

static void print_class(FILE *out, const json_t *c)
{
	const char *witness = jstr(c, "witness", NULL);

	fprintf(out,
		"    %-12s %6" JSON_INTEGER_FORMAT " executions, %" JSON_INTEGER_FORMAT
		" outcome%s\n",
		jstr(c, "class", "?"), jint(c, "executions", 0), jint(c, "outcomes", 0),
		jint(c, "outcomes", 0) == 1 ? "" : "s");
	if (witness)
		fprintf(out, "                 --schedule '%s'\n", witness);
}

static void print_one(FILE *out, const json_t *r)
{
	const json_t *facts = json_object_get(r, "observed");
	size_t outcomes = json_array_size(json_object_get(facts, "outcomes"));
	json_t *c;
	size_t i;

	fprintf(out,
		"%s: %s%" JSON_INTEGER_FORMAT " executions of up to %" JSON_INTEGER_FORMAT
		" operations, %zu distinct outcome%s\n",
		jstr(r, "id", "?"),
		jbool(facts, "whole", 0) == 1 ? "all interleavings: " : "NOT ALL: ",
		jint(facts, "executions", 0), jint(facts, "longest", 0), outcomes,
		outcomes == 1 ? "" : "s");
	json_array_foreach (json_object_get(r, "classes"), i, c)
		print_class(out, c);
}

void table_print_explorations(FILE *out, const json_t *records)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r)
		if (!strcmp(jstr(r, "kind", ""), "explore") && json_object_get(r, "classes"))
			print_one(out, r);
}
