// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernels x variants table. What was observed follows in table_findings.c. */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "table_internal.h"
#include "xalloc.h"

#define MIN_COLUMN 9 /* "unexpect" would not fit, "ERROR" and "hang*" do */

/* What the table is made of: borrowed records, and the names of its columns and rows in order. */
struct grid {
	const json_t *records;
	const struct table_opts *opts;
	struct strv kernels;
	struct strv rows; /* "CASE/VARIANT" */
	int row_width, column;
};

static const struct {
	const char *outcome, *word, *colour;
} cells[] = {
	{"pass", "pass", "\033[32m"},	  {"unsupported", "-", "\033[2m"},
	{"fail", "FAIL", "\033[1;31m"},	  {"hang", "HANG", "\033[1;31m"},
	{"crash", "CRASH", "\033[1;31m"}, {"error", "ERROR", "\033[1;35m"},
};

bool table_is_bad(const json_t *r)
{
	const char *o = jstr(r, "outcome", "");

	return strcmp(o, "pass") && strcmp(o, "unsupported");
}

bool table_is_expected(const json_t *r)
{
	return jbool(r, "expected", 0) == 1;
}

bool table_is_variant(const json_t *r)
{
	return !strcmp(jstr(r, "type", ""), "variant") && !strcmp(jstr(r, "control", ""), "none");
}

static char *row_name(const json_t *r)
{
	return xasprintf("%s/%s", jstr(r, "case", "?"), jstr(r, "variant", "?"));
}

static void collect(struct grid *g)
{
	json_t *r;
	size_t i;

	json_array_foreach (g->records, i, r) {
		_cleanup_free_ char *row = row_name(r);

		if (!strv_contains(&g->kernels, jstr(r, "kernel", "?")))
			strv_add(&g->kernels, jstr(r, "kernel", "?"));
		if (table_is_variant(r) && !strv_contains(&g->rows, row))
			strv_add(&g->rows, row);
	}
	g->column = MIN_COLUMN;
	for (i = 0; i < g->kernels.n; i++)
		if ((int)strlen(g->kernels.v[i]) + 1 > g->column)
			g->column = strlen(g->kernels.v[i]) + 1;
	for (i = 0; i < g->rows.n; i++) {
		const char *variant = strchr(g->rows.v[i], '/') + 1;

		if ((int)strlen(variant) + 3 > g->row_width)
			g->row_width = strlen(variant) + 3;
	}
}

/* Of several rounds the worst one stands for all. */
static int badness(const json_t *r)
{
	return 2 * !table_is_expected(r) + table_is_bad(r);
}

static const json_t *cell(const struct grid *g, const char *row, const char *kernel)
{
	const json_t *worst = NULL;
	json_t *r;
	size_t i;

	json_array_foreach (g->records, i, r) {
		_cleanup_free_ char *name = row_name(r);

		if (table_is_variant(r) && !strcmp(name, row) &&
		    !strcmp(jstr(r, "kernel", ""), kernel) &&
		    (!worst || badness(r) > badness(worst)))
			worst = r;
	}
	return worst;
}

/* A failure that was expected is small and yellow and has a star. */
static void print_cell(FILE *out, const struct grid *g, const json_t *r)
{
	const char *outcome = jstr(r, "outcome", ""), *word = " ", *colour = "";
	char text[32];

	for (size_t i = 0; i < sizeof(cells) / sizeof(*cells); i++) {
		if (strcmp(cells[i].outcome, outcome))
			continue;
		word = cells[i].word;
		colour = cells[i].colour;
	}
	if (r && table_is_bad(r) && table_is_expected(r)) {
		snprintf(text, sizeof(text), "%s*", outcome);
		word = text;
		colour = "\033[33m";
	} else if (r && !table_is_bad(r) && !table_is_expected(r)) {
		snprintf(text, sizeof(text), "%s!", outcome);
		word = text;
		colour = "\033[1;31m";
	}
	if (g->opts->colour)
		fprintf(out, "%s%s\033[0m%*s", colour, word, g->column - (int)strlen(word), "");
	else
		fprintf(out, "%-*s", g->column, word);
}

static bool same_case(const char *row, const char *other)
{
	size_t n = strcspn(row, "/");

	return !strncmp(row, other, n + 1);
}

/* Rows [from, to) are one case; is there anything in it that deserves a line of its own? */
static bool quiet_case(const struct grid *g, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		for (size_t k = 0; k < g->kernels.n; k++) {
			const json_t *r = cell(g, g->rows.v[i], g->kernels.v[k]);

			if (r && (table_is_bad(r) || !table_is_expected(r)))
				return false;
		}
	return to - from > 1;
}

static void print_count(FILE *out, const struct grid *g, size_t from, size_t to, const char *kernel)
{
	size_t pass = 0, lacks = 0;
	char text[32];

	for (size_t i = from; i < to; i++) {
		const char *o = jstr(cell(g, g->rows.v[i], kernel), "outcome", "");

		pass += !strcmp(o, "pass");
		lacks += !strcmp(o, "unsupported");
	}
	if (lacks)
		snprintf(text, sizeof(text), "%zu  %zu-", pass, lacks);
	else
		snprintf(text, sizeof(text), "%zu", pass);
	if (g->opts->colour)
		fprintf(out, "\033[32m%s\033[0m%*s", text, g->column - (int)strlen(text), "");
	else
		fprintf(out, "%-*s", g->column, text);
}

static void print_case(FILE *out, const struct grid *g, size_t from, size_t to, size_t k0,
		       size_t k1)
{
	const char *row = g->rows.v[from];
	int name = strcspn(row, "/");
	char heading[128];

	if (quiet_case(g, from, to)) {
		snprintf(heading, sizeof(heading), "%.*s (%zu)", name, row, to - from);
		fprintf(out, "%-*s", g->row_width, heading);
		for (size_t k = k0; k < k1; k++)
			print_count(out, g, from, to, g->kernels.v[k]);
		fputc('\n', out);
		return;
	}
	fprintf(out, "%.*s\n", name, row);
	for (size_t i = from; i < to; i++) {
		fprintf(out, "  %-*s", g->row_width - 2, strchr(g->rows.v[i], '/') + 1);
		for (size_t k = k0; k < k1; k++)
			print_cell(out, g, cell(g, g->rows.v[i], g->kernels.v[k]));
		fputc('\n', out);
	}
}

/* The release without the distribution's tail: the column is narrow. */
static char *short_release(const struct grid *g, const char *kernel)
{
	json_t *r;
	size_t i;

	json_array_foreach (g->records, i, r) {
		const char *release = jstr(r, "release", NULL);

		/* The package's version tells the stable release; Debian's 6.1.0-56 does not. */
		if (strcmp(jstr(r, "kernel", ""), kernel) || strcmp(jstr(r, "type", ""), "boot"))
			continue;
		const char *version = jstr(r, "version", release ? release : "");

		return xstrndup(version, strcspn(version, "-+~ "));
	}
	return xstrdup("");
}

static void print_header(FILE *out, const struct grid *g, size_t k0, size_t k1)
{
	fprintf(out, "%*s", g->row_width, "");
	for (size_t k = k0; k < k1; k++)
		fprintf(out, "%-*s", g->column, g->kernels.v[k]);
	fprintf(out, "\n%*s", g->row_width, "");
	for (size_t k = k0; k < k1; k++) {
		_cleanup_free_ char *release = short_release(g, g->kernels.v[k]);

		fprintf(out, "%s%-*.*s%s", g->opts->colour ? "\033[2m" : "", g->column,
			g->column - 1, release, g->opts->colour ? "\033[0m" : "");
	}
	fputc('\n', out);
}

static void print_grid(FILE *out, const struct grid *g, size_t k0, size_t k1)
{
	print_header(out, g, k0, k1);
	for (size_t i = 0, to; i < g->rows.n; i = to) {
		for (to = i + 1; to < g->rows.n && same_case(g->rows.v[i], g->rows.v[to]); to++)
			;
		print_case(out, g, i, to, k0, k1);
	}
	fputc('\n', out);
}

void table_print(FILE *out, const json_t *records, const struct tally *t,
		 const struct table_opts *opts)
{
	struct grid g = {.records = records, .opts = opts, .row_width = 24};
	unsigned width = opts->width ? opts->width : 100;

	collect(&g);
	size_t fit =
		width > (unsigned)(g.row_width + g.column) ? (width - g.row_width) / g.column : 1;

	for (size_t k = 0; g.rows.n && k < g.kernels.n; k += fit)
		print_grid(out, &g, k, k + fit < g.kernels.n ? k + fit : g.kernels.n);
	table_print_explorations(out, records);
	table_print_findings(out, records, opts);
	table_print_frequencies(out, records);
	table_print_summary(out, records, t, opts);
	strv_free(&g.kernels);
	strv_free(&g.rows);
}
