// SPDX-License-Identifier: GPL-2.0-or-later
/* Stage 0: makes C, serves its requests until it is finished, then lets I go. */
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "nsexec.h"

static noreturn void die_with_stages(struct machine *m, const char *what)
{
	kill_stage(m, STAGE_CHILD);
	kill_stage(m, STAGE_INIT);
	die(m, "failed to %s", what);
}

static void serve_usermap(struct machine *m)
{
	int ret;

	write_log(m, LOG_DEBUG, "stage-1 requested userns mappings");
	point_begin(m, POINT_WRITE_MAPS);
	ret = write_id_maps(m);
	point_end_result(m, POINT_WRITE_MAPS, ret);
	if (ret < 0)
		die_with_stages(m, "write the id maps");
	if (sync_write_word(m, POINT_WRITE_USERMAP_ACK, SYNC_USERMAP_ACK) < 0)
		die_with_stages(m, "sync with stage-1: write(SYNC_USERMAP_ACK)");
}

static void serve_time_offsets(struct machine *m)
{
	int ret;

	write_log(m, LOG_DEBUG, "stage-1 requested time offsets");
	point_begin(m, POINT_WRITE_OFFSETS);
	ret = write_time_offsets(m);
	point_end_result(m, POINT_WRITE_OFFSETS, ret);
	if (ret < 0)
		die_with_stages(m, "write the time offsets");
	if (sync_write_word(m, POINT_WRITE_TIMEOFFSETS_ACK, SYNC_TIMEOFFSETS_ACK) < 0)
		die_with_stages(m, "sync with stage-1: write(SYNC_TIMEOFFSETS_ACK)");
}

static int tell_launcher(struct machine *m)
{
	char json[80];
	int len = snprintf(json, sizeof(json), "{\"stage1_pid\":%d,\"stage2_pid\":%d}\n", m->child,
			   m->init);

	point_begin(m, POINT_WRITE_JSON);

	ssize_t n = write(m->initfd, json, (size_t)len);

	point_end_result(m, POINT_WRITE_JSON, (int)n);
	return n == len ? 0 : -1;
}

static void serve_pid(struct machine *m)
{
	pid_t init = -1;

	write_log(m, LOG_DEBUG, "stage-1 requested pid to be forwarded");
	if (sync_read(m, POINT_READ_PID, &init, sizeof(init)) != sizeof(init)) {
		kill_stage(m, STAGE_CHILD);
		die(m, "failed to sync with stage-1: read(stage2_pid)");
	}
	m->init = init;
	/* I exists now: values that it cannot have inherited. */
	canary_write(m, false);
	if (sync_write_word(m, POINT_WRITE_RECVPID_ACK, SYNC_RECVPID_ACK) < 0)
		die_with_stages(m, "sync with stage-1: write(SYNC_RECVPID_ACK)");
	write_log(m, LOG_DEBUG, "forward stage-1 (%d) and stage-2 (%d) pids to the launcher",
		  m->child, m->init);
	if (tell_launcher(m) < 0)
		die_with_stages(m, "sync with the launcher: write(pid-JSON)");
}

static const struct {
	enum sync_word word;
	void (*serve)(struct machine *m);
} requests[] = {
	{SYNC_USERMAP_PLS, serve_usermap},
	{SYNC_TIMEOFFSETS_PLS, serve_time_offsets},
	{SYNC_RECVPID_PLS, serve_pid},
};

static void serve(struct machine *m, uint32_t word)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		if (requests[i].word == word) {
			requests[i].serve(m);
			return;
		}
	}
	die(m, "unexpected sync value: %#x", word);
}

static void serve_child(struct machine *m)
{
	uint32_t word = 0;

	for (;;) {
		if (sync_read(m, POINT_READ_NEXT, &word, sizeof(word)) != sizeof(word))
			die(m, "failed to sync with stage-1: next state");
		if (word == SYNC_CHILD_FINISH)
			break;
		serve(m, word);
	}
	write_log(m, LOG_DEBUG, "stage-1 complete");
}

static void release_init(struct machine *m)
{
	write_log(m, LOG_DEBUG, "signalling stage-2 to run");
	if (sync_write_word(m, POINT_WRITE_GRANDCHILD, SYNC_GRANDCHILD) < 0) {
		kill_stage(m, STAGE_INIT);
		die(m, "failed to sync with stage-2: write(SYNC_GRANDCHILD)");
	}
	if (sync_expect(m, POINT_READ_FINISH, SYNC_CHILD_FINISH) < 0) {
		kill_stage(m, STAGE_INIT);
		die(m, "failed to sync with stage-2: next state");
	}
	write_log(m, LOG_DEBUG, "stage-2 complete");
}

noreturn void stage_parent(struct machine *m)
{
	prctl(PR_SET_NAME, "runc:[0:PARENT]", 0, 0, 0);
	store_stage(m, STAGE_PARENT);
	canary_write(m, true);
	write_log(m, LOG_DEBUG, "spawn stage-1");
	m->child = clone_stage(m, POINT_CLONE_C, STAGE_CHILD);
	if (m->child < 0)
		die(m, "unable to spawn stage-1");
	canary_write(m, false);
	frames_read(m, false);
	store_syncfd(m, POINT_STORE_C1, END_C1);
	close_end(m, POINT_CLOSE_C0, END_C0);
	serve_child(m);

	store_syncfd(m, POINT_STORE_G1, END_G1);
	close_end(m, POINT_CLOSE_G0, END_G0);
	release_init(m);
	write_log(m, LOG_DEBUG, "<= nsexec container setup");
	leave(m, 0);
}
