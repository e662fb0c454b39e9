// SPDX-License-Identifier: GPL-2.0-or-later
/* Machines that stop themselves, are kept as files, and go on from there: real QEMU, tiny guests.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "hash.h"
#include "proto.h"
#include "publish.h"
#include "test.h"
#include "tiny_guest.h"
#include "vm.h"
#include "xalloc.h"

#define MEMORY_MIB 32

#define SAY(c)	   SET_DX(CHANNEL_PORT), OUT_DX(c)
#define DONE	   OUT_IMM(SM_EXIT_PORT, SM_EXIT_DONE), SPIN
/* incb 0x200000; mov 0x200000,%al; out %al,(%dx): how often memory has seen this */
#define COUNT 0xfe, 0x05, 0, 0, 0x20, 0, 0xa0, 0, 0, 0x20, 0, SET_DX(CHANNEL_PORT), 0xee

/* Counts, parks, counts again. */
static const unsigned char guest[] = {COUNT, PARK, COUNT, SAY('!'), DONE};
static const unsigned char guest_real_time[] = {COUNT, PARK_REAL_TIME, COUNT, SAY('!'), DONE};

static bool real_time;
static char *kernel, *ram, *state, *console, *channel;

static void paths(void)
{
	kernel = xasprintf("%s/a,b c/kernel", test_dir());
	ram = xasprintf("%s/a,b c/ram", test_dir());
	state = xasprintf("%s/a,b c/state", test_dir());
	console = xasprintf("%s/a,b c/console", test_dir());
	channel = xasprintf("%s/a,b c/channel", test_dir());
	tiny_guest(kernel, guest, sizeof(guest));
}

static void forget_paths(void)
{
	free(kernel);
	free(ram);
	free(state);
	free(console);
	free(channel);
}

struct got {
	char bytes[64];
	size_t n;
};

static int take(void *arg, const char *buf, size_t len)
{
	struct got *g = arg;

	ck_assert_uint_lt(g->n + len, sizeof(g->bytes));
	memcpy(g->bytes + g->n, buf, len);
	g->n += len;
	return 0;
}

static struct vm_config config(void)
{
	return (struct vm_config){
		.arch = "x86_64",
		.kernel = kernel,
		.memory_mib = MEMORY_MIB,
		.realtime = real_time,
		.console_path = console,
		.channel_path = channel,
		.ram = ram,
	};
}

static enum vm_end go(const struct vm_config *cfg, struct got *got, struct vm_result *res)
{
	struct err err = ERR_INIT;

	*got = (struct got){0};
	ck_assert_msg(vm_run(cfg, take, got, res, &err) == 0, "%s", err.msg);
	ck_assert_ptr_nonnull(res->text);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
	return res->end;
}

static void make_ram(void)
{
	_cleanup_close_ int fd = open(ram, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	ck_assert_int_eq(ftruncate(fd, (off_t)MEMORY_MIB << 20), 0);
}

static void make_template(void)
{
	struct vm_config cfg = config();
	_cleanup_vm_result_ struct vm_result res = {0};
	struct got got;

	make_ram();
	cfg.save = state;
	ck_assert_msg(go(&cfg, &got, &res) == VM_PARKED, "%s", res.text);
	ck_assert_uint_eq(got.n, 1);
	ck_assert_int_eq(got.bytes[0], 1);
}

START_TEST(goes_on_where_it_stopped)
{
	char before[SHA256_HEX], after[SHA256_HEX];
	struct err err = ERR_INIT;

	real_time = _i;
	if (real_time)
		tiny_guest(kernel, guest_real_time, sizeof(guest_real_time));
	make_template();
	ck_assert_int_eq(hash_file(ram, before, &err), 0);
	for (int i = 0; i < 2; i++) {
		_cleanup_vm_result_ struct vm_result res = {0};
		struct vm_config cfg = config();
		struct got got;

		cfg.restore = state;
		cfg.kernel = NULL; /* it is in the template */
		ck_assert_msg(go(&cfg, &got, &res) == VM_DONE, "%s", res.text);
		ck_assert_uint_eq(got.n, 2);
		ck_assert_int_eq(got.bytes[0], 2); /* every time: what it writes is its own */
		ck_assert_int_eq(got.bytes[1], '!');
	}
	ck_assert_int_eq(hash_file(ram, after, &err), 0);
	ck_assert_str_eq(before, after);
}
END_TEST

static void dies(const struct vm_config *cfg, const char *why)
{
	_cleanup_vm_result_ struct vm_result res = {0};
	struct got got;

	ck_assert_int_eq(go(cfg, &got, &res), VM_DIED);
	ck_assert_msg(strstr(res.text, why) != NULL, "%s", res.text);
	ck_assert_uint_eq(got.n, 0);
}

START_TEST(cut_off_state_is_said)
{
	struct vm_config cfg = config();

	make_template();
	ck_assert_int_eq(truncate(state, 5000), 0);
	cfg.restore = state;
	dies(&cfg, "load of migration failed");
}
END_TEST

START_TEST(state_of_another_machine_is_said)
{
	struct vm_config cfg = config();

	make_template();
	cfg.restore = state;
	cfg.memory_mib = MEMORY_MIB / 2;
	dies(&cfg, "ismatch"); /* of size, or of length: the words vary */
}
END_TEST

START_TEST(memory_that_is_cut_off_is_said)
{
	struct vm_config cfg = config();

	make_template();
	cfg.restore = state;
	ck_assert_int_eq(truncate(ram, 1 << 20), 0);
	dies(&cfg, "backing store");
}
END_TEST

START_TEST(state_that_cannot_be_written_is_said)
{
	struct vm_config cfg = config();
	_cleanup_vm_result_ struct vm_result res = {0};
	struct got got;

	make_ram();
	cfg.save = "/dev/full";
	ck_assert_int_eq(go(&cfg, &got, &res), VM_DIED);
	ck_assert_msg(strstr(res.text, "/dev/full") != NULL, "%s", res.text);
}
END_TEST

/* Instructions are counted, so that two seconds of them are always as many. */
START_TEST(guest_that_is_not_idle_is_not_kept)
{
	static const unsigned char busy[] = {SET_DX(SM_PARK_WATCHDOG), OUT_DX(SM_PARK_2S), SPIN};
	struct vm_config cfg = config();
	_cleanup_vm_result_ struct vm_result res = {0};
	struct got got;

	tiny_guest(kernel, busy, sizeof(busy));
	make_ram();
	cfg.save = state;
	ck_assert_int_eq(go(&cfg, &got, &res), VM_DIED);
	ck_assert_msg(strstr(res.text, "at work") != NULL, "%s", res.text);
	ck_assert_int_lt(access(state, F_OK), 0);
}
END_TEST

START_TEST(no_state_file)
{
	struct vm_config cfg = config();
	struct vm_result res = {0};
	struct err err = ERR_INIT;
	struct got got = {0};

	make_ram();
	cfg.restore = state;
	ck_assert_int_lt(vm_run(&cfg, take, &got, &res, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, state));
}
END_TEST

TEST_SUITE(vm_template)
{
	Suite *s = suite_create("vm template");
	TCase *tc = tcase_create("vm template");

	tcase_set_timeout(tc, 300);
	tcase_add_checked_fixture(tc, paths, forget_paths);
	tcase_add_loop_test(tc, goes_on_where_it_stopped, 0, 2);
	tcase_add_test(tc, cut_off_state_is_said);
	tcase_add_test(tc, state_of_another_machine_is_said);
	tcase_add_test(tc, memory_that_is_cut_off_is_said);
	tcase_add_test(tc, state_that_cannot_be_written_is_said);
	tcase_add_test(tc, guest_that_is_not_idle_is_not_kept);
	tcase_add_test(tc, no_state_file);
	suite_add_tcase(s, tc);
	return s;
}
