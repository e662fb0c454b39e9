// SPDX-License-Identifier: GPL-2.0-or-later
#include "run_verdicts.h"

#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge.h"
#include "paths.h"
#include "record.h"
#include "report.h"
#include "xalloc.h"

int verdicts_open(struct verdicts *v, struct progress *pg, bool quiet, struct err *err)
{
	_cleanup_free_ char *path = paths_data("kernels/known-issues.conf");

	*v = (struct verdicts){.pg = pg, .quiet = quiet};
	v->all = json_array();
	v->told = json_object();
	return known_load(path, &v->known, err);
}

void verdicts_free(struct verdicts *v)
{
	known_free(&v->known);
	json_decref(v->all);
	json_decref(v->told);
}

static bool is(const json_t *r, const char *key, const char *value)
{
	return !strcmp(jstr(r, key, ""), value);
}

/* Once: other rounds of it may come out the same, other variants for the same reason. */
static bool is_new(struct verdicts *v, const char *key)
{
	bool is_there = json_object_get(v->told, key);

	json_object_set_new(v->told, key, json_true());
	return !is_there;
}

/* "hang, class H3" */
static char *outcome_text(const json_t *r)
{
	const char *class = jstr(r, "class", NULL);

	return xasprintf("%s%s%s", jstr(r, "outcome", "?"), class ? ", class " : "",
			 class ? class : "");
}

static void tell_variant(struct verdicts *v, const json_t *r)
{
	const json_t *finding = json_array_get(json_object_get(r, "findings"), 0);
	const char *text = jstr(finding, "text", ""), *known = jstr(r, "known", NULL);
	bool expected = jbool(r, "expected", 0) == 1, error = is(r, "outcome", "error");
	_cleanup_free_ char *outcome = outcome_text(r);
	_cleanup_free_ char *name =
		xasprintf("%s/%s", jstr(r, "case", "?"), jstr(r, "variant", "?"));
	_cleanup_free_ char *key =
		error ? xasprintf("error %s", text) : xasprintf("%s %s", name, outcome);

	if ((expected && !known) || !is_new(v, key))
		return;
	if (expected)
		progress_expected(v->pg, "%s: %s, as expected (known issue %s)", name, outcome,
				  known);
	else if (known)
		progress_note(v->pg, "%s: %s, and known issue %s says that it must fail", name,
			      outcome, known);
	else
		progress_note(v->pg, "%s: %s%s%s%s", name, outcome, error ? "" : ", unexpected",
			      *text ? ": " : "", text);
}

static void tell_boot(struct verdicts *v, const json_t *r)
{
	const json_t *finding = json_array_get(json_object_get(r, "findings"), 0);
	const char *text = jstr(finding, "text", "");

	if (tally_boot_is_news(v->all, r) && is_new(v, text))
		progress_note(v->pg, "machine %" JSON_INTEGER_FORMAT ": %s: %s", jint(r, "boot", 0),
			      jstr(r, "outcome", "?"), text);
}

void verdicts_said(void *arg, json_t *records)
{
	struct verdicts *v = arg;
	size_t from = json_array_size(v->all);

	json_array_extend(v->all, records);
	judge_further(v->all, from, v->known);
	json_array_clear(records);
	for (size_t i = from; i < json_array_size(v->all); i++) {
		json_t *r = json_array_get(v->all, i);

		json_array_append(records, r);
		if (v->quiet)
			continue;
		if (is(r, "type", "boot"))
			tell_boot(v, r);
		else if (is(r, "control", "none"))
			tell_variant(v, r);
	}
}

void verdicts_tell_outcome(const struct verdicts *v)
{
	struct tally t;

	tally_records(v->all, &t);
	progress_note(
		v->pg,
		"%zu pass, %zu unsupported, %zu failed as expected, %zu unexpected, %zu errors",
		t.n[OUTCOME_PASS], t.n[OUTCOME_UNSUPPORTED], t.expected_bad, t.unexpected,
		t.errors);
}

int verdicts_anew(const char *kernel_dir, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/records.jsonl", kernel_dir);
	_cleanup_json_ json_t *records = NULL;
	int ret = report_load(kernel_dir, NULL, &records, err);

	if (!ret)
		ret = records_save(path, records, err);
	if (!ret)
		records_left_remove(kernel_dir);
	return ret;
}
