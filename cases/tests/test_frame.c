// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "frame.h"
#include "guest_test.h"
#include "proto.h"

static void send_frame(struct frame_out *out, json_t *frame, int want)
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
	send_frame(&out, json_pack("{s:s, s:i}", "type", "bye", "ran", 0), 0);
	send_frame(&out, json_pack("{s:s}", "text", "a\nb\xc3\xa4"), 0);
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

/* What base64 text of a result's line stands for, unpacked by zlib as the host does. */
static void unpack(z_stream *z, char *line, char sign, char *text, size_t room)
{
	char *p = strchr(line, '}') + 1;
	unsigned char raw[400];

	ck_assert_int_eq(*p, sign);
	p[strcspn(p, "\n")] = '\0';
	int n = b64_pton(p + 1, raw, sizeof(raw));

	ck_assert_int_gt(n, 0);
	if (sign == SM_PACKED_ANEW)
		inflateReset(z);
	z->next_in = raw;
	z->avail_in = n;
	z->next_out = (Bytef *)text;
	z->avail_out = room;
	ck_assert_int_eq(inflate(z, Z_SYNC_FLUSH), Z_OK);
	ck_assert_uint_eq(z->avail_in, 0);
	text[room - z->avail_out] = '\0';
}

/* The last is after one that was too long and so not sent: nobody could go on from that. */
static const struct {
	const char *facts;
	char sign;
	size_t most;
} pieces[] = {
	{"{\"a\":\"a sentence that will come again\"}", SM_PACKED_ANEW, 200},
	{"{\"b\":\"a sentence that will come again\"}", SM_PACKED, 60},
	{"{}", SM_PACKED, 60},
	{"", ' ', 60},
	{"{\"d\":\"a sentence that will come again\"}", SM_PACKED_ANEW, 200},
};

/* As text that cannot be packed, longer than a frame in base64. Caller frees. */
static char *noise(void)
{
	char *text = malloc(SM_FRAME_PAYLOAD + 1);
	unsigned long x = 1;

	for (size_t i = 0; i < SM_FRAME_PAYLOAD; i++) {
		x = x * 6364136223846793005UL + 1442695040888963407UL;
		text[i] = (char)(0x21 + (x >> 33) % 94);
	}
	text[SM_FRAME_PAYLOAD] = '\0';
	return text;
}

START_TEST(packed_facts_go_on_from_the_last)
{
	int fd = memfd_create("frames", MFD_CLOEXEC);
	json_t *frame = json_pack("{s:s}", "type", "result");
	struct frame_out out;
	z_stream z = {0};
	off_t at = 0;

	ck_assert_int_eq(inflateInit2(&z, -15), Z_OK);
	frame_out_init(&out, fd, "n");
	out.packed = true;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		char line[400] = "", text[400];

		if (i == 4) {
			char *long_one = noise();

			ck_assert_int_eq(frame_send(&out, frame, long_one), -EMSGSIZE);
			free(long_one);
		}
		ck_assert_int_eq(frame_send(&out, frame, pieces[i].facts), 0);
		ssize_t n = pread(fd, line, sizeof(line) - 1, at);

		ck_assert_int_gt(n, 0);
		ck_assert_int_lt(n, pieces[i].most);
		ck_assert_int_eq(line[n - 1], '\n');
		at += n;
		if (!*pieces[i].facts) {
			ck_assert_str_eq(line + n - 3, "} \n");
			continue;
		}
		unpack(&z, line, pieces[i].sign, text, sizeof(text) - 1);
		ck_assert_str_eq(text, pieces[i].facts);
	}
	inflateEnd(&z);
	frame_out_end(&out);
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
	send_frame(&out, frame_of(SM_FRAME_PAYLOAD + 1), -EMSGSIZE);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 0);
	send_frame(&out, frame_of(SM_FRAME_PAYLOAD), 0);
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
	send_frame(&out, json_pack("{s:s}", "type", "bye"), -ENOSPC);
	frame_out_forget(&out);
	send_frame(&out, json_pack("{s:s}", "type", "bye"), -EBADF);
	close(fd);
}
END_TEST

TEST_SUITE(frame)
{
	Suite *s = suite_create("frame");
	TCase *t = tcase_create("frame");

	tcase_add_test(t, bytes_are_the_format);
	tcase_add_test(t, facts_follow_their_frame);
	tcase_add_test(t, packed_facts_go_on_from_the_last);
	tcase_add_test(t, too_long_writes_nothing_and_costs_no_number);
	tcase_add_test(t, short_writes_are_finished);
	tcase_add_test(t, error_of_the_line_is_told);
	suite_add_tcase(s, t);
	return s;
}
