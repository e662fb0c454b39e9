// SPDX-License-Identifier: GPL-2.0-or-later
#include "keep.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void keep_init(struct keep *keep)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keep->fds) < 0)
		keep->fds[0] = keep->fds[1] = -1;
}

void keep_release(struct keep *keep)
{
	for (int i = 0; i < 2; i++) {
		if (keep->fds[i] >= 0)
			close(keep->fds[i]);
		keep->fds[i] = -1;
	}
}

void keep_file(const struct keep *keep, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(fd))] __attribute__((aligned(8))) = {0};
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	if (!keep || keep->fds[0] < 0)
		return;
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	(void)sendmsg(keep->fds[0], &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}
