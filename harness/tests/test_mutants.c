// SPDX-License-Identifier: GPL-2.0-or-later
/* Seeded faults: the table, kernels named BASE+FAULT, and who is said to have caught what. */
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "cleanup.h"
#include "matrix.h"
#include "mutants.h"
#include "paths.h"
#include "publish.h"
#include "series.h"
#include "test.h"

#define N(a) ((int)(sizeof(a) / sizeof(*(a))))

static char *put(const char *text)
{
	char *path = xasprintf("%s/a.conf", test_dir());
	struct err err = ERR_INIT;

	ck_assert_msg(!publish_buffer(path, text, strlen(text), &err), "%s", err.msg);
	return path;
}

static const struct {
	const char *series, *range;
	bool within;
} ranges[] = {
	{"5.10", "5.10..6.1", true},	 {"6.1", "5.10..6.1", true}, {"5.9", "5.10..6.1", false},
	{"6.12", "5.10..6.1", false},	 {"6.1", "6.1", false},	     {"6.1", "6.1..", false},
	{"mainline", "5.1..6.1", false}, {NULL, "5.1..6.1", false},  {"6.1", "6.2..5.1", false},
};

START_TEST(ranges_of_series)
{
	ck_assert_int_eq(series_within(ranges[_i].series, ranges[_i].range), ranges[_i].within);
}
END_TEST

/* --- the table -------------------------------------------------------------------------------- */

#define FAULT                                                                       \
	"[f]\ntext = t\nref = r\npatches = 5.10..6.1:patches/a.patch 6.12..7.3:b\n" \
	"caught-by = seal/0x4 seal-grow grow with *, cow/0x1? copy-on-write\n"

START_TEST(fault_is_read)
{
	_cleanup_free_ char *path = put(FAULT "also = x y\n");
	_cleanup_mutants_ struct mutants all;
	struct err err = ERR_INIT;

	ck_assert_msg(mutants_load(path, &all, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(all.n, 1);
	ck_assert_uint_eq(all.v[0].nmust, 2);
	ck_assert_str_eq(all.v[0].must[0].variant, "seal/0x4");
	ck_assert_str_eq(all.v[0].must[0].assertion, "seal-grow");
	ck_assert_str_eq(all.v[0].must[0].text, "grow with *");
	ck_assert_str_eq(all.v[0].must[1].assertion, "copy-on-write");
	ck_assert_ptr_null(all.v[0].must[1].text);
	ck_assert(strv_contains(&all.v[0].also, "y"));
	ck_assert_str_eq(mutant_patch(&all.v[0], "5.15"), "patches/a.patch");
	ck_assert_str_eq(mutant_patch(&all.v[0], "7.3"), "b");
	ck_assert_ptr_null(mutant_patch(&all.v[0], "6.6"));
}
END_TEST

static const struct {
	const char *text, *part;
} mistakes[] = {
	{"[f]\ntext = t\nref = r\npatches = 5.1..5.2:a\n", "[f] needs"},
	{FAULT "text = again\n", "text is given twice"},
	{FAULT "caught-by = seal/0x4\n", "not 'seal/0x4'"},
	{FAULT "caught-by = 0x4 seal-grow\n", "not '0x4 seal-grow'"},
	{FAULT "patches = a.patch\n", "not 'a.patch'"},
	{FAULT "patches = 6.1..5.1:a\n", "not '6.1..5.1:a'"},
	{FAULT "patches = 5.1..6.1:\n", "RANGE:FILE"},
	{FAULT "caught = x\n", "unknown key 'caught'"},
};

START_TEST(mistakes_in_the_table_are_named)
{
	_cleanup_free_ char *path = put(mistakes[_i].text);
	_cleanup_mutants_ struct mutants all;
	struct err err = ERR_INIT;

	ck_assert_int_lt(mutants_load(path, &all, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, mistakes[_i].part) != NULL, "%s", err.msg);
}
END_TEST

static bool is_variant(const struct variants *vs, const char *pattern)
{
	for (size_t i = 0; i < vs->n; i++) {
		_cleanup_free_ char *name = xasprintf("%s/%s", vs->v[i].case_name, vs->v[i].name);

		if (!fnmatch(pattern, name, 0) && strv_contains(&vs->v[i].suites, "default"))
			return true;
	}
	return false;
}

/* A detector that is not run could not fire, and a patch that is not there could not be built. */
START_TEST(shipped_faults_can_be_built_and_caught)
{
	_cleanup_free_ char *path = paths_data("cases/cases.conf");
	_cleanup_mutants_ struct mutants all;
	_cleanup_variants_ struct variants vs = {0};
	struct err err = ERR_INIT;

	ck_assert_msg(mutants_open(&all, &err) == 0, "%s", err.msg);
	ck_assert_msg(cases_load(path, &vs, &err) == 0, "%s", err.msg);
	ck_assert_uint_ge(all.n, 16);
	for (size_t i = 0; i < all.n; i++) {
		const struct mutant *m = &all.v[i];

		for (size_t k = 0; k < m->nmust; k++)
			ck_assert_msg(is_variant(&vs, m->must[k].variant), "%s: %s", m->name,
				      m->must[k].variant);
		for (size_t k = 0; k < m->patches.n; k++) {
			_cleanup_free_ char *rel =
				xasprintf("kernels/%s", strchr(m->patches.v[k], ':') + 1);
			_cleanup_free_ char *file = paths_data(rel);

			ck_assert_msg(access(file, R_OK) == 0, "%s", file);
		}
	}
}
END_TEST

/* --- BASE+FAULT ------------------------------------------------------------------------------- */

static int choose(struct matrix *m, const char *word, struct err *err)
{
	_cleanup_free_ size_t *sel = NULL;
	char *const words[] = {(char *)word, (char *)word};
	size_t n = 0;
	int ret = matrix_open(m, err);

	ck_assert_msg(ret == 0, "%s", err->msg);
	ret = matrix_select(m, words, 2, &sel, &n, err);
	ck_assert(ret < 0 || (n == 1 && sel[0] == m->n - 1));
	return ret;
}

START_TEST(fault_makes_a_kernel_of_its_base)
{
	_cleanup_matrix_ struct matrix m = {0};
	struct err err = ERR_INIT;

	ck_assert_msg(choose(&m, "cow-6.1+grow-ignored", &err) == 0, "%s", err.msg);
	const struct kernel_spec *s = &m.v[m.n - 1];

	ck_assert_str_eq(s->name, "cow-6.1+grow-ignored");
	ck_assert_str_eq(s->provider, "source");
	ck_assert_str_eq(s->series, "6.1");
	ck_assert_str_eq(spec_get(s, "package"), "linux-source-6.1");
	ck_assert_str_eq(spec_get(s, "release"), "grow-ignored");
	ck_assert_str_eq(spec_get(s, "patches"),
			 "patches/6.1-future-write-private.patch patches/grow-ignored.patch");
	ck_assert(!strv_contains(&s->tags, "default"));
}
END_TEST

static const struct {
	const char *word, *part;
} bad_words[] = {
	{"6.1+grow-ignored", "'6.1' is not built here"},
	{"plain-6.2+grow-ignored", "no kernel is called 'plain-6.2', did you mean plain-6.1"},
	{"plain-6.1+grow-ignore", "no fault is called 'grow-ignore', did you mean grow-ignored"},
	{"plain-6.1+exec-ignored", "exec-ignored has no patch for series 6.1"},
};

static bool has_kernel(const struct matrix *m, const char *name)
{
	int n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += !strcmp(m->v[i].name, name);
	ck_assert_msg(n < 2, "%s is there twice", name);
	return n;
}

/* For whoever must know of each, such as `kernels prune`. */
START_TEST(every_fault_of_every_kernel)
{
	_cleanup_matrix_ struct matrix m = {0};
	struct err err = ERR_INIT;

	ck_assert_int_eq(matrix_open(&m, &err), 0);
	ck_assert_msg(matrix_add_all_faults(&m, &err) == 0, "%s", err.msg);
	ck_assert_msg(matrix_add_all_faults(&m, &err) == 0, "%s", err.msg);
	ck_assert(has_kernel(&m, "plain-6.1+grow-ignored"));
	ck_assert(has_kernel(&m, "plain-7.3+exec-ignored"));
	ck_assert(has_kernel(&m, "cow-6.1+grow-ignored"));
	ck_assert(!has_kernel(&m, "plain-6.1+exec-ignored"));
	ck_assert(!has_kernel(&m, "cow-6.1+future-write-private"));
	ck_assert(!has_kernel(&m, "6.1+grow-ignored"));
}
END_TEST

START_TEST(bad_faults_are_refused)
{
	_cleanup_matrix_ struct matrix m = {0};
	struct err err = ERR_INIT;

	ck_assert_int_lt(choose(&m, bad_words[_i].word, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, bad_words[_i].part) != NULL, "%s", err.msg);
}
END_TEST

/* --- who caught it ---------------------------------------------------------------------------- */

#define BOOT                                                                                       \
	"{\"type\":\"boot\",\"kernel\":\"k\",\"outcome\":\"pass\",\"expected\":true,\"findings\":" \
	"[]}"
#define VARIANT(name, outcome, expected, findings)                                     \
	"{\"type\":\"variant\",\"kernel\":\"k\",\"case\":\"seal\",\"variant\":\"" name \
	"\",\"control\":\"none\",\"state\":\"ran\",\"outcome\":\"" outcome             \
	"\",\"expected\":" expected ",\"findings\":[" findings "]}"
#define FINDING(assertion, text) "{\"assertion\":\"" assertion "\",\"text\":\"" text "\"}"
#define PASS			 VARIANT("0x2", "pass", "true", "")
#define GROW			 FINDING("seal-grow", "grow with seals 0x4: it was done")
#define OTHER			 FINDING("seal-exec", "chmod-x: it was done")

static const struct {
	const char *records;
	bool fault;
	enum mutant_verdict verdict;
	const char *part;
} judged[] = {
	{BOOT "," PASS "," VARIANT("0x4", "fail", "false", GROW), true, MUTANT_CAUGHT,
	 "by seal/0x4 seal-grow; 1 variant failed"},
	/* what comes with it may, what is a known issue does not count */
	{BOOT "," VARIANT("0x4", "fail", "false", GROW) "," VARIANT(
		 "0x2", "fail", "false",
		 FINDING("seal-kin", "as a consequence")) "," VARIANT("0x8", "fail", "true", OTHER),
	 true, MUTANT_CAUGHT, "2 variants failed"},
	{BOOT "," PASS, true, MUTANT_MISSED,
	 "nothing failed; wanted seal/0x4 seal-grow grow with*"},
	{BOOT "," VARIANT("0x8", "fail", "true", OTHER), true, MUTANT_MISSED, "nothing failed"},
	/* in another variant, by another assertion, with another finding */
	{BOOT "," PASS "," VARIANT("0x8", "fail", "false", GROW), true, MUTANT_WRONG,
	 "but not seal/0x4 seal-grow"},
	{BOOT "," VARIANT("0x4", "fail", "false", OTHER), true, MUTANT_WRONG,
	 "seal/0x4 seal-exec: chmod-x"},
	{BOOT "," VARIANT("0x4", "fail", "false", FINDING("seal-grow", "write-past-end with")),
	 true, MUTANT_WRONG, "but not seal/0x4"},
	/* the right one, and one that has no business with it */
	{BOOT "," VARIANT("0x4", "fail", "false", GROW "," OTHER), true, MUTANT_WRONG,
	 "seal/0x4 seal-exec: chmod-x"},
	/* nobody could look */
	{BOOT "," VARIANT("0x4", "error", "false", FINDING("controls", "no sight")), true,
	 MUTANT_BLIND, "seal/0x4: no sight"},
	{BOOT, true, MUTANT_BLIND, "nothing was run"},
	{"{\"type\":\"boot\",\"kernel\":\"k\",\"outcome\":\"unsupported\",\"findings\":["
	 "{\"assertion\":\"boot\",\"text\":\"does not apply\"}]}",
	 true, MUTANT_BLIND, "boot: does not apply"},
	{"{\"type\":\"boot\",\"kernel\":\"other\"}", true, MUTANT_BLIND, "nothing was run"},
	/* no fault */
	{BOOT "," PASS, false, MUTANT_CAUGHT, "quiet"},
	{BOOT "," VARIANT("0x4", "fail", "false", GROW), false, MUTANT_WRONG, "seal/0x4 seal-grow"},
	{BOOT "," VARIANT("0x4", "error", "false", ""), false, MUTANT_BLIND, "could look"},
};

START_TEST(who_caught_it)
{
	_cleanup_free_ char *path =
		put("[f]\ntext = t\nref = r\npatches = 5.1..5.2:a\nalso = seal-kin\n"
		    "caught-by = seal/0x4 seal-grow grow with*\n");
	_cleanup_free_ char *text = xasprintf("[%s]", judged[_i].records), *why = NULL;
	_cleanup_mutants_ struct mutants all;
	struct err err = ERR_INIT;
	json_t *records = json_loads(text, 0, NULL);

	ck_assert_ptr_nonnull(records);
	ck_assert_msg(mutants_load(path, &all, &err) == 0, "%s", err.msg);
	enum mutant_verdict v = mutant_judge(judged[_i].fault ? all.v : NULL, "k", records, &why);

	json_decref(records);
	ck_assert_msg(v == judged[_i].verdict && strstr(why, judged[_i].part), "%s: %s",
		      mutant_verdict_name(v), why);
}
END_TEST

TEST_SUITE(mutants_suite)
{
	Suite *s = suite_create("mutants");
	TCase *tc = tcase_create("mutants");

	tcase_add_loop_test(tc, ranges_of_series, 0, N(ranges));
	tcase_add_test(tc, fault_is_read);
	tcase_add_loop_test(tc, mistakes_in_the_table_are_named, 0, N(mistakes));
	tcase_add_test(tc, shipped_faults_can_be_built_and_caught);
	tcase_add_test(tc, fault_makes_a_kernel_of_its_base);
	tcase_add_test(tc, every_fault_of_every_kernel);
	tcase_add_loop_test(tc, bad_faults_are_refused, 0, N(bad_words));
	tcase_add_loop_test(tc, who_caught_it, 0, N(judged));
	suite_add_tcase(s, tc);
	return s;
}
