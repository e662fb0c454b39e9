// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "paths.h"
#include "proto.h"
#include "xalloc.h"

#define EXPLORE_MS 3000000 /* guest time of an exploration: thousands of executions */

static void add_line(FILE *f, json_t *line)
{
	json_dumpf(line, f, JSON_COMPACT);
	fputc('\n', f);
	json_decref(line);
}

static json_t *variant_line(const struct variant *v, size_t i)
{
	json_t *line =
		json_pack("{s:I, s:s, s:s, s:s, s:O}", "index", (json_int_t)i, "case", v->case_name,
			  "variant", v->name, "kind", v->kind, "params", v->params);

	if (!strcmp(v->kind, "explore"))
		json_object_set_new(line, "deadline_ms", json_integer(EXPLORE_MS));
	return line;
}

char *plan_text(const struct variants *vs, const bool *todo, const struct plan_opts *opts)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		abort();
	add_line(f, json_pack("{s:i, s:s, s:i, s:b, s:b, s:b}", "proto", SM_PROTO, "nonce",
			      opts->nonce, "deadline_ms", (int)opts->deadline_ms, "probe",
			      opts->probe, "by_turns", opts->by_turns, "packed", opts->packed));
	for (size_t i = 0; i < vs->n; i++) {
		if (todo[i])
			add_line(f, variant_line(&vs->v[i], i));
	}
	fclose(f);
	return text;
}

int plan_default(const char *only, const struct plan_opts *opts, char **text, struct err *err)
{
	_cleanup_free_ char *conf = paths_data("cases/cases.conf");
	_cleanup_variants_ struct variants vs = {0};
	int ret = cases_load(conf, &vs, err);

	if (!ret)
		ret = cases_select(&vs, "default", only, err);
	if (ret < 0)
		return ret;
	_cleanup_free_ bool *all = xcalloc(vs.n, sizeof(*all));

	memset(all, true, vs.n * sizeof(*all));
	*text = plan_text(&vs, all, opts);
	return 0;
}
