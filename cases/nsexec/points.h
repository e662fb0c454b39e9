/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stages, the socketpair ends, and the schedule points: every operation of the protocol that a
 * schedule can order. A point is passed once its operation is complete.
 */
#pragma once

#include <stddef.h>

/* The values that current_stage takes; P, C and I in the records. */
enum stage {
	STAGE_SETUP = -1,
	STAGE_PARENT = 0,
	STAGE_CHILD = 1,
	STAGE_INIT = 2,
	STAGES = 3,
};

/* c0-c1 is the child pair, g0-g1 the grandchild pair. */
enum end { END_C0, END_C1, END_G0, END_G1, ENDS, END_NONE = ENDS };

static inline enum end end_peer(enum end e)
{
	return (enum end)(e ^ 1u);
}

#define IN_P 1u
#define IN_C 2u
#define IN_I 4u

/*
 * POINT(id, name, stages that pass it, what it sends: "from>to word" per sender, or NULL).
 * A reading or writing of the protocol is preceded by the load of syncfd that it uses.
 */
#define NSEXEC_POINTS(POINT)                                                    \
	POINT(ENTRY, "entry", IN_P | IN_C | IN_I, NULL)                         \
	POINT(STORE_STAGE, "store-stage", IN_P | IN_C | IN_I, NULL)             \
	POINT(LOAD_STAGE, "load-stage", IN_P | IN_C | IN_I, NULL)               \
	POINT(CLONE_C, "clone-c", IN_P, NULL)                                   \
	POINT(CLONE_I, "clone-i", IN_C, NULL)                                   \
	POINT(STORE_C0, "store-c0", IN_C, NULL)                                 \
	POINT(STORE_C1, "store-c1", IN_P, NULL)                                 \
	POINT(STORE_G0, "store-g0", IN_I, NULL)                                 \
	POINT(STORE_G1, "store-g1", IN_P, NULL)                                 \
	POINT(LOAD_SYNCFD, "load-syncfd", IN_P | IN_C | IN_I, NULL)             \
	POINT(CLOSE_C0, "close-c0", IN_P | IN_I, NULL)                          \
	POINT(CLOSE_C1, "close-c1", IN_C, NULL)                                 \
	POINT(CLOSE_G0, "close-g0", IN_P | IN_I, NULL)                          \
	POINT(CLOSE_G1, "close-g1", IN_I, NULL)                                 \
	POINT(JOIN, "join", IN_C, NULL)                                         \
	POINT(UNSHARE_USER, "unshare-user", IN_C, NULL)                         \
	POINT(UNSHARE, "unshare", IN_C, NULL)                                   \
	POINT(WRITE_USERMAP, "write-usermap", IN_C, "C>P 0x40")                 \
	POINT(READ_USERMAP_ACK, "read-usermap-ack", IN_C, NULL)                 \
	POINT(WRITE_USERMAP_ACK, "write-usermap-ack", IN_P, "P>C 0x41")         \
	POINT(WRITE_TIMEOFFSETS, "write-timeoffsets", IN_C, "C>P 0x46")         \
	POINT(READ_TIMEOFFSETS_ACK, "read-timeoffsets-ack", IN_C, NULL)         \
	POINT(WRITE_TIMEOFFSETS_ACK, "write-timeoffsets-ack", IN_P, "P>C 0x47") \
	POINT(WRITE_RECVPID, "write-recvpid", IN_C, "C>P 0x42")                 \
	POINT(WRITE_PID, "write-pid", IN_C, "C>P pid")                          \
	POINT(READ_RECVPID_ACK, "read-recvpid-ack", IN_C, NULL)                 \
	POINT(WRITE_RECVPID_ACK, "write-recvpid-ack", IN_P, "P>C 0x43")         \
	POINT(WRITE_JSON, "write-json", IN_P, NULL)                             \
	POINT(WRITE_FINISH, "write-finish", IN_C | IN_I, "C>P 0x45")            \
	POINT(READ_NEXT, "read-next", IN_P, NULL)                               \
	POINT(READ_PID, "read-pid", IN_P, NULL)                                 \
	POINT(WRITE_GRANDCHILD, "write-grandchild", IN_P, "P>I 0x44")           \
	POINT(READ_GRANDCHILD, "read-grandchild", IN_I, NULL)                   \
	POINT(READ_FINISH, "read-finish", IN_P, NULL)                           \
	POINT(KILL_C, "kill-c", IN_P, NULL)                                     \
	POINT(KILL_I, "kill-i", IN_P | IN_C, NULL)                              \
	POINT(RETURN, "return", IN_I, NULL)                                     \
	POINT(EXIT, "exit", IN_P | IN_C | IN_I, NULL)

enum point {
#define POINT_ID(id, name, stages, word) POINT_##id,
	NSEXEC_POINTS(POINT_ID)
#undef POINT_ID
		POINTS,
};

struct point_info {
	const char *name;
	unsigned stages; /* IN_* of those that pass it */
	const char *word;
};

extern const struct point_info point_info[POINTS];
extern const char *const stage_names[STAGES];
extern const char *const end_names[ENDS];

/* POINTS when there is none of that name, which need not end in a NUL. */
enum point point_find(const char *name, size_t len);
