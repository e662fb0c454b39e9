// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "known.h"
#include "matrix.h"
#include "paths.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

static int load(const char *text, struct known **known, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/known.conf", test_dir());
	struct err werr = ERR_INIT;

	*err = (struct err)ERR_INIT;
	ck_assert_msg(!publish_buffer(path, text, strlen(text), &werr), "%s", werr.msg);
	return known_load(path, known, err);
}

#define ISSUE                                                                                \
	"[cow]\nkernels = cow-* x\ncases = stage-machine/* cow/0x1f\nseals-include = 0x10\n" \
	"outcomes = fail hang\nassertions = a b\ntext = t\nref = r\n"

static const struct {
	const char *kernel, *name, *variant, *outcome, *assertions;
	int seals;
	bool match;
} rows[] = {
	{"cow-6.1", "stage-machine", "memfd-0x1f", "fail", "a", 0x1f, true},
	{"cow-6.1", "stage-machine", "memfd-0x1f", "hang", "a b a", 0x3f, true},
	{"x", "cow", "0x1f", "fail", "b", 0x10, true},
	{"6.1", "stage-machine", "memfd-0x1f", "fail", "a", 0x1f, false},
	{"cow-6.1", "seal", "0x1f", "fail", "a", 0x1f, false},
	{"cow-6.1", "cow", "0x10", "fail", "a", 0x10, false},
	{"cow-6.1", "stage-machine", "memfd-0xf", "fail", "a", 0xf, false},
	{"cow-6.1", "stage-machine", "file", "fail", "a", -1, false},
	{"cow-6.1", "stage-machine", "memfd-0x1f", "crash", "a", 0x1f, false},
	{"cow-6.1", "stage-machine", "memfd-0x1f", "error", "a", 0x1f, false},
	{"cow-6.1", "stage-machine", "memfd-0x1f", "fail", "a c", 0x1f, false},
};

static json_t *record(size_t i)
{
	_cleanup_strv_ struct strv names = {0};
	json_t *r = json_pack("{s:s, s:s, s:s, s:s, s:[], s:{}}", "kernel", rows[i].kernel, "case",
			      rows[i].name, "variant", rows[i].variant, "outcome", rows[i].outcome,
			      "findings", "observed");

	strv_split(&names, rows[i].assertions, " ");
	for (size_t k = 0; k < names.n; k++)
		json_array_append_new(json_object_get(r, "findings"),
				      json_pack("{s:s, s:s}", "assertion", names.v[k], "text", ""));
	if (rows[i].seals >= 0)
		json_object_set_new(json_object_get(r, "observed"), "seals",
				    json_integer(rows[i].seals));
	return r;
}

START_TEST(what_an_issue_covers)
{
	_cleanup_known_ struct known *known = NULL;
	_cleanup_json_ json_t *r = record(_i);
	struct err err;

	ck_assert_msg(!load(ISSUE, &known, &err), "%s", err.msg);
	const struct known_issue *issue = known_match(known, r);

	ck_assert_msg(!!issue == rows[_i].match, "row %d", _i);
	if (issue) {
		ck_assert_str_eq(issue->id, "cow");
		ck_assert_str_eq(issue->text, "t");
		ck_assert_str_eq(issue->ref, "r");
		ck_assert_int_eq(issue->strict, 0);
	}
}
END_TEST

START_TEST(class_narrows_it)
{
	_cleanup_known_ struct known *known = NULL;
	_cleanup_json_ json_t *r = record(0);
	struct err err;

	ck_assert_msg(!load(ISSUE "class = H3\n", &known, &err), "%s", err.msg);
	ck_assert_ptr_null(known_match(known, r));
	json_object_set_new(r, "class", json_string("H3"));
	ck_assert_ptr_nonnull(known_match(known, r));
}
END_TEST

static const struct {
	const char *release;
	bool match;
} in_series[] = {
	{"6.3.0-1-amd64", true}, {"6.19.14", true}, {"6.10-rc1", true}, {"6.2.16", false},
	{"6.20.1", false},	 {"5.10.1", false}, {"phone", false},	{NULL, false},
};

START_TEST(series_narrows_it)
{
	_cleanup_known_ struct known *known = NULL;
	_cleanup_json_ json_t *r = record(0);
	struct err err;

	ck_assert_msg(!load(ISSUE "series = 6.3..6.19\n", &known, &err), "%s", err.msg);
	if (in_series[_i].release)
		json_object_set_new(r, "release", json_string(in_series[_i].release));
	ck_assert_int_eq(known_match(known, r) != NULL, in_series[_i].match);
}
END_TEST

/* Which kernels there are, which of them were booted, and how their variants came out. */
static const struct {
	const char *issue, *booted, *outcome, *today, *says;
} reviews[] = {
	{"", "cow-1 x", "fail", "2027-01-01", NULL},
	{"review = 2027-03-31\n", "cow-1 x", "fail", "2027-03-30", NULL},
	{"review = 2027-03-31\n", "cow-1 x", "fail", "2027-03-31", "looked at again on 2027-03-31"},
	{"", "cow-1 x", "pass", "2027-01-01", "it never matched"},
	{"", "cow-1 x", "crash", "2027-01-01", "it never matched"}, /* not one that it covers */
	{"", "cow-1", "pass", "2027-01-01", NULL},		    /* x may still need it */
	{"series = 6.0..6.9\n", "cow-1", "pass", "2027-01-01", "it never matched"}, /* x is 5.1 */
	{"series = 5.0..5.9\n", "cow-1 x", "fail", "2027-01-01", NULL}, /* not spoken of */
};

START_TEST(issues_are_reviewed)
{
	static const char matrix[] = "[cow-1]\nprovider=file\narch=x\nseries=6.1\n[x]\nprovider="
				     "file\narch=x\nseries=5.1\n"
				     "[cow-old]\nprovider=file\narch=x\nseries=6.1\ntags=past\n"
				     "[other]\nprovider=file\narch=x\n";
	_cleanup_free_ char *text = xasprintf(ISSUE "%s", reviews[_i].issue);
	_cleanup_free_ char *path = xasprintf("%s/m.conf", test_dir());
	struct variant v = {.case_name = "cow", .name = "0x1f"};
	struct variants vs = {&v, 1};
	_cleanup_known_ struct known *known = NULL;
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_json_ json_t *records = json_array();
	_cleanup_strv_ struct strv booted = {0};
	struct err err;

	ck_assert_msg(!load(text, &known, &err), "%s", err.msg);
	ck_assert_int_eq(publish_buffer(path, matrix, strlen(matrix), &err), 0);
	ck_assert_msg(!matrix_load(path, &m, &err), "%s", err.msg);
	strv_split(&booted, reviews[_i].booted, " ");
	for (size_t i = 0; i < booted.n; i++) {
		json_array_append_new(records, json_pack("{s:s, s:s, s:s}", "type", "boot",
							 "kernel", booted.v[i], "end", "done"));
		json_array_append_new(
			records,
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:[{s:s}], s:{s:i}}", "type",
				  "variant", "kernel", booted.v[i], "release",
				  *booted.v[i] == 'x' ? "5.1.0" : "6.1.7", "case", "cow", "variant",
				  "0x1f", "outcome", reviews[_i].outcome, "findings", "assertion",
				  "a", "observed", "seals", 0x1f));
	}
	_cleanup_json_ json_t *lines = known_review(known, records, &m, &vs, reviews[_i].today);

	ck_assert_uint_eq(json_array_size(lines), reviews[_i].says ? 1 : 0);
	const char *line = json_string_value(json_array_get(lines, 0));

	ck_assert_msg(!reviews[_i].says || strstr(line, reviews[_i].says), "%s", line);
	ck_assert(!line || !strncmp(line, "known issue cow: ", 17));
}
END_TEST

/* Mistyped patterns, which would otherwise excuse nothing in silence. */
START_TEST(patterns_that_name_nothing_are_said)
{
	static const char matrix[] = "[other]\nprovider=file\narch=x\n";
	_cleanup_free_ char *path = xasprintf("%s/m.conf", test_dir());
	struct variant v[] = {{.case_name = "cow", .name = "0x1f"},
			      {.case_name = "seal", .name = "0x1f"}};
	struct variants vs = {v, 1}, none = {v + 1, 1};
	_cleanup_known_ struct known *known = NULL;
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_json_ json_t *records = json_array();
	struct err err;

	ck_assert_msg(!load(ISSUE, &known, &err), "%s", err.msg);
	ck_assert_int_eq(publish_buffer(path, matrix, strlen(matrix), &err), 0);
	ck_assert_msg(!matrix_load(path, &m, &err), "%s", err.msg);
	_cleanup_json_ json_t *kernel = known_review(known, records, &m, &vs, "2020-01-01");
	_cleanup_json_ json_t *cases = known_review(known, records, &m, &none, "2020-01-01");

	ck_assert_ptr_nonnull(strstr(json_string_value(json_array_get(kernel, 0)), "'cow-*'"));
	ck_assert_ptr_nonnull(
		strstr(json_string_value(json_array_get(cases, 0)), "'stage-machine/*'"));
}
END_TEST

/* A strict issue also speaks of the variant that passes. */
START_TEST(strict_matches_a_pass)
{
	_cleanup_known_ struct known *known = NULL;
	_cleanup_json_ json_t *r = record(0);
	struct err err;

	ck_assert_msg(!load(ISSUE "strict = yes\n", &known, &err), "%s", err.msg);
	json_object_set_new(r, "outcome", json_string("pass"));
	const struct known_issue *issue = known_match(known, r);

	ck_assert_ptr_nonnull(issue);
	ck_assert_int_eq(issue->strict, 1);
}
END_TEST

#define GOOD "[x]\nkernels = k\ncases = *\noutcomes = fail\ntext = t\n"

static const struct {
	const char *text, *part;
} bad[] = {
	{"[x]\nkernels = k\ncases = *\noutcomes = fail\n", "needs text"},
	{"[x]\nkernels = k\ncases = *\ntext = t\n", "outcomes"},
	{"[x]\ncases = *\noutcomes = fail\ntext = t\n", "kernels"},
	{"[x]\nkernels = k\noutcomes = fail\ntext = t\n", "cases"},
	{"[x]\nkernels = k\ncases = *\noutcomes = fial\ntext = t\n", "not 'fial'"},
	{"[x]\nkernels = k\ncases = *\noutcomes = error\ntext = t\n", "not 'error'"},
	{GOOD "frob = 1\n", "'frob'"},
	{GOOD "seals-include = FUTURE\n", "takes a mask"},
	{GOOD "seals-include = -1\n", "takes a mask"},
	{GOOD "seals-include =\n", "takes a mask"},
	{GOOD "strict = maybe\n", "yes or no"},
	{GOOD "review = soon\n", "is a date"},
	{GOOD "review = 2027-13-01\n", "is a date"},
	{GOOD "review = 2027-3-1\n", "is a date"},
	{GOOD "review = 27-03-01\n", "is a date"},
	{GOOD "text = again\n", "twice"},
	{GOOD "series = 6.3\n", "is a range"},
	{GOOD "series = 6.9..6.3\n", "is a range"},
	{GOOD "series = 6.3..\n", "is a range"},
	{GOOD "series = 6.3..6.4\nseries = 6.3..6.4\n", "twice"},
	{GOOD "nonsense\n", "known.conf:6"},
};

START_TEST(bad_file_is_refused)
{
	_cleanup_known_ struct known *known = NULL;
	struct err err;

	ck_assert_int_lt(load(bad[_i].text, &known, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, bad[_i].part) && strstr(err.msg, "known.conf"), "%s",
		      err.msg);
	ck_assert_ptr_null(known);
}
END_TEST

/* @assertions, separated by blanks, or NULL. */
static json_t *findings_of(const char *assertions)
{
	_cleanup_strv_ struct strv names = {0};
	json_t *all = json_array();

	strv_split(&names, assertions ? assertions : "", " ");
	for (size_t i = 0; i < names.n; i++)
		json_array_append_new(all, json_pack("{s:s}", "assertion", names.v[i]));
	return all;
}

#define SHARED "no-shared-globals "

/* The file that is shipped: the seeded fault is covered where it must show, and only there. */
START_TEST(shipped_issues)
{
	static const struct {
		const char *kernel, *name, *outcome, *assertion;
		int seals;
		bool match;
	} checks[] = {
		{"cow-6.1", "stage-machine", "fail", "no-shared-globals", 0x1f, true},
		{"cow-6.1", "stage-machine", "hang", SHARED "no-deadlock", 0x10, true},
		{"cow-6.1", "stage-machine", "fail", SHARED "valid-descriptors", 0x1f, true},
		{"cow-6.1", "stage-machine", "fail", SHARED "completion", 0x1f, true},
		{"cow-6.1", "stage-machine", "hang", "no-deadlock", 0x10, false},
		{"cow-6.1", "stage-machine", "fail", "valid-descriptors", 0x1f, false},
		{"cow-6.1", "stage-machine", "fail", "completion", 0x1f, false},
		{"cow-6.1", "stage-machine", "fail", SHARED "seals", 0x1f, false},
		{"cow-6.1", "cow", "fail", "copy-on-write", 0x17, true},
		{"cow-6.1", "stage-machine", "fail", "seals", 0x1f, false},
		{"cow-6.1", "stage-machine", "fail", "no-shared-globals", 0xf, false},
		{"cow-6.1", "cow", "fail", "copy-on-write", 0xf, false},
		{"cow-6.1", "seal", "fail", "seal-write", 0x1f, false},
		{"6.1", "stage-machine", "fail", "no-shared-globals", 0x1f, false},
		{"6.12", "seal", "fail", "seal-write-implied", 0x3e, true},
		{"6.12", "seal", "fail", "seal-write", 0x3e, false},
		{"6.12", "seal", "fail", "seal-write-implied", 0x1f, false},
		{"7.0", "seal", "fail", "seal-write-implied", 0x3e, false}, /* fixed there */
	};
	_cleanup_free_ char *path = paths_data("kernels/known-issues.conf");
	_cleanup_known_ struct known *known = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(!known_load(path, &known, &err), "%s", err.msg);
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		_cleanup_json_ json_t *r = json_pack(
			"{s:s, s:s, s:s, s:s, s:s, s:o, s:{s:i}}", "kernel", checks[i].kernel,
			"release", checks[i].kernel, "case", checks[i].name, "variant", "v",
			"outcome", checks[i].outcome, "findings", findings_of(checks[i].assertion),
			"observed", "seals", checks[i].seals);

		const struct known_issue *issue = known_match(known, r);

		ck_assert_msg(!!issue == checks[i].match, "row %zu", i);
		ck_assert(!issue || strcmp(checks[i].kernel, "cow-6.1") ||
			  (issue->strict && strstr(issue->ref, "05d351102dbe")));
	}
}
END_TEST

static json_t *outcome_of(const struct kernel_spec *spec, const char *name, const char *variant,
			  const char *outcome, const char *assertion, int seals)
{
	return json_pack("{s:s, s:s*, s:s, s:s, s:s, s:o, s:{s:i}}", "kernel", spec->name,
			 "release", spec->series, "case", name, "variant", variant, "outcome",
			 outcome, "findings", findings_of(assertion), "observed", "seals", seals);
}

/*
 * Each kernel of the matrix that is tagged affected may fail where the seal is, and must not pass
 * there unnoticed; no other one may fail at all.
 */
START_TEST(affected_kernels_are_the_known_ones)
{
	static const struct {
		const char *name, *variant, *outcome, *assertion;
		int seals;
		bool known;
	} checks[] = {
		{"stage-machine", "memfd-0x1f", "fail", "no-shared-globals", 0x1f, true},
		{"stage-machine", "memfd-0x1f-H3", "hang", SHARED "no-deadlock", 0x1f, true},
		{"stage-machine", "runc-1.2.4", "fail", SHARED "completion", 0x1f, true},
		{"stage-machine", "runc-1.2.4", "fail", "completion", 0x1f, false},
		{"cow", "0x10", "fail", "copy-on-write", 0x10, true},
		{"cow", "0x10", "pass", NULL, 0x10, true},
		{"stage-machine", "memfd-0x1f-execveat", "pass", NULL, 0x1f, true},
		{"stage-machine", "memfd-0xf", "fail", "no-shared-globals", 0xf, false},
		{"cow", "0xf", "fail", "copy-on-write", 0xf, false},
		{"seal", "0x10", "fail", "seal-map", 0x10, false},
		{"stage-machine", "memfd-0x1f", "crash", NULL, 0x1f, false},
	};
	_cleanup_free_ char *path = paths_data("kernels/known-issues.conf");
	_cleanup_known_ struct known *known = NULL;
	_cleanup_matrix_ struct matrix m = {0};
	struct err err = ERR_INIT;
	int affected = 0;

	setenv("XDG_CONFIG_HOME", test_dir(), 1); /* the shipped matrix alone */
	ck_assert_msg(!known_load(path, &known, &err), "%s", err.msg);
	ck_assert_msg(!matrix_open(&m, &err), "%s", err.msg);
	for (size_t k = 0; k < m.n; k++) {
		bool tagged = strv_contains(&m.v[k].tags, "affected");

		affected += tagged;
		for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
			_cleanup_json_ json_t *r =
				outcome_of(&m.v[k], checks[i].name, checks[i].variant,
					   checks[i].outcome, checks[i].assertion, checks[i].seals);
			const struct known_issue *issue = known_match(known, r);

			ck_assert_msg(!!issue == (tagged && checks[i].known), "%s: row %zu",
				      m.v[k].name, i);
			ck_assert(!issue || issue->strict);
		}
	}
	ck_assert_int_gt(affected, 8);
}
END_TEST

TEST_SUITE(known_suite)
{
	Suite *s = suite_create("known issues");
	TCase *tc = tcase_create("known issues");

	tcase_add_loop_test(tc, what_an_issue_covers, 0, (int)(sizeof(rows) / sizeof(*rows)));
	tcase_add_test(tc, class_narrows_it);
	tcase_add_loop_test(tc, series_narrows_it, 0, sizeof(in_series) / sizeof(*in_series));
	tcase_add_loop_test(tc, issues_are_reviewed, 0, sizeof(reviews) / sizeof(*reviews));
	tcase_add_test(tc, patterns_that_name_nothing_are_said);
	tcase_add_test(tc, strict_matches_a_pass);
	tcase_add_loop_test(tc, bad_file_is_refused, 0, (int)(sizeof(bad) / sizeof(*bad)));
	tcase_add_test(tc, shipped_issues);
	tcase_add_test(tc, affected_kernels_are_the_known_ones);
	suite_add_tcase(s, tc);
	return s;
}
