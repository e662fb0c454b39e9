// SPDX-License-Identifier: GPL-2.0-or-later
/* A script plays QEMU for a replay under gdb: what it takes, and what it cannot be had of. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fake_qemu.h"
#include "json_util.h"
#include "replay.h"
#include "sig.h"
#include "test.h"
#include "xalloc.h"

/* Run a boot of nothing under gdb; what replay_boot() says. */
static int replay(const char *recording, const char *repeating, struct err *err)
{
	_cleanup_json_ json_t *boot =
		json_pack("{s:i, s:s, s:s, s:s, s:i, s:i}", "boot", 1, "arch", "x86_64", "accel",
			  "tcg", "time", "icount", "vcpus", 1, "memory_mib", 32);
	_cleanup_json_ json_t *manifest = json_object();
	struct replay r = {.dir = (char *)test_dir(), .manifest = manifest};
	_cleanup_free_ char *difference = NULL;
	_cleanup_free_ char *script = xasprintf("case \"$*\" in\n"
						"*rr=record*) %s ;;\n"
						"*rr=replay*) %s ;;\n"
						"esac\n",
						recording, repeating);
	_cleanup_gdb_ struct gdb gdb = {0};

	sig_init();
	fake_qemu(script);
	ck_assert_int_eq(gdb_open(&gdb, err), 0);
	return replay_boot(&r, boot, &gdb, &difference, err);
}

/* QEMU, killed, has written no recording. */
START_TEST(run_that_the_host_ended_is_none_for_gdb)
{
	struct err err = ERR_INIT;
	static const char flood[] =
		"for a; do case $a in file,id=channel,path=*) p=${a##*path=} ;; esac; done; "
		"truncate -s 1G \"$p\"; exec sleep 1000";

	ck_assert_int_lt(replay(flood, FAKE_QEMU_DONE, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, "does not end by itself") && strstr(err.msg, "wrote more"),
		      "%s", err.msg);
}
END_TEST

START_TEST(qemu_that_refuses_the_recording)
{
	struct err err = ERR_INIT;

	ck_assert_int_lt(replay(FAKE_QEMU_DONE, "echo 'no such log' >&2; exit 1", &err), 0);
	ck_assert_msg(strstr(err.msg, "no such log") != NULL, "%s", err.msg);
}
END_TEST

START_TEST(gdb_is_not_waited_for_without_a_machine)
{
	_cleanup_gdb_ struct gdb gdb = {0};
	struct err err = ERR_INIT;

	sig_init();
	ck_assert_int_eq(gdb_open(&gdb, &err), 0);
	pid_t pid = gdb_start(&gdb, &err);

	ck_assert_int_gt(pid, 0);
	gdb_wait(pid, false); /* Check's own limit says when this has failed */
}
END_TEST

TEST_SUITE(replay_gdb)
{
	Suite *s = suite_create("replay gdb");
	TCase *tc = tcase_create("replay gdb");

	tcase_set_timeout(tc, 120); /* only against a hang */
	tcase_add_test(tc, run_that_the_host_ended_is_none_for_gdb);
	tcase_add_test(tc, qemu_that_refuses_the_recording);
	tcase_add_test(tc, gdb_is_not_waited_for_without_a_machine);
	suite_add_tcase(s, tc);
	return s;
}
