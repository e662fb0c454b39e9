/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is a set of stages deadlocked? A pure function of a snapshot, so that it can be tried without a
 * kernel. What could not be seen is marked as such and prevents a proof.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nsexec/points.h"

enum call {
	CALL_UNKNOWN, /* cannot be seen here */
	CALL_NONE,    /* running, or not in a system call */
	CALL_READ,
	CALL_FUTEX,
	CALL_OTHER,
};

struct look_stage {
	bool alive;
	bool moved; /* ran between the two looks */
	bool held;  /* by the schedule, see held_by */
	uint32_t held_by;
	char state; /* of /proc/PID/status */
	enum call call;
	bool by_account;   /* call is what the stage itself wrote down */
	long nr;	   /* of the system call */
	int fd;		   /* CALL_READ: what it reads */
	uint64_t ino;	   /* of the socket behind fd, 0 when it is none */
	enum end end;	   /* which end that is, or END_NONE */
	bool fds_known;	   /* holds is complete */
	unsigned holds;	   /* mask of ends */
	uint64_t switches; /* context switches so far */
	uint32_t events;   /* points passed so far */
};

struct look_end {
	bool queue_known;
	uint32_t queue; /* bytes that wait to be read at this end */
	const char *queue_source;
	uint64_t peer; /* inode, 0 unknown */
	/* What the kernel itself says: nothing more can come. */
	bool shut_known, shut;
};

struct look {
	struct look_stage stage[STAGES];
	struct look_end end[ENDS];
	unsigned foreign;     /* mask of ends that some other living process holds, */
	bool foreign_unknown; /* or may hold */
	bool outsiders;	      /* there is such a process, whatever it holds */
};

enum proof_state {
	PROOF_MOVING,	  /* something runs, or may at any moment */
	PROOF_HELD,	  /* nobody can ever run again, because the schedule holds some stage */
	PROOF_DEADLOCK,	  /* nobody can ever run again */
	PROOF_LOST,	  /* somebody sleeps reading what has bytes, or has ended: see lost */
	PROOF_NOT_PROVED, /* at rest, but one condition does not hold: see why */
};

struct proof {
	enum proof_state state;
	char why[160];
	unsigned held_by[STAGES]; /* DEADLOCK: mask of stages that hold what this one waits for */
	int lost;		  /* LOST: the stage that was not woken, */
	bool eof;		  /* by the end of file, rather than by bytes */
};

/*
 * DEADLOCK only if every living stage sleeps in read() on one of the known ends, whose queue is
 * empty and whose peer is held, by living stages alone. HELD if that is so but for stages which the
 * schedule holds: one that sleeps for a while only may yet pass what they wait for.
 *
 * LOST, a lost wake-up, only if some stage sleeps in read() on a known end, of which the kernel
 * itself (not the machine's account) says that bytes wait there, while whoever could be writing to
 * it sleeps in another call: waking the reader is a part of write(), so none is under way.
 *
 * LOST, with eof, if some stage sleeps in read() on a known end whose peer no process holds, so
 * that the read has come to the end of file. Waking the reader is a part of the last close(), too:
 * that none is under way is known only where there is nobody but the stages, each of them asleep in
 * read() on a known end (which is how a socket outlives its descriptor) or on a futex.
 */
void prove(const struct look *look, struct proof *proof);

/* It slept all the time between the two looks, in a system call; else it runs, or may. */
bool look_at_rest(const struct look_stage *s);
