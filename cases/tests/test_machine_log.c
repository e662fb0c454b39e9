// SPDX-License-Identifier: GPL-2.0-or-later
/* What the agent makes of lines that the machine wrote, or that came to be in its log. */
#include <stdlib.h>
#include <string.h>

#include "guest_test.h"
#include "machine.h"

enum { PID_P = 10, PID_C = 11, PID_I = 12 };

/* The facts about a log of @len bytes. Caller owns them. */
static json_t *facts_of(const char *text, size_t len)
{
	struct control *ctl = calloc(1, sizeof(*ctl));
	char *log = malloc(len); /* not a byte more: the end is where a sanitizer sees it */
	json_t *facts = json_object();

	ck_assert_ptr_nonnull(ctl);
	ck_assert_ptr_nonnull(log);
	ctl->lane[STAGE_PARENT].pid = PID_P;
	ctl->lane[STAGE_CHILD].pid = PID_C;
	ctl->lane[STAGE_INIT].pid = PID_I;
	memcpy(log, text, len);

	struct machine_run run = {.ctl = ctl, .log = log, .log_len = len, .log_eof = true};

	facts_log(&run, facts);
	free(log);
	free(ctl);
	return facts;
}

static const struct {
	const char *line, *fatal; /* fatal: the message that must be kept as one */
	bool bad, mismatch;
} lines[] = {
	{.line = "{\"level\":\"debug\",\"msg\":\"nsexec-0[10]: a plain text\"}"},
	{.line = "{\"level\":\"debug\",\"msg\":\"nsexec-2[12]: \"}"},
	{"{\"level\":\"debug\",\"msg\":\"nsexec-1[12]: I with C's stage\"}", .mismatch = true},
	{"{\"level\":\"debug\",\"msg\":\"nsexec-1[99]: nobody's\"}", .mismatch = true},
	{"{\"level\":\"fatal\",\"msg\":\"nsexec-1[11]: no: EBADF\"}",
	 .fatal = "nsexec-1[11]: no: EBADF"},
	/* What the machine escapes, and other ways to write the same. */
	{"{\"level\":\"fatal\",\"msg\":\"nsexec-1[11]: a \\\"b\\\" \\\\ c\"}",
	 .fatal = "nsexec-1[11]: a \"b\" \\ c"},
	{"{\"level\":\"debug\",\"msg\":\"nsexec-1[10]: \\u0041\"}", .mismatch = true},
	{"{ \"msg\": \"nsexec-1[10]: x\", \"level\": \"debug\" }", .mismatch = true},
	{"{\"level\":\"fatal\",\"msg\":\"nsexec-0[10]: \xc3\xa9\"}",
	 .fatal = "nsexec-0[10]: \xc3\xa9"},
	/* Not the machine's, or not whole. */
	{"", .bad = true},
	{"hello", .bad = true},
	{"{\"level\":\"debug\"}", .bad = true},
	{"{\"level\":\"debug\",\"msg\":\"hello\"}", .bad = true},
	{"{\"level\":\"debug\",\"msg\":\"nsexec-0[10]: cut", .bad = true},
	{"{\"level\":\"debug\",\"msg\":\"nsexec-0[10]: cut\"", .bad = true},
	{"{\"level\":\"debug\",\"msg\":\"nsexec-0[10]: more\"}}", .bad = true},
	{"{\"level\":\"debug\",\"msg\":\"nsexec-0[10]: a \" b\"}", .bad = true},
	{"{\"level\":\"debug\",\"msg\":\"nsexec-0[10]: a \\x b\"}", .bad = true},
	{"{\"level\":\"debug\",\"msg\":\"nsexec-0[10]: a \t b\"}", .bad = true},
	{"{\"level\":\"debug\",\"msg\":\"nsexec-0[10]: a \xff b\"}", .bad = true},
	{"{\"level\":\"de\"bug\",\"msg\":\"nsexec-0[10]: x\"}", .bad = true},
	{"{\"level\":\"debug\",\"msg\":\"{\"level\":\"debug\",\"msg\":\"nsexec-0[10]: two in "
	 "one\"}",
	 .bad = true},
};

START_TEST(each_line_is_taken_or_bad)
{
	const char *line = lines[_i].line, *fatal = lines[_i].fatal;
	char text[512];
	int len = snprintf(text, sizeof(text), "%s\n", line);
	json_t *facts = facts_of(text, (size_t)len);
	const json_t *said = test_member(facts, "log.fatal");

	assert_int(facts, "log.lines", 1);
	assert_int(facts, "log.bad_lines", lines[_i].bad);
	ck_assert_uint_eq(json_array_size(test_member(facts, "log.mismatches")),
			  lines[_i].mismatch);
	ck_assert_uint_eq(json_array_size(said), fatal ? 1 : 0);
	if (fatal)
		ck_assert_str_eq(json_string_value(json_array_get(said, 0)), fatal);
	json_decref(facts);
}
END_TEST

/* As the pipe had it when the writer was killed. */
START_TEST(a_line_that_is_cut_anywhere_is_bad)
{
	static const char whole[] = "{\"level\":\"debug\",\"msg\":\"nsexec-0[10]: text\"}\n";

	for (size_t len = 1; len < sizeof(whole) - 1; len++) {
		json_t *facts = facts_of(whole, len);

		assert_int(facts, "log.lines", 1);
		assert_int(facts, "log.bad_lines", 1);
		json_decref(facts);
	}
}
END_TEST

START_TEST(a_mismatch_says_who_wrote_what)
{
	static const char text[] = "{\"level\":\"debug\",\"msg\":\"nsexec-0[10]: one\"}\n"
				   "{\"level\":\"debug\",\"msg\":\"nsexec-1[12]: two\"}\n";
	json_t *facts = facts_of(text, sizeof(text) - 1);
	const json_t *one = json_array_get(test_member(facts, "log.mismatches"), 0);

	assert_int(facts, "log.lines", 2);
	assert_int(facts, "log.bad_lines", 0);
	assert_int(one, "pid", PID_I);
	assert_text(one, "stage", "C");
	assert_text(one, "real", "I");
	assert_text(one, "msg", "nsexec-1[12]: two");
	json_decref(facts);
}
END_TEST

TEST_SUITE(machine_log)
{
	Suite *s = suite_create("machine_log");
	TCase *tc = tcase_create("lines");

	tcase_add_loop_test(tc, each_line_is_taken_or_bad, 0, sizeof(lines) / sizeof(*lines));
	tcase_add_test(tc, a_line_that_is_cut_anywhere_is_bad);
	tcase_add_test(tc, a_mismatch_says_who_wrote_what);
	suite_add_tcase(s, tc);
	return s;
}
