// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "proc.h"
#include "sig.h"
#include "test.h"
#include "xalloc.h"

#define SH(script) ((char *[]){"sh", "-c", script, NULL})

START_TEST(capture_gives_stdout_only)
{
	_cleanup_free_ char *out = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(proc_capture(SH("echo out; echo err >&2"), NULL, &out, &err), 0);
	ck_assert_str_eq(out, "out\n");
}
END_TEST

START_TEST(failure_tells_status_and_last_lines)
{
	struct err err = ERR_INIT;

	ck_assert_int_lt(proc_run(SH("echo first; echo the reason >&2; exit 7"), NULL, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "status 7"));
	ck_assert_ptr_nonnull(strstr(err.msg, "the reason"));
}
END_TEST

START_TEST(missing_program_is_named)
{
	struct err err = ERR_INIT;
	char *argv[] = {"no-such-program-here", NULL};

	ck_assert_int_eq(proc_run(argv, NULL, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "no-such-program-here"));
}
END_TEST

static void count_line(void *arg, const char *line)
{
	(void)line;
	++*(int *)arg;
}

START_TEST(every_line_is_seen)
{
	struct err err = ERR_INIT;
	int lines = 0;
	struct proc_opts o = {.line = count_line, .arg = &lines};

	ck_assert_int_eq(proc_run(SH("seq 1000; printf last"), &o, &err), 0);
	ck_assert_int_eq(lines, 1001);
}
END_TEST

/* A helper that never ends goes away when the process that started it is killed. */
START_TEST(child_dies_with_its_parent)
{
	int fds[2];
	char byte;

	ck_assert_int_eq(pipe(fds), 0);
	pid_t parent = fork();

	if (parent == 0) {
		struct err err = ERR_INIT;
		char *argv[] = {"sh", "-c", "echo up; exec sleep 1000", NULL};

		proc_spawn(argv, fds[1], NULL, 0, &err);
		pause();
	}
	close(fds[1]);
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	/* The pipe comes to its end only when the last holder of its other end is gone. */
	while (read(fds[0], &byte, 1) == 1)
		;
	close(fds[0]);
}
END_TEST

START_TEST(stop_signal_ends_the_child)
{
	struct err err = ERR_INIT;

	sig_init();
	pid_t self = getpid();
	_cleanup_free_ char *script = xasprintf("kill -TERM %d; exec sleep 1000", (int)self);

	ck_assert_int_eq(proc_run(SH(script), NULL, &err), -EINTR);
	ck_assert_int_eq(sig_stop(), SIGTERM);
}
END_TEST

static const char *const words[] = {"6.1", "a b",   "it's", "",	     "[a-z]*",	"{a,b}", "a\nb",
				    "~",   "$HOME", "a\\b", "a;b|c", "x=y,z:1", "#"};

START_TEST(quoted_word_is_what_the_shell_takes)
{
	_cleanup_free_ char *quoted = proc_quoted(words[_i]), *out = NULL;
	_cleanup_free_ char *script = xasprintf("printf '<%%s>' %s", quoted);
	_cleanup_free_ char *wanted = xasprintf("<%s>", words[_i]);
	struct err err = ERR_INIT;

	/* Braces are bash's. */
	ck_assert_int_eq(proc_capture((char *[]){"bash", "-c", script, NULL}, NULL, &out, &err), 0);
	ck_assert_str_eq(out, wanted);
}
END_TEST

static void stop_us(void *arg, const char *line)
{
	(void)arg;
	(void)line;
	raise(SIGTERM);
}

/* A last line without its newline is handed on once the output has ended, and no earlier. */
START_TEST(stop_signal_ends_a_child_that_has_closed_its_output)
{
	struct proc_opts o = {.line = stop_us};
	struct err err = ERR_INIT;

	sig_init();
	ck_assert_int_eq(
		proc_run(SH("printf last; exec >/dev/null 2>&1; exec sleep 1000"), &o, &err),
		-EINTR);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(log_that_is_cut_off_is_an_error)
{
	_cleanup_free_ char *log = xasprintf("%s/log", test_dir());
	const struct rlimit little = {1000, RLIM_INFINITY};
	struct proc_opts o = {.log = log};
	struct err err = ERR_INIT;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
	ck_assert_int_eq(proc_run(SH("head -c 4000 /dev/zero"), &o, &err), -ENOSPC);
}
END_TEST

TEST_SUITE(proc)
{
	Suite *s = suite_create("proc");
	TCase *tc = tcase_create("proc");

	tcase_set_timeout(tc, 120); /* only against a hang; nothing here waits for time to pass */
	tcase_add_test(tc, capture_gives_stdout_only);
	tcase_add_test(tc, failure_tells_status_and_last_lines);
	tcase_add_test(tc, missing_program_is_named);
	tcase_add_loop_test(tc, quoted_word_is_what_the_shell_takes, 0,
			    sizeof(words) / sizeof(*words));
	tcase_add_test(tc, every_line_is_seen);
	tcase_add_test(tc, child_dies_with_its_parent);
	tcase_add_test(tc, stop_signal_ends_the_child);
	tcase_add_test(tc, stop_signal_ends_a_child_that_has_closed_its_output);
	tcase_add_test(tc, log_that_is_cut_off_is_an_error);
	suite_add_tcase(s, tc);
	return s;
}
