// SPDX-License-Identifier: GPL-2.0-or-later
/* The pool of machines: so many at once, longest first, and nothing lost when a worker dies. */
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sig.h"
#include "slots.h"
#include "test.h"

#define WORKERS 3

static int pairs[WORKERS][2];

static void open_pairs(void)
{
	struct err err = ERR_INIT;

	sig_init();
	for (int i = 0; i < WORKERS; i++)
		ck_assert_int_eq(slots_pair(pairs[i], &err), 0);
}

static void close_pairs(void)
{
	for (int i = 0; i < WORKERS; i++) {
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
}

static int driver_end(void *arg, size_t worker)
{
	(void)arg;
	return pairs[worker][0];
}

static void take_all(struct sched *s)
{
	for (size_t i = 0; i < WORKERS; i++)
		while (sched_take(s, i, pairs[i][0]) == 0)
			;
}

static void want(size_t worker, unsigned id, unsigned cost)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(slots_want(pairs[worker][1], id, cost, &err), 0);
}

static void grant(struct sched *s)
{
	take_all(s);
	sched_grant(s, driver_end, NULL);
}

/* What worker @w may start now, or -1. */
static int granted(size_t w)
{
	struct err err = ERR_INIT;
	char c;

	if (recv(pairs[w][1], &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0)
		return -1;
	return slots_granted(pairs[w][1], &err);
}

static void done(size_t w, unsigned id)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(slots_done(pairs[w][1], id, &err), 0);
}

START_TEST(longest_first_and_so_many_at_once)
{
	struct sched s = {.slots = 2};

	want(0, 0, 10);
	want(0, 1, 30);
	want(1, 0, 20);
	want(2, 7, 40);
	grant(&s);
	ck_assert_int_eq(granted(2), 7);
	ck_assert_int_eq(granted(0), 1);
	ck_assert_int_eq(granted(1), -1);
	ck_assert_int_eq(granted(0), -1);
	done(2, 7);
	grant(&s);
	ck_assert_int_eq(granted(1), 0);
	ck_assert_int_eq(granted(0), -1);
	done(0, 1);
	done(1, 0);
	grant(&s);
	ck_assert_int_eq(granted(0), 0);
	ck_assert_uint_eq(s.running, 1);
	sched_free(&s);
}
END_TEST

START_TEST(equals_go_in_order)
{
	struct sched s = {.slots = 1};

	want(1, 0, 10);
	want(0, 1, 10);
	want(0, 0, 10);
	grant(&s);
	ck_assert_int_eq(granted(0), 0);
	ck_assert_int_eq(granted(1), -1);
	sched_free(&s);
}
END_TEST

START_TEST(what_a_dead_worker_held_is_free)
{
	struct sched s = {.slots = 1};

	want(0, 0, 50);
	want(0, 1, 40);
	want(1, 0, 10);
	grant(&s);
	ck_assert_int_eq(granted(0), 0);
	sched_forget(&s, 0);
	ck_assert_uint_eq(s.running, 0);
	grant(&s);
	ck_assert_int_eq(granted(1), 0);
	sched_free(&s);
}
END_TEST

START_TEST(worker_that_is_gone_before_the_grant)
{
	struct sched s = {.slots = 1};

	want(0, 0, 50);
	want(1, 0, 10);
	take_all(&s);
	close(pairs[0][1]);
	sched_grant(&s, driver_end, NULL);
	ck_assert_int_eq(granted(1), 0);
	sched_free(&s);
}
END_TEST

START_TEST(estimate_follows_what_was_measured)
{
	struct sched s = {.slots = 2};

	want(0, 0, 100);
	want(0, 1, 100);
	want(0, 2, 200);
	take_all(&s);
	ck_assert(sched_left_s(&s) < 0); /* nothing has ended yet */
	s.done_ms = 100;
	s.busy_s = 2; /* so each ms of cost is 20 ms */
	ck_assert(sched_left_s(&s) > 3.9 && sched_left_s(&s) < 4.1);
	sched_free(&s);
}
END_TEST

START_TEST(driver_that_is_gone_is_an_error)
{
	struct err err = ERR_INIT;

	close(pairs[0][0]);
	ck_assert_int_lt(slots_granted(pairs[0][1], &err), 0);
	ck_assert_int_lt(slots_want(pairs[0][1], 0, 1, &err), 0);
}
END_TEST

/* It does not grant anything either, once it was told to stop as we were. */
START_TEST(stop_before_the_wait_ends_it)
{
	struct err err = ERR_INIT;

	raise(SIGTERM);
	ck_assert_int_eq(slots_granted(pairs[0][1], &err), -EINTR);
	ck_assert_int_eq(slots_take(pairs[0][1], 0, 1, &err), -EINTR);
}
END_TEST

TEST_SUITE(slots)
{
	Suite *s = suite_create("slots");
	TCase *tc = tcase_create("slots");

	tcase_add_checked_fixture(tc, open_pairs, close_pairs);
	tcase_add_test(tc, longest_first_and_so_many_at_once);
	tcase_add_test(tc, equals_go_in_order);
	tcase_add_test(tc, what_a_dead_worker_held_is_free);
	tcase_add_test(tc, worker_that_is_gone_before_the_grant);
	tcase_add_test(tc, estimate_follows_what_was_measured);
	tcase_add_test(tc, driver_that_is_gone_is_an_error);
	tcase_add_test(tc, stop_before_the_wait_ends_it);
	suite_add_tcase(s, tc);
	return s;
}
