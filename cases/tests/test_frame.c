// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frame.h"
#include "guest_test.h"
#include "proto.h"

static void send(struct frame_out *out, json_t *frame, int want)
{
	ck_assert_int_eq(frame_send(out, frame, NULL), want);
	json_decref(frame);
}

/* A frame of exactly @len bytes. */
static json_t *frame_of(size_t len)
{
	size_t n = len - strlen("{\"text\":\"\"}");
	char *text = malloc(n);

	memset(text, 'x', n);
	json_t *frame = json_pack("{s:s%}", "text", text, n);

	free(text);
	return frame;
}

/* The sums are Python's: zlib.crc32(b"n0nce" + b"1" + payload). */
START_TEST(bytes_are_the_format)
{
	static const char want[] = "1 22 ced15b69 {\"type\":\"bye\",\"ran\":0}\n"
				   "2 21 54a0be46 {\"text\":\"a\\nb\\u00E4\"}\n";
	int fd = memfd_create("frames", MFD_CLOEXEC);
	struct frame_out out;
	char got[256] = "";

	frame_out_init(&out, fd, "n0nce");
	send(&out, json_pack("{s:s, s:i}", "type", "bye", "ran", 0), 0);
	send(&out, json_pack("{s:s}", "text", "a\nb\xc3\xa4"), 0);
	ck_assert_int_gt(pread(fd, got, sizeof(got) - 1, 0), 0);
	ck_assert_str_eq(got, want);
	close(fd);
}
END_TEST

/* zlib.crc32(b"n" + b"1" + payload) */
START_TEST(facts_follow_their_frame)
{
	static const char want[] = "1 26 573b8e07 {\"type\":\"result\"} {\"a\": 1}\n";
	int fd = memfd_create("frames", MFD_CLOEXEC);
	json_t *frame = json_pack("{s:s}", "type", "result");
	struct frame_out out;
	char got[256] = "";

	frame_out_init(&out, fd, "n");
	ck_assert_int_eq(frame_send(&out, frame, "{\"a\": 1}"), 0);
	ck_assert_int_gt(pread(fd, got, sizeof(got) - 1, 0), 0);
	ck_assert_str_eq(got, want);
	json_decref(frame);
	close(fd);
}
END_TEST

START_TEST(too_long_writes_nothing_and_costs_no_number)
{
	int fd = memfd_create("frames", MFD_CLOEXEC);
	struct frame_out out;
	char got[4] = "";

	frame_out_init(&out, fd, "n");
	send(&out, frame_of(SM_FRAME_PAYLOAD + 1), -EMSGSIZE);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
	send(&out, frame_of(SM_FRAME_PAYLOAD), 0);
	ck_assert_int_gt(lseek(fd, 0, SEEK_END), SM_FRAME_PAYLOAD);
	ck_assert_int_eq(pread(fd, got, 2, 0), 2);
	ck_assert_str_eq(got, "1 ");
	close(fd);
}
END_TEST

/* Bytes up to the end of the pipe. */
static size_t drain(int fd)
{
	char buf[1000];
	size_t all = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		all += n;
	return all;
}

/* A line that takes little at a time, and says so, must get all of it. */
START_TEST(short_writes_are_finished)
{
	struct frame_out out;
	int fds[2], status;

	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	fcntl(fds[0], F_SETFL, 0);
	pid_t pid = fork();

	if (!pid) {
		close(fds[0]);
		frame_out_init(&out, fds[1], "n");
		_exit(frame_send(&out, frame_of(SM_FRAME_PAYLOAD), NULL) != 0);
	}
	close(fds[1]);
	ck_assert_uint_eq(drain(fds[0]), strlen("1 262144 01234567 \n") + SM_FRAME_PAYLOAD);
	waitpid(pid, &status, 0);
	ck_assert_int_eq(status, 0);
	close(fds[0]);
}
END_TEST

START_TEST(error_of_the_line_is_told)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct frame_out out;

	frame_out_init(&out, fd, "n");
	send(&out, json_pack("{s:s}", "type", "bye"), -ENOSPC);
	frame_out_forget(&out);
	send(&out, json_pack("{s:s}", "type", "bye"), -EBADF);
	close(fd);
}
END_TEST

TEST_SUITE(frame)
{
	Suite *s = suite_create("frame");
	TCase *t = tcase_create("frame");

	tcase_add_test(t, bytes_are_the_format);
	tcase_add_test(t, facts_follow_their_frame);
	tcase_add_test(t, too_long_writes_nothing_and_costs_no_number);
	tcase_add_test(t, short_writes_are_finished);
	tcase_add_test(t, error_of_the_line_is_told);
	suite_add_tcase(s, t);
	return s;
}
