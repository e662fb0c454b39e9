// SPDX-License-Identifier: GPL-2.0-or-later
/* Stage 1: enters the namespaces, makes I in them, hands its pid over, and is done. */
#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nsexec.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* EINVAL may pass: before 4.3 it came while somebody read /proc/PID/status. */
#define UNSHARE_TRIES 5

static void unshare_ns(struct machine *m, enum point pt, uint32_t flags)
{
	int ret = -1;

	point_begin(m, pt);
	for (int i = 0; i < UNSHARE_TRIES && ret < 0; i++) {
		ret = unshare((int)flags);
		if (ret < 0 && errno != EINVAL)
			break;
	}
	point_end_result(m, pt, ret);
	if (ret < 0)
		die(m, "failed to unshare %#x", flags);
}

static void exchange(struct machine *m, enum point pls, enum sync_word pls_word, enum point ack,
		     enum sync_word ack_word)
{
	if (sync_write_word(m, pls, pls_word) < 0)
		die(m, "failed to sync with parent: write(%#x)", pls_word);
	if (sync_expect(m, ack, ack_word) < 0)
		die(m, "failed to sync with parent: read(%#x)", ack_word);
}

static void enter_namespaces(struct machine *m)
{
	uint32_t flags = m->cfg.clone_flags;

	if (m->cfg.ns_paths) {
		point_begin(m, POINT_JOIN);

		int ret = join_namespaces(m);

		point_end_result(m, POINT_JOIN, ret);
		if (ret < 0)
			die(m, "failed to join namespaces %s", m->cfg.ns_paths);
	}
	if (flags & CLONE_NEWUSER) {
		write_log(m, LOG_DEBUG, "unshare user namespace");
		unshare_ns(m, POINT_UNSHARE_USER, CLONE_NEWUSER);
		write_log(m, LOG_DEBUG, "request stage-0 to map user namespace");
		exchange(m, POINT_WRITE_USERMAP, SYNC_USERMAP_PLS, POINT_READ_USERMAP_ACK,
			 SYNC_USERMAP_ACK);
		if (syscall(SYS_setresuid, 0, 0, 0) < 0)
			die(m, "failed to become root in user namespace");
	}
	write_log(m, LOG_DEBUG, "unshare remaining namespaces");
	unshare_ns(m, POINT_UNSHARE, flags & ~(uint32_t)CLONE_NEWUSER);
	if (flags & CLONE_NEWTIME && m->cfg.time_offsets) {
		write_log(m, LOG_DEBUG, "request stage-0 to write time offsets");
		exchange(m, POINT_WRITE_TIMEOFFSETS, SYNC_TIMEOFFSETS_PLS,
			 POINT_READ_TIMEOFFSETS_ACK, SYNC_TIMEOFFSETS_ACK);
	}
}

static noreturn void die_with_init(struct machine *m, const char *what)
{
	kill_stage(m, STAGE_INIT);
	die(m, "failed to sync with parent: %s", what);
}

static void hand_over(struct machine *m)
{
	pid_t pid = m->init;

	write_log(m, LOG_DEBUG, "request stage-0 to forward stage-2 pid (%d)", pid);
	if (sync_write_word(m, POINT_WRITE_RECVPID, SYNC_RECVPID_PLS) < 0)
		die_with_init(m, "write(SYNC_RECVPID_PLS)");
	if (sync_write(m, POINT_WRITE_PID, &pid, sizeof(pid)) != sizeof(pid))
		die_with_init(m, "write(stage2_pid)");
	if (sync_expect(m, POINT_READ_RECVPID_ACK, SYNC_RECVPID_ACK) < 0)
		die_with_init(m, "read(SYNC_RECVPID_ACK)");
	write_log(m, LOG_DEBUG, "signal completion to stage-0");
	if (sync_write_word(m, POINT_WRITE_FINISH, SYNC_CHILD_FINISH) < 0)
		die_with_init(m, "write(SYNC_CHILD_FINISH)");
}

noreturn void stage_child(struct machine *m)
{
	lane_enter(m, STAGE_CHILD);
	prctl(PR_SET_NAME, "runc:[1:CHILD]", 0, 0, 0);
	store_stage(m, STAGE_CHILD);
	canary_read(m);
	canary_write(m, true);
	frames_read(m, true);
	store_syncfd(m, POINT_STORE_C0, END_C0);
	close_end(m, POINT_CLOSE_C1, END_C1);
	write_log(m, LOG_DEBUG, "~> nsexec stage-1");

	enter_namespaces(m);
	write_log(m, LOG_DEBUG, "spawn stage-2");
	m->init = clone_stage(m, POINT_CLONE_I, STAGE_INIT);
	if (m->init < 0)
		die(m, "unable to spawn stage-2");
	canary_write(m, false);
	frames_read(m, false);
	hand_over(m);
	write_log(m, LOG_DEBUG, "<~ nsexec stage-1");
	canary_await_init(m);
	leave(m, 0);
}
