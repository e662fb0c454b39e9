// SPDX-License-Identifier: GPL-2.0-or-later
/* `sealmatrix shell` as its two kinds of users have it: through a terminal, and through pipes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "boot_test.h"
#include "cleanup.h"
#include "proc.h"
#include "publish.h"
#include "xalloc.h"

#define KERNEL "6.1"

static int script(const char *text, char **out, char **log, const char *const args[])
{
	_cleanup_free_ char *dir = results_dir("script");

	return driver_command(dir, text, out, log, args);
}

#define SCRIPT(text, out, log, ...) \
	script(text, out, log, (const char *const[]){"shell", __VA_ARGS__, NULL})

START_TEST(script_has_its_output_and_status)
{
	_cleanup_free_ char *out = NULL, *log = NULL, *again = NULL, *log2 = NULL;
	static const char text[] = "printf 'one\\ntwo'; echo wrong >&2; sleep 100\n"
				   "agent --help >/dev/null && echo; date +%s.%N; exit 7\n";

	ck_assert_int_eq(SCRIPT(text, &out, &log, KERNEL, "--accel", "tcg"), 7);
	ck_assert_msg(!strncmp(out, "one\ntwo\n17", 10), "%s", out);
	ck_assert_msg(strstr(log, "wrong\n") != NULL, "%s", log);
	/* Under instruction counting even the clock says the same. */
	ck_assert_int_eq(SCRIPT(text, &again, &log2, KERNEL, "--accel", "tcg"), 7);
	ck_assert_str_eq(out, again);
}
END_TEST

START_TEST(what_ends_the_machine_is_no_success)
{
	_cleanup_free_ char *out = NULL, *log = NULL;

	/* The NUL is where the exit status would begin. */
	ck_assert_int_eq(SCRIPT("printf 'x\\0exit 0'; sleep 1; echo c >/proc/sysrq-trigger\n", &out,
				&log, KERNEL),
			 3);
	ck_assert_str_eq(out, "x");
	ck_assert_msg(strstr(log, "the machine ended before its shell") != NULL, "%s", log);
	ck_assert_msg(strstr(log, "Kernel panic") != NULL, "%s", log);
}
END_TEST

START_TEST(debugger_lines_without_a_debugger)
{
	_cleanup_free_ char *out = NULL, *log = NULL, *path = xstrdup(getenv("PATH"));
	_cleanup_free_ char *dir = path_without("gdb");

	setenv("PATH", dir, 1);
	int status = SCRIPT("echo on\n", &out, &log, KERNEL, "--gdb");

	setenv("PATH", path, 1);
	ck_assert_msg(status == 0, "%s", log);
	ck_assert_str_eq(out, "on\n");
	ck_assert_msg(strstr(log, "gdb -q -ex 'target remote ") != NULL, "%s", log);
	ck_assert_msg(strstr(log, "gdb is not installed") != NULL, "%s", log);
	ck_assert_msg(strstr(log, "linux-image-6.1") != NULL, "%s", log);
}
END_TEST

/* The line to type, as the driver printed it into @dir; the machine waits for it. Caller frees. */
static char *await_line(const char *dir, pid_t pid)
{
	_cleanup_free_ char *path = xasprintf("%s/stderr.txt", dir), *log = NULL;
	struct err err = ERR_INIT;
	const char *line, *end;

	while (!log || !(line = strstr(log, "gdb -q ")) || !(end = strchr(line, '\n'))) {
		ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0);
		usleep(20000);
		free(steal_ptr(log));
		read_file(path, 1 << 20, &log, NULL, &err);
	}
	return xstrndup(line, end - line);
}

START_TEST(debugger_has_the_kernel_before_it_boots)
{
	_cleanup_free_ char *dir = results_dir("paused"), *line = NULL, *said = NULL;
	struct err err = ERR_INIT;
	int status;

	if (!proc_in_path("gdb"))
		return;						 /* the lines are tested above */
	ck_assert_ptr_nonnull(freopen("/dev/null", "r", stdin)); /* an empty script */
	pid_t pid = driver_start(dir, (const char *const[]){"shell", KERNEL, "--paused", NULL});

	line = await_line(dir, pid);
	const char *path = strstr(line, "remote ") + strlen("remote ");
	_cleanup_free_ char *sock = xstrndup(path, strcspn(path, "'"));
	_cleanup_free_ char *command =
		xasprintf("%s -batch -ex 'info registers rip' -ex detach", line);
	char *argv[] = {"sh", "-c", command, NULL};

	while (access(sock, F_OK) < 0)
		usleep(20000);
	ck_assert_msg(proc_capture(argv, NULL, &said, &err) == 0, "%s", err.msg);
	/* The processor's first instruction. */
	ck_assert_msg(strstr(said, "0xfff0") != NULL, "%s", said);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

static const struct {
	const char *args[6];
	const char *said;
} mistakes[] = {
	{{"shell"}, "takes one kernel"},
	{{"shell", "6.1", "6.12"}, "takes one kernel"},
	{{"shell", "lts"}, "stands for"},
	{{"shell", "6.2"}, "6.2"},
	{{"shell", "6.1", "--accel", "xen"}, "not 'xen'"},
	{{"shell", "./Makefile"}, "not a kernel image"},
};

START_TEST(mistakes_get_one_line_and_status_2)
{
	_cleanup_free_ char *out = NULL, *log = NULL;

	ck_assert_int_eq(script("", &out, &log, mistakes[_i].args), 2);
	ck_assert_msg(strstr(log, mistakes[_i].said) != NULL, "%s", log);
	ck_assert_ptr_eq(strchr(log, '\n'), log + strlen(log) - 1);
}
END_TEST

/* The driver on a terminal of its own. */
struct session {
	int pty;
	pid_t pid;
	char said[65536];
	size_t len, seen; /* expect() looks behind `seen` */
};

static void session_start(struct session *s)
{
	struct winsize ws = {.ws_row = 33, .ws_col = 111};

	*s = (struct session){0};
	s->pid = forkpty(&s->pty, NULL, NULL, &ws);
	if (s->pid == 0) {
		/* A shell before and after: are the terminal's modes what they were? */
		execl("/bin/sh", "sh", "-c",
		      "a=$(stty -g); \"$0\" shell " KERNEL " --accel tcg; echo status $?; "
		      "[ \"$(stty -g)\" = \"$a\" ] && echo modes are back",
		      driver(), NULL);
		_exit(127);
	}
	ck_assert_int_gt(s->pid, 0);
}

/* False at the end of the session. */
static bool session_read(struct session *s)
{
	ck_assert_uint_lt(s->len, sizeof(s->said) - 1);
	ssize_t n = read(s->pty, s->said + s->len, sizeof(s->said) - 1 - s->len);

	if (n <= 0)
		return false;
	s->len += n;
	s->said[s->len] = '\0';
	return true;
}

static void expect(struct session *s, const char *text)
{
	char *hit;

	while (!(hit = strstr(s->said + s->seen, text)))
		ck_assert_msg(session_read(s), "no '%s' in:\n%s", text, s->said);
	s->seen = hit + strlen(text) - s->said;
}

static void type(const struct session *s, const char *keys)
{
	ck_assert_int_eq(write(s->pty, keys, strlen(keys)), strlen(keys));
}

static void session_end(struct session *s, const char *status)
{
	int ws;

	expect(s, status);
	expect(s, "modes are back");
	while (session_read(s))
		;
	ck_assert_int_eq(waitpid(s->pid, &ws, 0), s->pid);
	close(s->pty);
}

START_TEST(terminal_session)
{
	struct session s;

	session_start(&s);
	expect(&s, "# ");
	type(&s, "stty size; nsexec-static; echo got $?\n");
	expect(&s, "33 111");
	expect(&s, "got 2"); /* it wants a control page */
	type(&s, "echo go; sleep 10000\n");
	expect(&s, "\ngo");
	type(&s, "\003"); /* Ctrl-C is the guest's */
	expect(&s, "# ");
	type(&s, "exit 5\n");
	session_end(&s, "status 5");
}
END_TEST

START_TEST(terminal_is_left_by_ctrl_d)
{
	struct session s;

	session_start(&s);
	expect(&s, "# ");
	type(&s, "\004");
	session_end(&s, "status 0");
}
END_TEST

START_TEST(terminal_is_left_by_ctrl_a_x)
{
	struct session s;

	session_start(&s);
	expect(&s, "# ");
	type(&s, "\001x");
	session_end(&s, "status 0");
}
END_TEST

/* The pid of the driver below the session's shell. */
static pid_t driver_pid(const struct session *s)
{
	_cleanup_free_ char *path =
		xasprintf("/proc/%d/task/%d/children", (int)s->pid, (int)s->pid);
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(read_file(path, 4096, &text, NULL, &err) == 0, "%s", err.msg);
	return atoi(text);
}

START_TEST(terminal_is_restored_when_told_to_end)
{
	struct session s;

	session_start(&s);
	expect(&s, "# ");
	ck_assert_int_eq(kill(driver_pid(&s), SIGTERM), 0);
	session_end(&s, "status 143");
}
END_TEST

TEST_SUITE(shell)
{
	Suite *s = suite_create("shell");
	TCase *tc = tcase_create("script"), *tty = tcase_create("terminal");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, script_has_its_output_and_status);
	tcase_add_test(tc, what_ends_the_machine_is_no_success);
	tcase_add_test(tc, debugger_lines_without_a_debugger);
	tcase_add_test(tc, debugger_has_the_kernel_before_it_boots);
	tcase_add_loop_test(tc, mistakes_get_one_line_and_status_2, 0,
			    sizeof(mistakes) / sizeof(*mistakes));
	suite_add_tcase(s, tc);
	tcase_set_timeout(tty, 300);
	tcase_add_test(tty, terminal_session);
	tcase_add_test(tty, terminal_is_left_by_ctrl_d);
	tcase_add_test(tty, terminal_is_left_by_ctrl_a_x);
	tcase_add_test(tty, terminal_is_restored_when_told_to_end);
	suite_add_tcase(s, tty);
	return s;
}
