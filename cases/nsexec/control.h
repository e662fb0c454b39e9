/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control page: how the supervisor steers the machine and watches it. A MAP_SHARED mapping of
 * a nameless file, whose descriptor number stands in the environment; it outlives execs and
 * is never part of what is tested. Each stage writes only its own lane (plain stores by one writer;
 * what others wait for is atomic), the supervisor only reads while the machine runs, except where
 * said.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "points.h"

#define CTL_ENV_CONTROL	  "NSEXEC_CONTROL"  /* descriptor of the control page */
#define CTL_ENV_INITPIPE  "NSEXEC_INITPIPE" /* descriptor of the init pipe */
#define CTL_ENV_LOGPIPE	  "NSEXEC_LOGPIPE"
#define CTL_ENV_LOGLEVEL  "NSEXEC_LOGLEVEL"

#define CTL_EVENTS	  192 /* of one stage; older ones are overwritten */
#define CTL_CONSTRAINTS	  SM_CONSTRAINTS
#define CTL_SETUP	  24
#define CTL_FDS		  32
#define CTL_CANARY_WRITES 6
#define CTL_PATH	  128

/* Descriptors from here on are the harness's own for a moment; the protocol's are far below. */
#define CTL_HIGH_FD 200

/* The four globals, in the order in which an event shows them. */
enum global { GLOBAL_STAGE, GLOBAL_SYNCFD, GLOBAL_LOGFD, GLOBAL_LOGLEVEL, GLOBALS };

enum region {
	REGION_DATA,
	REGION_DATA_CLEAN,
	REGION_DATA_RELRO,
	REGION_BSS_TAIL,
	REGION_BSS_FAR,
	REGION_TLS,
	REGION_HEAP,
	REGION_STACK,
	REGIONS,
};

enum ctl_image { IMAGE_FILE, IMAGE_MEMFD, IMAGE_TMPFILE, IMAGE_OVERLAY };
enum ctl_fault { FAULT_NONE, FAULT_SHARED_GLOBALS };
enum ctl_via { VIA_FD, VIA_EXECVEAT };

/* @before's operation is complete before @after's begins. */
struct ctl_constraint {
	uint8_t before_stage, before_point, after_stage, after_point;
	uint16_t before_nth, after_nth; /* passings, from 1 */
};

/* What the descriptor of an operation turned out to be. */
enum fd_kind { FD_NOT_LOOKED, FD_SOCKET, FD_OTHER, FD_BAD };

/* A passed point. */
struct ctl_event {
	uint32_t seq;	/* over all stages, from 1; taken when the operation was complete */
	uint32_t begun; /* likewise before it began, reads and writes of syncfd only */
	uint8_t point;
	uint8_t want_end; /* enum end this stage must hold; END_NONE when it must hold none yet */
	uint8_t kind;	  /* enum fd_kind */
	uint8_t is_load;  /* value[GLOBAL_SYNCFD or _STAGE] is what the program went on with */
	int32_t value[GLOBALS]; /* as this stage loaded them at this point */
	int32_t want[GLOBALS];	/* what it, or the stage it is a copy of, last stored there */
	int32_t fd, result, errnum;
	uint64_t ino; /* of fd, taken before the operation */
};

enum lane_state { LANE_NEVER, LANE_RUNNING, LANE_HELD, LANE_ENDED };

struct ctl_fd {
	int32_t fd;
	uint32_t mode; /* st_mode */
	uint64_t ino;
};

struct ctl_lane {
	uint32_t state; /* enum lane_state */
	uint32_t held;	/* constraint that it waits for while LANE_HELD */
	uint32_t at;	/* enum point whose operation began last */
	int32_t at_fd;
	uint64_t at_ino;
	uint32_t in_op;	     /* that operation has not ended */
	uint32_t events;     /* passed so far */
	int32_t pid;	     /* getpid(), as its pid namespace shows it */
	int32_t real_pid;    /* as /proc shows it, 0 when that could not be had */
	int32_t real_parent; /* likewise its parent */
	int32_t told_pid;    /* what clone() told the stage that made it */
	uint32_t birth;	     /* seq when that clone() began */
	uint32_t killed_by;  /* stage + 1 of who killed it, written by that one */
	uint32_t closed;     /* mask of ends closed without an error */
	uint32_t ready;	   /* futex word: 1 canaries written at entry; 2 dead, by the supervisor */
	uint32_t returned; /* into the program proper */
	uint32_t asked;	   /* stepped: how often it has stood before an operation, */
	uint32_t granted;  /* and how often it was told to go on, by the supervisor; futex word */
	uint16_t passed[POINTS]; /* counted by the supervisor where a death completes it */

	uint32_t canary_writes;
	uint32_t
		write_seq[CTL_CANARY_WRITES]; /* before the first store of a round: in its values */
	uint32_t write_done[CTL_CANARY_WRITES]; /* after the last */
	uint32_t wrote[CTL_CANARY_WRITES];	/* mask of regions written then */
	uint32_t read_seq;			/* last reading of the canaries */
	uint64_t seen[REGIONS][STAGES];		/* newest value of each writer ever seen */
	uint64_t pfn[REGIONS];	     /* after its own writes past the last fork; 0 absent */
	uint64_t pfn_entry[REGIONS]; /* stage 1 only: before it forked */
	uint32_t pfn_seq, pfn_entry_seq;
	int32_t relro_errno, relro_tried;

	uint32_t n_fds; /* open descriptors on return into the program proper */
	struct ctl_fd fds[CTL_FDS];
	struct ctl_event ring[CTL_EVENTS];
};

/* A step before the protocol: noted by the supervisor, and by stage 0 when it copies itself. */
struct ctl_setup {
	char step[48];
	int32_t errnum; /* 0: done */
	uint32_t optional;
};

/* Stage 0 found that its copy has other seals than it set. */
#define CTL_STEP_RECOGNISE "recognise the copy"

struct control {
	uint32_t fault;	       /* enum ctl_fault */
	uint32_t maker_stage0; /* stage 0 copies itself */
	uint32_t image;	       /* enum ctl_image: what it is to run from */
	uint32_t via;	       /* enum ctl_via: how stage 0 re-executes itself */
	int32_t want_seals;    /* exact mask; -1: no seals are set */
	uint32_t copies;       /* how often stage 0 copied itself */
	int32_t exec_errno;    /* of the supervisor's own exec */
	int32_t supervisor;    /* its pid */
	uint32_t variant;      /* index in the plan: tells a debugger which run this is */
	uint64_t base;	       /* where stage 0 has its own ELF header */

	uint32_t n_constraints;
	struct ctl_constraint constraint[CTL_CONSTRAINTS];
	uint32_t tick;	   /* futex word: changes when a constraint may have been met */
	uint32_t stepped;  /* stages go on one operation at a time, as granted */
	uint32_t arrivals; /* futex word: changes when a stage stands before an operation */
	uint32_t n_setup;
	struct ctl_setup setup[CTL_SETUP];

	char exe[CTL_PATH]; /* readlink of stage 0's /proc/self/exe */
	int32_t seals;	    /* F_GET_SEALS of it, -1 when it has none */

	uint32_t seq;	      /* counter of events, canary writes and readings */
	int32_t end_fd[ENDS]; /* numbers and inodes as P made them */
	uint64_t end_ino[ENDS];
	uint32_t sent[ENDS];	 /* bytes that went in through this end */
	uint32_t received[ENDS]; /* bytes that came out at this end */

	uint64_t region[REGIONS];	 /* canary address, 0: not there */
	uint32_t region_reason[REGIONS]; /* enum region_reason */
	uint32_t fault_pages;		 /* pages that the fault made shared */

	struct ctl_lane lane[STAGES];
};

enum region_reason {
	REASON_NONE,	  /* nobody has looked */
	REASON_PAGE_SIZE, /* the page is larger than the canary's own page */
	REASON_NO_TAIL,	  /* .data ends at, or too near, the end of its page */
	REASON_SPLIT,	  /* the globals do not lie in one page */
};

/* A canary's value tells who wrote it and when: 0xca STAGE+1 in the top 16 bits, seq below. */
static inline uint64_t canary_value(int stage, uint32_t seq)
{
	return (0xca00ull + (unsigned)stage + 1) << 48 | seq;
}

static inline bool canary_is_by(uint64_t v, int stage)
{
	return v >> 32 == (0xca00ull + (unsigned)stage + 1) << 16;
}

static inline uint32_t canary_seq(uint64_t v)
{
	return (uint32_t)v;
}

static inline uint32_t ctl_next_seq(struct control *ctl)
{
	return __atomic_add_fetch(&ctl->seq, 1, __ATOMIC_SEQ_CST);
}

static inline bool constraint_met(const struct control *ctl, const struct ctl_constraint *c)
{
	const uint16_t *passed = &ctl->lane[c->before_stage].passed[c->before_point];

	return __atomic_load_n(passed, __ATOMIC_SEQ_CST) >= c->before_nth;
}

/* Let every held stage look at its constraint again. */
void ctl_tick(struct control *ctl);

/* In both directions between the stages and a supervisor that steps them. */
void ctl_signal(uint32_t *word);

/* Note a step of the setup; errnum 0 means it worked. */
void ctl_note(struct control *ctl, int errnum, bool optional, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
