// SPDX-License-Identifier: GPL-2.0-or-later
/* What a run prints, and what Check's logs say of it. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fixture.h"
#include "json_util.h"
#include "judge.h"
#include "publish.h"
#include "suite.h"
#include "table.h"
#include "test.h"
#include "xalloc.h"

static void add_boot(json_t *all, const char *kernel, const char *version, const char *end)
{
	json_array_append_new(all,
			      json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:b, s:[]}", "type",
					"boot", "kernel", kernel, "boot", !strcmp(end, "done"),
					"version", version, "end", end, "text", "the reason",
					"outcome", strcmp(end, "done") ? "unsupported" : "pass",
					"expected", true, "findings"));
}

static void add(json_t *all, const char *kernel, const char *case_name, const char *variant,
		const char *outcome, const char *known, bool expected)
{
	_cleanup_free_ char *id = xasprintf("%s/%s/%s", kernel, case_name, variant);
	json_t *r = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:i}", "type",
			      "variant", "id", id, "kernel", kernel, "case", case_name, "variant",
			      variant, "control", "none", "outcome", outcome, "expected", expected,
			      "repeat", "run it again", "boot", 1);

	if (known)
		json_object_set_new(r, "known", json_string(known));
	json_object_set_new(r, "findings",
			    strcmp(outcome, "pass")
				    ? json_pack("[{s:s, s:s}]", "assertion", "a-thing", "text",
						"was <seen> & \"said\"")
				    : json_array());
	json_array_append_new(all, r);
}

/* Two kernels, one of them known to fail and failing once more than that. */
static json_t *sample(void)
{
	json_t *all = json_array();

	add_boot(all, "6.1", "6.1.192-2", "done");
	add(all, "6.1", "machine", "one", "pass", NULL, true);
	add(all, "6.1", "machine", "two", "unsupported", NULL, true);
	add(all, "6.1", "seal", "a", "pass", NULL, true);
	add(all, "6.1", "seal", "b", "unsupported", NULL, true);
	add_boot(all, "cow", "6.1.192-2", "done");
	add(all, "cow", "machine", "one", "fail", "bug", true);
	add(all, "cow", "machine", "two", "hang", NULL, false);
	add(all, "cow", "seal", "a", "pass", NULL, true);
	add(all, "cow", "seal", "b", "pass", NULL, true);
	add_boot(all, "4.9", "", "unavailable");
	return all;
}

static char *print(const json_t *records, const struct table_opts *opts)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct tally t;

	tally_records(records, &t);
	table_print(f, records, &t, opts);
	fclose(f);
	return text;
}

START_TEST(plain_table)
{
	_cleanup_json_ json_t *all = sample();
	_cleanup_free_ char *text =
		print(all, &(struct table_opts){.width = 100, .results = "results/x"});

	ck_assert_str_eq(
		text,
		"                        6.1      cow      4.9      \n"
		"                        6.1.192  6.1.192           \n"
		"machine\n"
		"  one                   pass     fail*             \n"
		"  two                   -        HANG              \n"
		"seal (2)                1  1-    2        0        \n"
		"\n"
		"cow/machine/two: hang\n"
		"    a-thing: was <seen> & \"said\"\n"
		"    repeat: run it again\n"
		"cow/machine/one: fail\n"
		"    a-thing: was <seen> & \"said\"\n"
		"    repeat: run it again\n"
		"4.9: not available: the reason\n"
		"\n"
		"2 kernels, 8 variants: 4 pass, 2 unsupported, 1 failed as expected (known issue "
		"bug), 1 unexpected, 0 errors.\n"
		"Kernels not available here: 1, see above.\n"
		"The records are in results/x\n");
}
END_TEST

/* Colour changes nothing but colour. */
START_TEST(colour_keeps_the_columns)
{
	_cleanup_json_ json_t *all = sample();
	_cleanup_free_ char *plain = print(all, &(struct table_opts){.width = 100});
	_cleanup_free_ char *coloured =
		print(all, &(struct table_opts){.width = 100, .colour = true});
	char *to = coloured;

	ck_assert_ptr_nonnull(strstr(coloured, "\033["));
	for (const char *c = coloured; *c; c++) {
		if (*c == '\033')
			c += strcspn(c, "m");
		else
			*to++ = *c;
	}
	*to = '\0';
	ck_assert_str_eq(coloured, plain);
}
END_TEST

START_TEST(narrow_terminals_get_several_tables)
{
	_cleanup_json_ json_t *all = sample();
	_cleanup_free_ char *text = print(all, &(struct table_opts){.width = 40});

	for (const char *line = text; (line = strstr(line, "  one")); line++)
		ck_assert_uint_le(strcspn(line, "\n"), 40);
	/* One for each kernel that fits, none lost. */
	ck_assert_ptr_nonnull(strstr(text, "pass"));
	ck_assert_ptr_nonnull(strstr(text, "fail*"));
}
END_TEST

START_TEST(nothing_at_all)
{
	_cleanup_json_ json_t *all = json_array();
	_cleanup_free_ char *text = print(all, &(struct table_opts){.width = 100});

	ck_assert_ptr_nonnull(strstr(text, "0 kernels, 0 variants"));
}
END_TEST

/* A machine that went wrong around variants that are all well. */
static json_t *bad_boot(const char *end, const char *outcome)
{
	json_t *all = json_array();

	add(all, "6.1", "machine", "one", "pass", NULL, true);
	add_boot(all, "6.1", "6.1.192-2", "done");
	plant(all, "1/end", end);
	plant(all, "1/outcome", outcome);
	plant(all, "1/expected", "false");
	plant(all, "1/findings", "[{\"assertion\":\"crash\",\"text\":\"BUG # TODO\"}]");
	return all;
}

static const struct {
	const char *end, *outcome;
} bad_boots[] = {
	{"\"done\"", "\"crash\""},
	{"\"done\"", "\"error\""},
	{"\"infra\"", "\"error\""},
	{"\"interrupted\"", "\"error\""},
};

START_TEST(a_bad_boot_is_told_of)
{
	_cleanup_json_ json_t *all = bad_boot(bad_boots[_i].end, bad_boots[_i].outcome);
	_cleanup_free_ char *text = print(all, &(struct table_opts){.width = 100});

	ck_assert_msg(strstr(text, "    crash: BUG # TODO\n") != NULL, "%s", text);
}
END_TEST

/* The status of the run and these logs say the same. "# TODO" would be a directive in TAP. */
START_TEST(check_logs_carry_the_boots)
{
	_cleanup_json_ json_t *all = bad_boot(bad_boots[_i].end, bad_boots[_i].outcome);
	_cleanup_free_ char *path = xasprintf("%s/check.tap", test_dir()), *tap = NULL;
	struct err err = ERR_INIT;
	int failed;

	ck_assert_msg(suite_write(test_dir(), all, &failed, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(failed, 1);
	ck_assert_int_eq(read_file(path, 1 << 20, &tap, NULL, &err), 0);
	ck_assert_msg(strstr(tap, "1..2") && strstr(tap, "not ok 2 - "), "%s", tap);
	ck_assert_msg(strstr(tap, ":boot:6.1/boot/1: ") && strstr(tap, "crash: BUG ? TODO"), "%s",
		      tap);
}
END_TEST

START_TEST(check_logs_carry_the_verdicts)
{
	_cleanup_json_ json_t *all = sample();
	_cleanup_free_ char *tap_path = xasprintf("%s/check.tap", test_dir()), *tap = NULL;
	_cleanup_free_ char *xml_path = xasprintf("%s/check.xml", test_dir()), *xml = NULL;
	struct err err = ERR_INIT;
	int failed;

	/* These choose among the tests of a program, which verdicts are not. */
	setenv("CK_RUN_SUITE", "none of these", 1);
	setenv("CK_RUN_CASE", "nor of these", 1);
	ck_assert_msg(suite_write(test_dir(), all, &failed, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(failed, 1); /* what was expected is no failure */
	ck_assert_int_eq(read_file(tap_path, 1 << 20, &tap, NULL, &err), 0);
	ck_assert_int_eq(read_file(xml_path, 1 << 20, &xml, NULL, &err), 0);
	ck_assert_ptr_nonnull(strstr(tap, "1..8"));
	ck_assert_msg(strstr(tap, ":machine:cow/machine/two: hang; ") != NULL, "%s", tap);
	ck_assert_msg(strstr(tap, ":machine:6.1/machine/one: Passed") != NULL, "%s", tap);
	ck_assert_ptr_nonnull(strstr(xml, "<title>cow</title>"));
	ck_assert_ptr_nonnull(strstr(xml, "was &lt;seen&gt; &amp;"));
}
END_TEST

TEST_SUITE(table)
{
	Suite *s = suite_create("table");
	TCase *tc = tcase_create("table");

	tcase_add_test(tc, plain_table);
	tcase_add_test(tc, colour_keeps_the_columns);
	tcase_add_test(tc, narrow_terminals_get_several_tables);
	tcase_add_test(tc, nothing_at_all);
	tcase_add_test(tc, check_logs_carry_the_verdicts);
	tcase_add_loop_test(tc, a_bad_boot_is_told_of, 0,
			    (int)(sizeof(bad_boots) / sizeof(*bad_boots)));
	tcase_add_loop_test(tc, check_logs_carry_the_boots, 0,
			    (int)(sizeof(bad_boots) / sizeof(*bad_boots)));
	suite_add_tcase(s, tc);
	return s;
}
