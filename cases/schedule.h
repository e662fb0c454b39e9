/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What host and guest agree on about schedules, as data: which points there are, and the named
 * schedules. Beside proto.h the only header that both include: the host says what is wrong with a
 * schedule before anything is booted, and must not have a copy of these tables that can go stale.
 *
 * A schedule is a list, separated by commas, of constraints
 *   STAGE ':' POINT [ '#' N ] '<' STAGE ':' POINT [ '#' N ]
 * with stages P, C and I: the Nth passing (from 1, which is the default) of the first point is
 * complete before the operation of the Nth passing of the second one begins. A point is passed once
 * its operation is complete, or its stage has died in it: `exit` and `kill-…` when the stage that
 * they are about is gone.
 */
#pragma once

#define SM_CONSTRAINTS 128  /* of one schedule */
#define SM_NTH_MAX     1000 /* passings of one point */

/* Which stages pass a point. */
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
	POINT(WRITE_MAPS, "write-maps", IN_P, NULL)                             \
	POINT(WRITE_USERMAP_ACK, "write-usermap-ack", IN_P, "P>C 0x41")         \
	POINT(WRITE_TIMEOFFSETS, "write-timeoffsets", IN_C, "C>P 0x46")         \
	POINT(READ_TIMEOFFSETS_ACK, "read-timeoffsets-ack", IN_C, NULL)         \
	POINT(WRITE_OFFSETS, "write-offsets", IN_P, NULL)                       \
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

/*
 * SCHEDULE(name, for a plain container, with one or two exchanges before I exists, the same with
 * two): each forces one outcome class where the stages share their globals, and completes where
 * they do not. NULL: that class cannot be forced there.
 *
 * A user namespace or time offsets cost C two more uses of syncfd, and P as many, before I exists.
 * They must succeed if I is to exist at all, so C must have loaded its own end for both of them
 * before P stores c1, and P have stored c1 before I exists; hence other constraints, and no H2,
 * where P dies on c0 in its first use, no H4, where C loads its own end until its request is
 * answered, and no H5, where I finds c1. In E3 P dies with C's words unread, which resets C's
 * connection.
 */
#define NSEXEC_SCHEDULES(SCHEDULE)                                                                \
	SCHEDULE("H1",                                                                            \
		 "C:store-c0<P:store-c1,P:store-c1<C:load-syncfd,C:load-syncfd<I:store-g0,"       \
		 "I:store-g0<C:write-recvpid,I:store-g0<P:load-syncfd",                           \
		 "C:load-syncfd#2<P:store-c1,C:load-syncfd#3<I:store-g0,"                         \
		 "I:store-g0<C:write-recvpid,I:store-g0<P:load-syncfd#3",                         \
		 NULL)                                                                            \
	SCHEDULE("H2",                                                                            \
		 "P:store-c1<C:store-c0,C:store-c0<P:load-syncfd,P:load-syncfd<I:store-g0,"       \
		 "I:store-g0<C:load-syncfd",                                                      \
		 NULL, NULL)                                                                      \
	SCHEDULE("H3", "C:store-c0<P:store-c1,P:load-syncfd<I:store-g0,I:store-g0<C:load-syncfd", \
		 "C:load-syncfd#2<P:store-c1,P:load-syncfd#3<I:store-g0,"                         \
		 "I:store-g0<C:load-syncfd#3",                                                    \
		 NULL)                                                                            \
	SCHEDULE("H4",                                                                            \
		 "C:load-syncfd#3<P:store-c1,P:load-syncfd#3<I:store-g0,"                         \
		 "I:store-g0<C:load-syncfd#4,I:store-g0<P:load-syncfd#4",                         \
		 NULL, NULL)                                                                      \
	SCHEDULE("H5",                                                                            \
		 "I:store-g0<C:load-syncfd,C:load-syncfd#3<P:store-c1,P:store-c1<I:load-syncfd",  \
		 NULL, NULL)                                                                      \
	SCHEDULE("E1",                                                                            \
		 "P:load-syncfd<C:store-c0,C:write-pid<P:load-syncfd#2,"                          \
		 "P:load-syncfd#2<I:store-g0",                                                    \
		 "P:load-syncfd<C:store-c0", "P:load-syncfd<C:store-c0")                          \
	SCHEDULE("E2",                                                                            \
		 "C:store-c0<P:store-c1,P:store-c1<C:load-syncfd,P:load-syncfd<I:store-g0,"       \
		 "C:load-syncfd<I:store-g0",                                                      \
		 "C:store-c0<P:store-c1,P:store-c1<C:load-syncfd",                                \
		 "C:store-c0<P:store-c1,P:store-c1<C:load-syncfd")                                \
	SCHEDULE("E3",                                                                            \
		 "P:store-c1<C:store-c0,C:store-c0<P:load-syncfd,P:load-syncfd<I:store-g0,"       \
		 "C:load-syncfd#3<P:read-next,C:load-syncfd#3<I:store-g0",                        \
		 "P:store-c1<C:store-c0,C:store-c0<P:load-syncfd,C:load-syncfd#2<P:read-next",    \
		 "P:store-c1<C:store-c0,C:store-c0<P:load-syncfd,C:load-syncfd#2<P:read-next")
