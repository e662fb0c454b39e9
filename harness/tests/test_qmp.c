// SPDX-License-Identifier: GPL-2.0-or-later
/* A child plays QEMU: it says what a script says, and waits for requests where the script does. */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "qmp.h"
#include "test.h"
#include "xalloc.h"

#define GREETING "{\"QMP\":{\"version\":{}}}\r\n"
#define READY	 "{\"return\":{},\"id\":0}\r\n"
#define ASKED	 NULL  /* in a script: wait for a whole line */
#define TAKEN	 ""    /* wait until all that was said has been read */
#define MS	 60000 /* nothing here may depend on how long it takes */

/* Wait for a line that asks for @what; any other is the end of the play. */
static void await_request(int fd, const char *what)
{
	char c = 0, line[512];
	size_t n = 0;

	while (n < sizeof(line) - 1 && read(fd, &c, 1) == 1 && c != '\n')
		line[n++] = c;
	line[n] = '\0';
	json_t *o = json_loads(line, 0, NULL);
	const char *execute = json_string_value(json_object_get(o, "execute"));

	if (c != '\n' || !execute || strcmp(execute, what))
		_exit(1);
	json_decref(o);
}

static void await_taken(int fd)
{
	struct timespec pause = {.tv_nsec = 1000 * 1000};
	int left;

	while (ioctl(fd, SIOCOUTQ, &left) == 0 && left)
		nanosleep(&pause, NULL);
}

static void say(int fd, const char *text, size_t piece)
{
	for (size_t len = strlen(text), n; len; text += n, len -= n) {
		n = len < piece ? len : piece;
		if (write(fd, text, n) != (ssize_t)n)
			_exit(1);
	}
}

/* Play the @n steps of @script, @piece bytes at a time; then hang up, or never. */
static struct qmp *play(const char *const *script, size_t n, size_t piece, bool hang_up)
{
	const char *what = "qmp_capabilities";
	int sock[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock), 0);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(sock[0]);
		for (size_t i = 0; i < n; i++) {
			if (!script[i]) {
				await_request(sock[1], what);
				what = "human-monitor-command";
			} else if (!*script[i]) {
				await_taken(sock[1]);
			} else {
				say(sock[1], script[i], piece);
			}
		}
		if (!hang_up)
			pause();
		_exit(0);
	}
	close(sock[1]);
	return qmp_new(sock[0]);
}

#define STEPS(...) ((const char *const[]){__VA_ARGS__})
#define PLAY(piece, ...) \
	play(STEPS(__VA_ARGS__), sizeof(STEPS(__VA_ARGS__)) / sizeof(char *), piece, true)
#define PLAY_ON(...) \
	play(STEPS(__VA_ARGS__), sizeof(STEPS(__VA_ARGS__)) / sizeof(char *), 999, false)

/* Wait for something to come, and take it; false when QEMU has hung up. */
static bool read_more(struct qmp *q)
{
	struct pollfd p = {.fd = qmp_fd(q), .events = POLLIN};

	ck_assert_int_eq(poll(&p, 1, MS), 1);
	return qmp_read(q);
}

static void read_all(struct qmp *q)
{
	while (read_more(q))
		;
}

START_TEST(question_and_answer)
{
	struct qmp *q =
		PLAY(_i, GREETING, ASKED, READY, ASKED, "{\"event\":\"RESUME\",\"data\":{}}\r\n",
		     "{\"return\":\"RIP=0010\\r\\nHLT=0\",\"id\":1}\r\n", ASKED,
		     "{\"return\":\"second\",\"id\":2}\r\n");
	_cleanup_free_ char *text = NULL, *second = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(qmp_hmp(q, "info registers", MS, &text, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(text, "RIP=0010\r\nHLT=0");
	ck_assert_int_eq(qmp_hmp(q, "info \"status\"", MS, &second, &err), 0);
	ck_assert_str_eq(second, "second");
	ck_assert_ptr_null(qmp_shutdown_reason(q));
	ck_assert(!qmp_stopped(q));
	qmp_free(&q);
	ck_assert_ptr_null(q);
}
END_TEST

START_TEST(events_are_kept)
{
	struct qmp *q = PLAY(3, GREETING, ASKED, READY, "{\"event\":\"STOP\"}\n",
			     "{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":true,"
			     "\"reason\":\"guest-reset\"}}\n");

	read_all(q);
	ck_assert_pstr_eq(qmp_shutdown_reason(q), "guest-reset");
	ck_assert(qmp_stopped(q));
	qmp_free(&q);
}
END_TEST

START_TEST(garbage_is_passed_over)
{
	struct qmp *q = PLAY(1000, "\n\n{\n[]\n\"QMP\"\n\xff\xfe\n", GREETING, ASKED, READY,
			     "{\"event\":7}\n{\"event\":\"SHUTDOWN\"}\n");

	read_all(q);
	ck_assert_pstr_eq(qmp_shutdown_reason(q), "unknown");
	qmp_free(&q);
}
END_TEST

START_TEST(refused_command_is_an_error)
{
	struct qmp *q = PLAY(1000, GREETING, ASKED, READY, ASKED,
			     "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no such thing\"},"
			     "\"id\":1}\n");
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_lt(qmp_hmp(q, "info x", MS, &text, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "no such thing"));
	ck_assert_ptr_null(text);
	qmp_free(&q);
}
END_TEST

START_TEST(qemu_that_is_gone)
{
	struct qmp *q = PLAY(1000, GREETING, ASKED, READY);
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(qmp_hmp(q, "info registers", MS, &text, &err), -EPIPE);
	ck_assert_ptr_nonnull(strstr(err.msg, "info registers"));
	qmp_free(&q);
}
END_TEST

START_TEST(qemu_that_says_nothing)
{
	struct qmp *q = PLAY_ON(GREETING, ASKED);
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_eq(qmp_hmp(q, "info registers", 1, &text, &err), -ETIMEDOUT);
	qmp_free(&q);
}
END_TEST

/* An answer that comes after we gave up on it is not taken for the next question's. */
START_TEST(late_answer_is_not_mistaken)
{
	struct qmp *q = PLAY_ON(GREETING, ASKED, READY, "{\"event\":\"STOP\"}\n", ASKED, ASKED,
				"{\"return\":\"late\",\"id\":1}\n", TAKEN,
				"{\"return\":\"right\",\"id\":2}\n");
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT, err2 = ERR_INIT;

	/* The greeting must be dealt with, or the first question would not even be asked. */
	while (!qmp_stopped(q))
		ck_assert(read_more(q));
	ck_assert_int_eq(qmp_hmp(q, "first", 1, &text, &err), -ETIMEDOUT);
	ck_assert_ptr_null(text);
	ck_assert_int_eq(qmp_hmp(q, "second", MS, &text, &err2), 0);
	ck_assert_str_eq(text, "right");
	qmp_free(&q);
}
END_TEST

TEST_SUITE(qmp)
{
	Suite *s = suite_create("qmp");
	TCase *tc = tcase_create("qmp");

	tcase_set_timeout(tc, 120); /* only against a hang */
	tcase_add_loop_test(tc, question_and_answer, 1, 8);
	tcase_add_test(tc, events_are_kept);
	tcase_add_test(tc, garbage_is_passed_over);
	tcase_add_test(tc, refused_command_is_an_error);
	tcase_add_test(tc, qemu_that_is_gone);
	tcase_add_test(tc, qemu_that_says_nothing);
	tcase_add_test(tc, late_answer_is_not_mistaken);
	suite_add_tcase(s, tc);
	return s;
}
