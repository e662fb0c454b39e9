/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every interleaving of the machine's conflicting operations, each executed for real.
 *
 * The stages stop before each operation of the protocol and go on one at a time, as the supervisor
 * grants it (nsexec/trace.c, wait_turn()). So an execution is a sequence of operations, and which
 * comes next is a choice. Two executions that differ only in the order of neighbours that do not
 * conflict are the same to everybody in them: one of each such class (a Mazurkiewicz trace) is
 * enough. explore_path.c sees to that.
 *
 * What conflicts is decided as if the globals were shared, on every kernel, so that an exploration
 * means the same everywhere: a healthy kernel is shown to complete in all the orders that would
 * have been different, had it been affected.
 *
 *   load and store of the same global, one of them a store
 *   two reads of one end, or two writes into one end
 *   closing an end (close, exit, death) by its last holder, and a write into its peer
 *   two such closings, where the second one is what makes an end unheld
 *   a kill, and whatever its victim does
 *   P's writing into /proc of C (id maps, time offsets), and the death of C
 *
 * A read waits until there is something to read, or nobody left who could write: it is enabled by a
 * write or a closing, which is no conflict, as they cannot come in the other order. Operations on
 * numbers that are closed, namespaces, and the log conflict with nothing.
 *
 * Which reads are enabled follows from an account of holders and queues (explore_account.c). It is
 * kept by what the stages really did, and each operation is compared with what the account says; at
 * the end of every execution all that is left is let go, so that a deadlock is one of the kernel's,
 * proved like any other. An account that is wrong is an error, not a result.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "machine.h"

#define PATH_MAX_EVENTS 192 /* operations of one execution; some 75 are usual */
#define VICTIMS_MAX	4   /* there are but three stages */

enum op_kind {
	OP_LOAD,
	OP_STORE,
	OP_CLOSE,
	OP_READ,
	OP_WRITE,
	OP_CLONE,
	OP_KILL,
	OP_EXIT,
	OP_MAP, /* what P writes into /proc of C */
	OP_BAD, /* on a number that this stage has closed */
};

struct op {
	uint8_t stage, point, kind;
	uint8_t what; /* which global, end or stage, by its kind */
};

/* An operation that was done, or would be. */
struct event {
	struct op op;
	uint8_t drops;	       /* mask of ends that somebody holds no more after it */
	uint8_t unheld;	       /* mask of ends that nobody holds any more after it */
	bool dies;	       /* its stage, of SIGPIPE */
	uint8_t ended;	       /* mask of stages that it ends */
	bool at_eof;	       /* a read that finds nothing, and nobody who could write */
	int16_t written;       /* a read: the event that wrote what it reads, or -1 */
	uint16_t nth;	       /* passing of its point, from 1 */
	uint8_t n;	       /* of its stage's events, from 1 */
	uint8_t clock[STAGES]; /* how many events of each stage happen before it, itself included */
};

/* Who holds which end, and what waits where. */
struct account {
	bool alive[STAGES], born[STAGES];
	uint8_t holds[STAGES];
	struct op next[STAGES]; /* what each living stage stands before */
	struct {
		int16_t by[PATH_MAX_EVENTS]; /* events that wrote a word that was not read yet */
		int n;
	} queue[ENDS];
};

/* explore_account.c */
void account_start(struct account *a);
/* The operation that @s stands before. */
struct op account_op(const struct account *a, const struct control *ctl, enum stage s);
bool account_enabled(const struct account *a, struct op op);
/* Whether the order of two operations that are both enabled matters. */
bool account_conflict(const struct account *a, struct op x, struct op y);
/* What @op would do now. */
struct event account_event(const struct account *a, struct op op);
/* Do it, as number @at of the execution. */
void account_apply(struct account *a, const struct event *e, int at);

/* explore_path.c: one execution after the other, until every class was executed. */
struct node {
	uint8_t enabled, sleep, back; /* masks of stages */
	uint8_t chosen;
	struct op next[STAGES];
};

struct path {
	struct node node[PATH_MAX_EVENTS + 1];
	struct event event[PATH_MAX_EVENTS];
	int events; /* node[i] is where event[i] was chosen */
	int replay; /* nodes whose choice is made: an execution begins with these */
	struct event victim[VICTIMS_MAX]; /* what those that were killed would have done next */
	int victims;
};

enum path_next { PATH_GO, PATH_END, PATH_REDUNDANT, PATH_DIVERGED, PATH_TOO_LONG };

void path_begin(struct path *p);
/* Which stage goes on, when the account @a is the state; only for PATH_GO *s is set. */
enum path_next path_choose(struct path *p, const struct account *a, enum stage *s);
/* It has gone on. */
void path_add(struct path *p, struct account *a, enum stage s);
/* What the next execution begins with; false when there is none. */
bool path_backtrack(struct path *p);
/* Does the order of the event number @at and of @e, which came later, matter? */
bool path_depends(const struct path *p, int at, const struct event *e);
/* Which passing of its point @op would be, after all events. */
uint16_t path_passings(const struct path *p, struct op op);

/* explore_witness.c: a schedule that gives this execution again; the caller frees. NULL: too long.
 */
char *path_witness(const struct path *p, const struct account *a);

/* explore_run.c: one execution for real. */
enum execution { EXEC_COMPLETE, EXEC_REDUNDANT, EXEC_FAILED };

struct execution_facts {
	json_t *outcome; /* the caller's; see results/README.md */
	char *witness;	 /* likewise */
	bool foreign;	 /* some load returned what another stage had stored */
};

enum execution explore_execute(const struct case_env *env, const json_t *params, struct path *p,
			       struct execution_facts *out, json_t *facts);
