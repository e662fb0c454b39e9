// SPDX-License-Identifier: GPL-2.0-or-later
/* The deadlock proof on made-up snapshots: what is a deadlock, and every reason why it is none. */
#include <string.h>

#include "machine_proof.h"
#include "test.h"

/* Class H3: P reads c1, C and I read g0; everybody holds what they hold there. */
static struct look h3(void)
{
	struct look look = {0};
	static const enum end reads[STAGES] = {END_C1, END_G0, END_G0};
	static const unsigned holds[STAGES] = {
		1u << END_C1 | 1u << END_G0 | 1u << END_G1,
		1u << END_C0 | 1u << END_G0 | 1u << END_G1,
		1u << END_G0,
	};

	for (int s = 0; s < STAGES; s++)
		look.stage[s] = (struct look_stage){.alive = true,
						    .state = 'S',
						    .call = CALL_READ,
						    .fd = 5 + (int)reads[s],
						    .ino = 100 + reads[s],
						    .end = reads[s],
						    .fds_known = true,
						    .holds = holds[s]};
	for (int e = 0; e < ENDS; e++)
		look.end[e] = (struct look_end){.queue_known = true, .queue_source = "sock_diag"};
	look.end[END_G1].queue = 8; /* C's words; nobody reads that end */
	return look;
}

static struct proof proof_of(const struct look *look)
{
	struct proof proof;

	prove(look, &proof);
	return proof;
}

START_TEST(deadlock_of_three)
{
	struct look look = h3();
	struct proof p = proof_of(&look);

	ck_assert_int_eq(p.state, PROOF_DEADLOCK);
	ck_assert_uint_eq(p.held_by[STAGE_PARENT], IN_C);
	ck_assert_uint_eq(p.held_by[STAGE_CHILD], IN_P | IN_C);
	ck_assert_uint_eq(p.held_by[STAGE_INIT], IN_P | IN_C);
}
END_TEST

/* Class H1: P alone, waiting for an end that it holds itself. */
START_TEST(deadlock_with_itself)
{
	struct look look = h3();

	look.stage[STAGE_CHILD].alive = look.stage[STAGE_INIT].alive = false;
	look.stage[STAGE_PARENT].end = END_G0;
	struct proof p = proof_of(&look);

	ck_assert_int_eq(p.state, PROOF_DEADLOCK);
	ck_assert_uint_eq(p.held_by[STAGE_PARENT], IN_P);
}
END_TEST

static void queue_not_empty(struct look *look)
{
	look->end[END_G0].queue = 4;
}

/* What the machine itself wrote down may be late: nothing is said of the kernel then. */
static void queue_not_empty_by_account(struct look *look)
{
	queue_not_empty(look);
	look->end[END_G0].queue_source = "accounting";
}

static void queue_not_empty_and_writer_outside(struct look *look)
{
	queue_not_empty(look);
	look->foreign = 1u << END_G1;
}

static void queue_not_empty_and_writer_perhaps_outside(struct look *look)
{
	queue_not_empty(look);
	look->foreign_unknown = true;
}

/* P may be in a write(), about to wake the other two. */
static void queue_not_empty_and_other_call(struct look *look)
{
	queue_not_empty(look);
	look->stage[STAGE_PARENT].call = CALL_OTHER;
	look->stage[STAGE_PARENT].nr = 1;
}

static void queue_not_empty_and_writer_runs(struct look *look)
{
	queue_not_empty(look);
	look->stage[STAGE_CHILD].state = 'R';
}

static void queue_not_empty_and_reader_ran(struct look *look)
{
	queue_not_empty(look);
	look->stage[STAGE_INIT].moved = true;
}

/* Only a queue that somebody reads counts. */
static void other_queue_not_empty(struct look *look)
{
	look->end[END_C0].queue = 4;
}

/* The last word of C, which is gone. */
static void queue_not_empty_and_peer_gone(struct look *look)
{
	look->stage[STAGE_CHILD].alive = false;
	look->end[END_C1].queue = 4;
}

static void queue_unknown(struct look *look)
{
	look->end[END_C1].queue_known = false;
}

static void writer_outside(struct look *look)
{
	look->foreign = 1u << END_G1;
}

static void writer_perhaps_outside(struct look *look)
{
	look->foreign_unknown = true;
}

static void nobody_holds_peer(struct look *look)
{
	look->stage[STAGE_CHILD].alive = false;
}

static void nobody_holds_peer_but_perhaps_outside(struct look *look)
{
	nobody_holds_peer(look);
	look->foreign_unknown = true;
}

/* It may have closed c0, and not be through with that. */
static void nobody_holds_peer_and_an_outsider(struct look *look)
{
	nobody_holds_peer(look);
	look->outsiders = true;
}

/* It may read c0, whose number was closed by who shares its table. */
static void nobody_holds_peer_and_an_odd_read(struct look *look)
{
	nobody_holds_peer(look);
	look->stage[STAGE_INIT].end = END_NONE;
}

/* It may be closing c0. */
static void nobody_holds_peer_and_other_call(struct look *look)
{
	nobody_holds_peer(look);
	look->stage[STAGE_INIT].call = CALL_OTHER;
}

static void nobody_holds_peer_and_another_runs(struct look *look)
{
	nobody_holds_peer(look);
	look->stage[STAGE_INIT].state = 'R';
}

static void nobody_holds_peer_and_reader_ran(struct look *look)
{
	nobody_holds_peer(look);
	look->stage[STAGE_PARENT].moved = true;
}

static void nobody_holds_peer_and_unknown_descriptors(struct look *look)
{
	nobody_holds_peer(look);
	look->stage[STAGE_INIT].fds_known = false;
}

static void nobody_holds_peer_and_other_is_held(struct look *look)
{
	nobody_holds_peer(look);
	look->stage[STAGE_INIT].held = true;
	look->stage[STAGE_INIT].call = CALL_FUTEX;
}

/* The reader itself waits for the schedule, and has not begun to read. */
static void nobody_holds_peer_and_reader_is_held(struct look *look)
{
	nobody_holds_peer(look);
	look->stage[STAGE_PARENT].held = true;
	look->stage[STAGE_PARENT].call = CALL_FUTEX;
}

static void descriptors_unknown(struct look *look)
{
	look->stage[STAGE_INIT].fds_known = false;
}

static void reads_something_else(struct look *look)
{
	look->stage[STAGE_PARENT].end = END_NONE;
}

static void other_call(struct look *look)
{
	look->stage[STAGE_CHILD].call = CALL_OTHER;
}

static void waits_on_futex(struct look *look)
{
	look->stage[STAGE_CHILD].call = CALL_FUTEX;
}

static void call_unknown(struct look *look)
{
	look->stage[STAGE_CHILD].call = CALL_UNKNOWN;
}

static void runs(struct look *look)
{
	look->stage[STAGE_CHILD].state = 'R';
}

static void in_no_call(struct look *look)
{
	look->stage[STAGE_CHILD].call = CALL_NONE;
}

static void is_stopped(struct look *look)
{
	look->stage[STAGE_INIT].state = 'T';
}

static void is_zombie(struct look *look)
{
	look->stage[STAGE_INIT].state = 'Z';
}

static void ran_between(struct look *look)
{
	look->stage[STAGE_PARENT].moved = true;
}

static void is_held(struct look *look)
{
	look->stage[STAGE_INIT].held = true;
	look->stage[STAGE_INIT].call = CALL_FUTEX;
}

static void held_while_another_runs(struct look *look)
{
	is_held(look);
	runs(look);
}

/* C waits for I, a while, before it leaves: it may yet pass what I is held for. */
static void held_while_another_sleeps(struct look *look)
{
	is_held(look);
	waits_on_futex(look);
}

/* What P reads may come from outside. */
static void held_and_writer_outside(struct look *look)
{
	is_held(look);
	look->foreign = 1u << END_C0;
}

static void held_and_queue_not_empty(struct look *look)
{
	is_held(look);
	look->end[END_C1].queue = 4;
}

static void all_gone(struct look *look)
{
	for (int s = 0; s < STAGES; s++)
		look->stage[s].alive = false;
}

static const struct {
	void (*spoil)(struct look *look);
	enum proof_state want;
	const char *why;
} spoilt[] = {
	{queue_not_empty, PROOF_LOST, "C sleeps reading g0, whose queue holds 4 bytes"},
	{queue_not_empty_and_peer_gone, PROOF_LOST, "P sleeps reading c1"},
	{queue_not_empty_by_account, PROOF_NOT_PROVED, "queue holds 4 bytes"},
	{queue_not_empty_and_writer_outside, PROOF_NOT_PROVED, "queue holds 4 bytes"},
	{queue_not_empty_and_writer_perhaps_outside, PROOF_NOT_PROVED, "may hold c0"},
	{queue_not_empty_and_other_call, PROOF_NOT_PROVED, "P sleeps in system call 1"},
	{queue_not_empty_and_writer_runs, PROOF_MOVING, ""},
	{queue_not_empty_and_reader_ran, PROOF_MOVING, ""},
	{other_queue_not_empty, PROOF_DEADLOCK, ""},
	{queue_unknown, PROOF_NOT_PROVED, "queue of c1 cannot be seen"},
	{writer_outside, PROOF_NOT_PROVED, "a process outside the machine holds g1"},
	{writer_perhaps_outside, PROOF_NOT_PROVED, "may hold c0"},
	{nobody_holds_peer, PROOF_LOST, "P sleeps reading c1, whose peer nobody holds"},
	{nobody_holds_peer_but_perhaps_outside, PROOF_NOT_PROVED, "may hold c0"},
	{nobody_holds_peer_and_an_outsider, PROOF_NOT_PROVED, "nobody holds: an end of file"},
	{nobody_holds_peer_and_an_odd_read, PROOF_NOT_PROVED, "nobody holds: an end of file"},
	{nobody_holds_peer_and_other_call, PROOF_NOT_PROVED, "nobody holds: an end of file"},
	{nobody_holds_peer_and_another_runs, PROOF_MOVING, ""},
	{nobody_holds_peer_and_reader_ran, PROOF_MOVING, ""},
	{nobody_holds_peer_and_unknown_descriptors, PROOF_NOT_PROVED, "descriptors of I"},
	{nobody_holds_peer_and_other_is_held, PROOF_LOST, "whose peer nobody holds"},
	{nobody_holds_peer_and_reader_is_held, PROOF_HELD, ""},
	{descriptors_unknown, PROOF_NOT_PROVED, "descriptors of I"},
	{reads_something_else, PROOF_NOT_PROVED, "none of the ends"},
	{other_call, PROOF_NOT_PROVED, "C sleeps in system call"},
	{waits_on_futex, PROOF_NOT_PROVED, "C sleeps in system call"},
	{call_unknown, PROOF_NOT_PROVED, "system call of C cannot be seen"},
	{runs, PROOF_MOVING, ""},
	{in_no_call, PROOF_MOVING, ""},
	{is_stopped, PROOF_MOVING, ""},
	{is_zombie, PROOF_MOVING, ""},
	{ran_between, PROOF_MOVING, ""},
	{is_held, PROOF_HELD, ""},
	{held_while_another_runs, PROOF_MOVING, ""},
	{held_while_another_sleeps, PROOF_NOT_PROVED, "C sleeps in system call"},
	{held_and_writer_outside, PROOF_NOT_PROVED, "a process outside the machine holds c0"},
	{held_and_queue_not_empty, PROOF_LOST, "P sleeps reading c1, whose queue holds 4 bytes"},
	{all_gone, PROOF_MOVING, ""},
};

START_TEST(no_deadlock)
{
	struct look look = h3();

	spoilt[_i].spoil(&look);
	struct proof p = proof_of(&look);

	ck_assert_int_eq(p.state, spoilt[_i].want);
	ck_assert_msg(strstr(p.why, spoilt[_i].why) && (!*spoilt[_i].why == !*p.why),
		      "reason is \"%s\", not \"%s\"", p.why, spoilt[_i].why);
	ck_assert_int_eq(p.eof, p.state == PROOF_LOST && strstr(p.why, "nobody holds") != NULL);
}
END_TEST

TEST_SUITE(machine_proof)
{
	Suite *s = suite_create("machine_proof");
	TCase *tc = tcase_create("proof");

	tcase_add_test(tc, deadlock_of_three);
	tcase_add_test(tc, deadlock_with_itself);
	tcase_add_loop_test(tc, no_deadlock, 0, sizeof(spoilt) / sizeof(*spoilt));
	suite_add_tcase(s, tc);
	return s;
}
