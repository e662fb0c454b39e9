// SPDX-License-Identifier: GPL-2.0-or-later
/* How many bytes wait to be read at an end: three sources, the best one that this kernel has. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "machine.h"

#define ANY_STATE ~0u

struct request {
	struct nlmsghdr h;
	struct unix_diag_req r;
};

static bool take_answer(const struct nlmsghdr *h, size_t len, uint64_t ino, struct look_end *out)
{
	const struct unix_diag_msg *msg = NLMSG_DATA(h);
	int rest = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*msg));
	bool found = false;

	if (!NLMSG_OK(h, len) || h->nlmsg_type != SOCK_DIAG_BY_FAMILY || rest < 0 ||
	    msg->udiag_ino != (uint32_t)ino)
		return false;
	for (const struct rtattr *a = (const struct rtattr *)(msg + 1); RTA_OK(a, rest);
	     a = RTA_NEXT(a, rest)) {
		if (a->rta_type == UNIX_DIAG_RQLEN && RTA_PAYLOAD(a) >= 4) {
			const struct unix_diag_rqlen *q = RTA_DATA(a);

			out->queue = q->udiag_rqueue;
			found = true;
		} else if (a->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(a) >= 4) {
			uint32_t peer;

			memcpy(&peer, RTA_DATA(a), sizeof(peer));
			out->peer = peer;
		} else if (a->rta_type == UNIX_DIAG_SHUTDOWN && RTA_PAYLOAD(a) >= 1) {
			/* The kernel's RCV_SHUTDOWN, which is SHUT_RD + 1. */
			out->shut = *(const uint8_t *)RTA_DATA(a) & (SHUT_RD + 1);
			out->shut_known = true;
		}
	}
	return found;
}

/* @fd: of sock_diag; -1 where there is none. */
static bool from_sock_diag(int fd, uint64_t ino, struct look_end *out)
{
	struct request req = {
		.h = {.nlmsg_len = sizeof(req),
		      .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		      .nlmsg_flags = NLM_F_REQUEST},
		.r = {.sdiag_family = AF_UNIX,
		      .udiag_states = ANY_STATE,
		      .udiag_ino = (uint32_t)ino,
		      .udiag_show = UDIAG_SHOW_RQLEN | UDIAG_SHOW_PEER,
		      .udiag_cookie = {~0u, ~0u}},
	};
	char buf[1024] __attribute__((aligned(8)));
	ssize_t n = -1;

	if (fd >= 0 && send(fd, &req, sizeof(req), 0) == sizeof(req))
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	return n > 0 && take_answer((const struct nlmsghdr *)buf, (size_t)n, ino, out);
}

/* From a stage that holds it, under the number that P made it with. */
static bool from_pidfd(const struct machine_run *run, const struct look *look, enum end end,
		       struct look_end *out)
{
	bool found = false;

#if defined(SYS_pidfd_open) && defined(SYS_pidfd_getfd)
	for (int i = 0; i < STAGES && !found; i++) {
		const struct look_stage *s = &look->stage[i];
		struct stat st;
		int pidfd, fd, n;

		if (!s->alive || !(s->holds & 1u << end))
			continue;
		pidfd = (int)syscall(SYS_pidfd_open, stage_pid(run, (enum stage)i), 0);
		fd = pidfd < 0 ? -1
			       : (int)syscall(SYS_pidfd_getfd, pidfd, run->ctl->end_fd[end], 0);
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == run->ctl->end_ino[end] &&
		    ioctl(fd, FIONREAD, &n) == 0) {
			out->queue = (uint32_t)n;
			found = true;
		}
		if (fd >= 0)
			close(fd);
		if (pidfd >= 0)
			close(pidfd);
	}
#else
	(void)run, (void)look, (void)end, (void)out;
#endif
	return found;
}

/* What went in at the peer and has not come out here, by the machine's own account. */
static bool from_accounting(const struct machine_run *run, enum end end, struct look_end *out)
{
	uint32_t sent = __atomic_load_n(&run->ctl->sent[end_peer(end)], __ATOMIC_SEQ_CST);

	out->queue = sent - __atomic_load_n(&run->ctl->received[end], __ATOMIC_SEQ_CST);
	return true;
}

static void queue_look(const struct machine_run *run, const struct look *look, int diag,
		       enum end end, struct look_end *out)
{
	uint64_t ino = run->ctl->end_ino[end];

	*out = (struct look_end){.queue_known = true};
	if (from_sock_diag(diag, ino, out))
		out->queue_source = "sock_diag";
	else if (from_pidfd(run, look, end, out))
		out->queue_source = "pidfd_getfd";
	else if (from_accounting(run, end, out))
		out->queue_source = "accounting";
}

/* An end that no stage holds has no queue any more. */
static bool is_held_open(const struct look *look, enum end e)
{
	for (int i = 0; i < STAGES; i++) {
		if (look->stage[i].alive && look->stage[i].holds & 1u << e)
			return true;
	}
	return false;
}

void queues_look(const struct machine_run *run, struct look *look)
{
	_cleanup_close_ int diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	for (int e = 0; e < ENDS; e++) {
		if (is_held_open(look, (enum end)e))
			queue_look(run, look, diag, (enum end)e, &look->end[e]);
	}
}
