/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reference nsexec stage machine. Everything a stage knows lives in struct machine, on the
 * stack of main() and so private to each process whatever happens to .data; only the four globals
 * (globals.h) are where runc has them. Nothing is allocated after the first clone.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdnoreturn.h>
#include <sys/types.h>

#include "control.h"

/* Sync words: 4 bytes, native endian. */
enum sync_word {
	SYNC_USERMAP_PLS = 0x40,
	SYNC_USERMAP_ACK = 0x41,
	SYNC_RECVPID_PLS = 0x42,
	SYNC_RECVPID_ACK = 0x43,
	SYNC_GRANDCHILD = 0x44,
	SYNC_CHILD_FINISH = 0x45,
	SYNC_TIMEOFFSETS_PLS = 0x46,
	SYNC_TIMEOFFSETS_ACK = 0x47,
};

/* The parsed bootstrap message; pointers lead into its payload on the heap. NULL: not given. */
struct config {
	uint32_t clone_flags;
	bool rootless, setgroups;
	const char *ns_paths, *uid_map, *gid_map, *oom_score_adj, *time_offsets;
	size_t uid_map_len, gid_map_len, oom_score_adj_len, time_offsets_len;
};

struct machine {
	struct control *ctl;
	struct ctl_lane *lane; /* this stage's own */
	enum stage self;       /* what this process really is, whatever current_stage says */
	int initfd;
	struct config cfg;
	int fd[ENDS];	       /* the two socketpairs */
	pid_t child, init;     /* C and I, 0 while unknown */
	int32_t want[GLOBALS]; /* what this stage, or who it is a copy of, stored last */
	enum end want_end;     /* what syncfd must lead to */
	jmp_buf env;
	uint64_t canary_stack[STAGES];
};

/* nsexec.c: the whole machine; returns in I alone. */
void nsexec(struct machine *m);
/* Make stage @child (POINT_CLONE_*); its process goes on in nsexec(). Pid, or -1 with errno. */
pid_t clone_stage(struct machine *m, enum point pt, enum stage child);

/* parent.c, child.c, init.c */
noreturn void stage_parent(struct machine *m);
noreturn void stage_child(struct machine *m);
void stage_init(struct machine *m);

/* bootstrap.c: read and parse; allocates. */
void read_bootstrap(struct machine *m);

/* namespaces.c: what P writes for C, and what C joins; 0 or -1 with errno. */
int write_id_maps(const struct machine *m);
int write_time_offsets(const struct machine *m);
int write_oom_score_adj(const struct machine *m);
int join_namespaces(const struct machine *m);

/*
 * trace.c: points. Between begin and end lies the operation; begin waits for what the schedule asks
 * for. end fills in what it can see itself, records the event and keeps errno.
 */
void point_begin(struct machine *m, enum point pt);
void point_end(struct machine *m, enum point pt, const struct ctl_event *what);
/* Where a debugger stops at a point: begin calls it last, once the schedule lets the stage go on.
 */
void point_reached(struct machine *m, enum point pt);
/* For an operation that is a system call with an ordinary result; keeps errno. */
void point_end_result(struct machine *m, enum point pt, int result);
/* Load all four globals into @e, next to what they ought to be. */
void load_globals(const struct machine *m, struct ctl_event *e);
/* Announce this process as stage @self. */
void lane_enter(struct machine *m, enum stage self);

/* sync.c: the accesses that a schedule can order. */
void store_stage(struct machine *m, enum stage stage);
void store_syncfd(struct machine *m, enum point pt, enum end end);
/* read() and write() on whatever syncfd says at that moment. */
ssize_t sync_read(struct machine *m, enum point pt, void *buf, size_t len);
ssize_t sync_write(struct machine *m, enum point pt, const void *buf, size_t len);
int sync_write_word(struct machine *m, enum point pt, enum sync_word word); /* 0 or -1 */
/* 0 when exactly @want was read, -1 otherwise. */
int sync_expect(struct machine *m, enum point pt, enum sync_word want);
void close_end(struct machine *m, enum point pt, enum end end); /* a failure is fatal */
void kill_stage(struct machine *m, enum stage victim);
noreturn void leave(struct machine *m, int status);

/* log.c */
enum log_level { LOG_FATAL = 1, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
void write_log(struct machine *m, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Log at fatal level with errno's text, and exit 1. */
noreturn void die(struct machine *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* canary.c: call canary_setup() before the first clone. */
void canary_setup(struct machine *m);
void canary_write(struct machine *m, bool forks_later);
void canary_read(struct machine *m);
/* C's last act: wait, a while, until I has written its canaries. */
void canary_await_init(struct machine *m);

/* frames.c: note the page frames of the canaries that this stage has written. */
void frames_read(struct machine *m, bool forks_later);

/* fault.c */
void inject_fault(struct machine *m);

/* selfcopy.c: the 1.0 and 1.1 generation; returns in a copy, or when none is wanted. */
void ensure_copied(struct control *ctl, char **argv);
void note_exe(struct control *ctl);
