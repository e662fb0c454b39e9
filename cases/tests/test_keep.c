// SPDX-License-Identifier: GPL-2.0-or-later
/* A file that a case made is there as long as the agent, and the agent does not wait for it. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest_test.h"
#include "keep.h"
#include "memfd.h"

/* The next one, -1: no more. */
static int taken_out(const struct keep *keep)
{
	char byte, control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(keep->fds[1], &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1)
		return -1;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

START_TEST(file_outlives_its_maker)
{
	_cleanup_keep_ struct keep keep;
	char first = 0;
	int fd;

	keep_init(&keep);
	pid_t pid = fork();

	if (!pid) {
		keep_file(&keep, memfd_new());
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	fd = taken_out(&keep);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &first, 1, 0), 1);
	ck_assert_int_eq(first, MEMFD_FILL);
	close(fd);
	ck_assert_int_eq(taken_out(&keep), -1);
}
END_TEST

START_TEST(full_is_no_reason_to_wait)
{
	_cleanup_keep_ struct keep keep;
	int fd = memfd_new(), n = 0, got;

	keep_init(&keep);
	for (int i = 0; i < 2000; i++)
		keep_file(&keep, fd);
	while ((got = taken_out(&keep)) >= 0) {
		close(got);
		n++;
	}
	ck_assert_int_ge(n, 32); /* a default suite's */
	ck_assert_int_lt(n, 2000);
	close(fd);
}
END_TEST

START_TEST(nowhere_to_keep_is_no_error)
{
	struct keep none = {{-1, -1}};

	keep_file(NULL, 0);
	keep_file(&none, 0);
	keep_release(&none);
	ck_assert_int_ge(fcntl(0, F_GETFD), 0);
}
END_TEST

TEST_SUITE(keep)
{
	Suite *s = suite_create("files kept");
	TCase *t = tcase_create("keep");

	tcase_add_test(t, file_outlives_its_maker);
	tcase_add_test(t, full_is_no_reason_to_wait);
	tcase_add_test(t, nowhere_to_keep_is_no_error);
	suite_add_tcase(s, t);
	return s;
}
