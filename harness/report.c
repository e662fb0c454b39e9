// SPDX-License-Identifier: GPL-2.0-or-later
#include "report.h"

#include <stdio.h>
#include <time.h>

#include "cases.h"
#include "cleanup.h"
#include "frequency.h"
#include "json_util.h"
#include "judge.h"
#include "known.h"
#include "matrix.h"
#include "paths.h"
#include "proto.h"
#include "record.h"
#include "run_dir.h"
#include "table.h"
#include "term.h"

/* Kernel by kernel: nothing that is known of one says anything about another. */
static json_t *judge_kernels(const json_t *records, const struct strv *judged,
			     const struct known *known)
{
	_cleanup_strv_ struct strv done = {0};
	json_t *all = json_array(), *r;
	size_t i;

	json_array_foreach (records, i, r) {
		const char *kernel = jstr(r, "kernel", "");

		if (strv_contains(&done, kernel))
			continue;
		_cleanup_json_ json_t *own = record_select(records, kernel);

		strv_add(&done, kernel);
		if (!judged || !strv_contains(judged, kernel))
			judge_records(own, known);
		json_array_extend(all, own);
	}
	return all;
}

/* The format of the facts in @r (SM_PROTO of who wrote them), or 0 when it holds none. */
static json_int_t format_of(const json_t *r)
{
	return jint(json_object_get(r, "hello"), "proto", 0);
}

static int check_formats(const json_t *records, struct err *err)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r)
		if (format_of(r) > SM_PROTO)
			return err_set(err, ERR_USER, 0,
				       "the records of %s were written by a newer sealmatrix "
				       "(format %" JSON_INTEGER_FORMAT ", this one knows %d): only "
				       "that one can judge them",
				       jstr(r, "kernel", "?"), format_of(r), SM_PROTO);
	return 0;
}

int report_load(const char *dir, const struct strv *judged, json_t **records, struct err *err)
{
	_cleanup_json_ json_t *raw = NULL;
	_cleanup_known_ struct known *known = NULL;
	_cleanup_free_ char *path = paths_data("kernels/known-issues.conf");
	int ret = known_load(path, &known, err);

	if (!ret)
		ret = records_load(dir, &raw, err);
	if (!ret)
		ret = check_formats(raw, err);
	if (!ret)
		*records = judge_kernels(raw, judged, known);
	return ret;
}

/* Lines about the known issues themselves. Without the files that takes there is nothing to say. */
static json_t *review(const json_t *records)
{
	_cleanup_free_ char *known_path = paths_data("kernels/known-issues.conf");
	_cleanup_free_ char *cases_path = paths_data("cases/cases.conf");
	_cleanup_known_ struct known *known = NULL;
	_cleanup_variants_ struct variants vs = {0};
	_cleanup_matrix_ struct matrix m = {0};
	struct err ignored = ERR_INIT;
	char today[16];
	time_t now = time(NULL);
	struct tm tm;

	strftime(today, sizeof(today), "%Y-%m-%d", gmtime_r(&now, &tm));
	if (known_load(known_path, &known, &ignored) < 0 ||
	    cases_load(cases_path, &vs, &ignored) < 0 || matrix_open(&m, &ignored) < 0)
		return json_array();
	return known_review(known, records, &m, &vs, today);
}

/* "6.12, newest": the kernels of the run without a word about them. Caller frees; NULL: none. */
static char *unheard(const char *dir, const json_t *records)
{
	_cleanup_strv_ struct strv kernels = {0}, silent = {0};

	run_dir_kernels(dir, &kernels);
	for (size_t i = 0; i < kernels.n; i++) {
		_cleanup_json_ json_t *own = record_select(records, kernels.v[i]);

		if (!json_array_size(own))
			strv_add(&silent, kernels.v[i]);
	}
	return silent.n ? strv_join(&silent, ", ") : NULL;
}

static void add_line(json_t *lines, char *text)
{
	_cleanup_free_ char *own = text;

	json_array_append_new(lines, json_string(own));
}

static bool is_complete(const char *dir)
{
	return run_dir_is_complete(dir) && !records_left(dir);
}

static void note_older(const json_t *records, json_t *lines)
{
	_cleanup_strv_ struct strv kernels = {0};
	json_int_t format = SM_PROTO;
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		const char *kernel = jstr(r, "kernel", "?");

		if (!format_of(r) || format_of(r) >= SM_PROTO)
			continue;
		format = format_of(r) < format ? format_of(r) : format;
		if (!strv_contains(&kernels, kernel))
			strv_add(&kernels, kernel);
	}
	if (!kernels.n)
		return;
	_cleanup_free_ char *names = strv_join(&kernels, ", ");

	add_line(lines, xasprintf("The records of %s were written by an older sealmatrix (format "
				  "%" JSON_INTEGER_FORMAT ", this one writes %d): facts that it "
				  "wrote down otherwise count as not looked at.",
				  names, format, SM_PROTO));
}

json_t *report_notes(const char *dir, const json_t *records, const struct tally *t)
{
	_cleanup_free_ char *missing = unheard(dir, records);
	json_t *lines = json_array();

	note_older(records, lines);
	/* Whoever was asked to stop has said so in the records. */
	if (!is_complete(dir) && !t->boots_incomplete)
		add_line(lines, xstrdup("The run is incomplete: it was killed, or is not through. "
					"What is missing was not run, or not to its end."));
	if (missing)
		add_line(lines, xasprintf("Nothing is on record of %s.", missing));
	return lines;
}

static void print_lines(const json_t *lines)
{
	json_t *line;
	size_t i;

	json_array_foreach (lines, i, line)
		puts(json_string_value(line));
}

static void print_json(const json_t *records, const json_t *to_review, const json_t *to_note,
		       const struct tally *t, int status)
{
	_cleanup_json_ json_t *outcomes = json_object();

	for (int o = 0; o < OUTCOMES; o++)
		json_object_set_new(outcomes, outcome_name(o), json_integer(t->n[o]));
	_cleanup_json_ json_t *often = frequencies(records);
	_cleanup_json_ json_t *all =
		json_pack("{s:i, s:O, s:I, s:I, s:I, s:I, s:O, s:O, s:O}", "status", status,
			  "outcomes", outcomes, "expected_failures", (json_int_t)t->expected_bad,
			  "unexpected", (json_int_t)t->unexpected, "unavailable",
			  (json_int_t)t->unavailable, "incomplete", (json_int_t)t->boots_incomplete,
			  "notes", to_note, "review", to_review, "records", records);

	if (json_object_size(often))
		json_object_set(all, "frequencies", often);
	json_dumpf(all, stdout, JSON_COMPACT);
	putchar('\n');
}

int report_print(const char *dir, const json_t *records, bool as_json, int own)
{
	struct tally t;
	_cleanup_free_ char *missing = unheard(dir, records);

	tally_records(records, &t);
	int status = own >= 0 ? own : tally_status(&t) ?: missing || !is_complete(dir);

	_cleanup_json_ json_t *to_review = review(records),
			      *to_note = report_notes(dir, records, &t);

	if (as_json) {
		print_json(records, to_review, to_note, &t, status);
		return status;
	}
	struct table_opts opts = {
		.colour = term_colour(stdout), .width = term_width(stdout), .results = dir};

	table_print(stdout, records, &t, &opts);
	print_lines(to_note);
	print_lines(to_review);
	return status;
}
