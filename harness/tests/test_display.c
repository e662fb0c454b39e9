// SPDX-License-Identifier: GPL-2.0-or-later
/* Progress from a worker's pipe to plain lines. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "progress.h"
#include "test.h"
#include "xalloc.h"

/* What two workers' messages look like on something that is no terminal, fed in pieces of @step. */
static char *plain(const char *first, const char *second, size_t step)
{
	static const char *const names[] = {"6.1", "cow"};
	char *text = NULL;
	FILE *f = tmpfile();
	long len;

	struct display *d = display_new(f, names, 2);

	for (size_t at = 0; at < strlen(first); at += step)
		display_feed(d, 0, first + at, strnlen(first + at, step));
	display_feed(d, 1, second, strlen(second));
	display_refresh(d);
	display_done(d, 0, "done in 1 s");
	display_free(d);
	len = ftell(f);
	text = xcalloc(len + 1, 1);
	rewind(f);
	ck_assert_uint_eq(fread(text, 1, len, f), len);
	fclose(f);
	return text;
}

START_TEST(states_and_notes_are_lines_and_ticks_are_not)
{
	_cleanup_free_ char *text =
		plain("S booting\nT 1/9 a\nT 2/9 b\nN look\nS booting\n", "S x\n", _i);

	ck_assert_str_eq(text, "6.1: booting\n6.1: look\n6.1: booting\ncow: x\n6.1: done in 1 s\n");
}
END_TEST

/* On a terminal what fails as it must is counted; what must not is a line that stays. */
START_TEST(failures_show_on_a_terminal_and_elsewhere)
{
	static const char *const names[] = {"6.1"};
	static const char says[] = "S booting\nE a/1: fail\nE a/2: hang\nN b: fail, unexpected\n";
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	char buf[8192] = "";

	ck_assert_int_ge(master, 0);
	ck_assert_int_eq(grantpt(master) | unlockpt(master), 0);
	FILE *f = fopen(ptsname(master), "w");

	ck_assert_ptr_nonnull(f);
	setenv("TERM", "xterm", 1);
	struct display *d = display_new(f, names, 1);

	display_feed(d, 0, says, strlen(says));
	display_refresh(d);
	/* A terminal hands on what was written when it comes to it: not all of it at once. */
	for (size_t len = 0; !strstr(buf, "a/2: hang\r\n");) {
		ssize_t n = read(master, buf + len, sizeof(buf) - 1 - len);

		ck_assert_msg(n > 0, "%s", buf);
		len += n;
	}
	display_free(d);
	fclose(f);
	close(master);
	ck_assert_msg(strstr(buf, "6.1: b: fail, unexpected\r\n") == buf, "%s", buf);
	ck_assert_msg(strstr(buf, "booting; 2 failed as expected, the last a/2: hang\r\n") != NULL,
		      "%s", buf);
	ck_assert_ptr_null(strstr(buf, "a/1"));
	_cleanup_free_ char *text = plain(says, "S x\n", 4096);

	ck_assert_msg(strstr(text, "6.1: a/1: fail\n6.1: a/2: hang\n6.1: b: fail, unexpected\n") !=
			      NULL,
		      "%s", text);
}
END_TEST

START_TEST(overlong_message_does_not_overrun)
{
	_cleanup_free_ char *big = xcalloc(20001, 1);

	memset(big, 'x', 20000);
	free(plain(big, "S y\n", 4096));
}
END_TEST

static char *said(void (*say)(struct progress *pg))
{
	int fds[2];
	char *buf = xcalloc(2 * PIPE_BUF, 1);

	ck_assert_int_eq(pipe(fds), 0);
	struct progress pg = {.fd = fds[1], .kernel = "6.1"};

	say(&pg);
	close(fds[1]);
	ck_assert_int_gt(read(fds[0], buf, 2 * PIPE_BUF - 1), 0);
	close(fds[0]);
	return buf;
}

static void say_lines(struct progress *pg)
{
	progress_note(pg, "two\nlines %d", 7);
	progress_note(NULL, "to nobody");
}

static void say_much(struct progress *pg)
{
	_cleanup_free_ char *big = xcalloc(2 * PIPE_BUF, 1);

	memset(big, 'x', 2 * PIPE_BUF - 1);
	progress_state(pg, "%s", big);
}

START_TEST(a_message_is_one_line_and_one_write)
{
	_cleanup_free_ char *lines = said(say_lines), *much = said(say_much);

	ck_assert_str_eq(lines, "N two lines 7\n");
	ck_assert_uint_le(strlen(much), PIPE_BUF);
	ck_assert_int_eq(much[strlen(much) - 1], '\n');
}
END_TEST

TEST_SUITE(display)
{
	Suite *s = suite_create("display");
	TCase *tc = tcase_create("display");

	/* pieces of one byte, of a few, and all at once */
	tcase_add_loop_test(tc, states_and_notes_are_lines_and_ticks_are_not, 1, 8);
	tcase_add_test(tc, failures_show_on_a_terminal_and_elsewhere);
	tcase_add_test(tc, overlong_message_does_not_overrun);
	tcase_add_test(tc, a_message_is_one_line_and_one_write);
	suite_add_tcase(s, tc);
	return s;
}
