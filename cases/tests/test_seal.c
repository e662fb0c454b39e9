// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The seal case on this machine's own kernel, taken to be a healthy one, for every mask there is:
 * each operation must come out as the seals that F_GET_SEALS names promise (memfd_create(2),
 * fcntl(2)). So each operation is seen both to work and to be refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "guest_test.h"
#include "memfd.h"
#include "sealed_exec.h"

#define NO_WRITES (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* Works just as long as none of @forbidden is set. */
static const struct {
	const char *op;
	int forbidden;
} promises[] = {
	{"write", NO_WRITES},
	{"write-past-end", NO_WRITES | F_SEAL_GROW},
	{"shrink", F_SEAL_SHRINK},
	{"grow", F_SEAL_GROW},
	{"map-shared-rw", NO_WRITES},
	{"map-shared-upgrade", NO_WRITES},
	{"map-private-rw", 0},
	{"chmod-x", F_SEAL_EXEC},
	{"reopen-write", NO_WRITES},
	{"fork-get", 0},
	{"exec-get", 0},
};

static void check_promises(const json_t *facts, int seals)
{
	char path[64];

	for (size_t i = 0; i < sizeof(promises) / sizeof(*promises); i++) {
		snprintf(path, sizeof(path), "ops.%s.ok", promises[i].op);
		assert_bool(facts, path, !(seals & promises[i].forbidden));
	}
	/* Linux before 6.7 refuses both with F_SEAL_WRITE, later ones neither. */
	if (seals & F_SEAL_WRITE)
		ck_assert_int_eq(json_is_true(test_member(facts, "ops.map-shared-ro.ok")),
				 json_is_true(test_member(facts, "ops.add-write-with-ro-map.ok")));
	else
		assert_bool(facts, "ops.map-shared-ro.ok", true);
	ck_assert_int_eq(!!test_member(facts, "ops.add-write-with-ro-map"),
			 !!(seals & F_SEAL_WRITE));
	if (seals & F_SEAL_WRITE)
		assert_text(facts, "ops.write.errno", "EPERM");
	assert_int(facts, "ops.fork-get.value", seals);
	assert_int(facts, "ops.exec-get.value", seals);
	if (test_member(facts, "ops.add-more"))
		assert_bool(facts, "ops.add-more.ok", !(seals & F_SEAL_SEAL));
}

static void check_old_map(const json_t *facts, int seals)
{
	if (seals & F_SEAL_WRITE) {
		assert_bool(facts, "ops.add-with-map.ok", false);
		assert_text(facts, "ops.add-with-map.errno", "EBUSY");
		ck_assert_ptr_null(test_member(facts, "ops.old-map-write"));
	} else {
		assert_bool(facts, "ops.old-map-write.ok", true);
	}
}

static bool kernel_has(int seals)
{
	int fd = memfd_new();
	bool has = fd >= 0 && !memfd_seal(fd, seals);

	close(fd);
	return has;
}

START_TEST(every_mask_keeps_its_promise)
{
	char mask[16];

	snprintf(mask, sizeof(mask), "0x%x", _i);
	json_t *facts = test_run_case(case_seal, mask);

	ck_assert_ptr_null(test_member(facts, "error"));
	if (!kernel_has(_i)) {
		assert_text(facts, "unsupported.errno", "EINVAL");
		ck_assert_ptr_null(test_member(facts, "ops"));
	} else {
		int seals = json_integer_value(test_member(facts, "seals"));

		ck_assert_int_eq(seals & _i, _i);
		check_promises(facts, seals);
		check_old_map(facts, seals);
	}
	json_decref(facts);
}
END_TEST

START_TEST(without_seals_all_is_allowed)
{
	json_t *facts = test_run_case(case_seal, "none");

	assert_int(facts, "seals", 0);
	check_promises(facts, 0);
	assert_bool(facts, "ops.old-map-write.ok", true);
	json_decref(facts);
}
END_TEST

START_TEST(unknown_seal_is_unsupported)
{
	json_t *facts = test_run_case(case_seal, "0x8001");

	assert_text(facts, "unsupported.step", "F_ADD_SEALS 0x8001");
	assert_text(facts, "unsupported.errno", "EINVAL");
	ck_assert_ptr_null(test_member(facts, "add"));
	json_decref(facts);
}
END_TEST

static const char *const nonsense[] = {"", "0x", "31seals", "-1", "0x10000", "all"};

START_TEST(nonsense_is_an_error)
{
	json_t *facts = test_run_case(case_seal, nonsense[_i]);

	ck_assert_ptr_nonnull(test_member(facts, "error"));
	ck_assert_ptr_null(test_member(facts, "ops"));
	json_decref(facts);
}
END_TEST

/* On this side of the exec and on the other. */
START_TEST(exec_that_fails_says_why)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(sealed_exec_ask("/nonexistent", fd), -ENOENT);
	ck_assert_int_eq(sealed_exec_ask(test_bin_dir(), fd), -EINVAL);
	/* Only the program had it without close-on-exec. */
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	ck_assert_int_eq(sealed_exec_ask(test_bin_dir(), fd), -EBADF);
}
END_TEST

TEST_SUITE(seal)
{
	Suite *s = suite_create("seal case");
	TCase *t = tcase_create("seal");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, every_mask_keeps_its_promise, 0, 0x40);
	tcase_add_test(t, without_seals_all_is_allowed);
	tcase_add_test(t, unknown_seal_is_unsupported);
	tcase_add_test(t, exec_that_fails_says_why);
	tcase_add_loop_test(t, nonsense_is_an_error, 0, sizeof(nonsense) / sizeof(*nonsense));
	suite_add_tcase(s, t);
	return s;
}
