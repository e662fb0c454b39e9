// SPDX-License-Identifier: GPL-2.0-or-later
/* A guest in which nobody answers any more: what the host finds out by itself. */
#include <stdlib.h>
#include <string.h>

#include "boot_test.h"
#include "cleanup.h"
#include "initramfs.h"
#include "json_util.h"
#include "paths.h"
#include "publish.h"
#include "vm_internal.h"
#include "xalloc.h"

static char *image_of(const char *kernel)
{
	_cleanup_json_ json_t *got = kernel_got(kernel);

	return xstrdup(jstr(got, "image", ""));
}

/* Boot 6.1 with @script in the place of the agent, until it has been silent for a while. */
static void run_silent(const char *script, struct vm_result *res, char **sysrq)
{
	_cleanup_free_ char *guest = guest_with("agent", script);
	_cleanup_free_ char *list = paths_data("images/initramfs.list"), *image = image_of("6.1");
	_cleanup_free_ char *initrd = xasprintf("%s/initrd", test_dir());
	_cleanup_free_ char *console = xasprintf("%s/console", test_dir());
	_cleanup_free_ char *channel = xasprintf("%s/channel", test_dir());
	_cleanup_free_ char *path = xasprintf("%s/sysrq", test_dir());
	struct initramfs_opts opts = {.list = list, .plan = ""};
	struct vm_limits lim = vm_limits;
	struct err err = ERR_INIT;

	setenv("SEALMATRIX_GUEST", guest, 1);
	ck_assert_msg(initramfs_write(initrd, &opts, &err) == 0, "%s", err.msg);
	unsetenv("SEALMATRIX_GUEST");
	struct vm_config cfg = {.arch = "x86_64",
				.kernel = image,
				.initrd = initrd,
				/* Its boot messages are signs of life. */
				.append = "ignore_loglevel",
				.console_path = console,
				.channel_path = channel,
				.sysrq_path = path,
				.silent_cpu_s = 8};

	lim.sysrq_ms = 60000;
	ck_assert_msg(vm_run_limits(&cfg, &lim, NULL, NULL, res, &err) == 0, "%s", err.msg);
	ck_assert_msg(res->end == VM_SILENT, "%s", res->text);
	ck_assert_int_eq(read_file(path, 1 << 24, sysrq, NULL, &err), 0);
}

static size_t halted(const json_t *diagnosis)
{
	size_t i, n = 0;
	json_t *s;

	json_array_foreach (json_object_get(diagnosis, "ip"), i, s)
		n += jbool(s, "halted", 0);
	return n;
}

START_TEST(spinning_program)
{
	_cleanup_vm_result_ struct vm_result res = {0};
	_cleanup_free_ char *said = NULL;
	static const char *const wanted[] = {"Show backtrace of all active CPUs",
					     "Show Blocked State", "Show State", "task:agent"};

	run_silent("#!/bin/sh\nwhile :; do :; done\n", &res, &said);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		ck_assert_msg(strstr(said, wanted[i]) != NULL, "no '%s' in:\n%s", wanted[i], said);
	ck_assert_int_eq(jint(res.diagnosis, "answered", 0), 5);
	ck_assert_uint_eq(halted(res.diagnosis), 0);
}
END_TEST

START_TEST(sleeping_program)
{
	_cleanup_vm_result_ struct vm_result res = {0};
	_cleanup_free_ char *said = NULL;

	run_silent("#!/bin/sh\nsleep 1000000000\n", &res, &said);
	ck_assert_msg(strstr(said, "task:sleep") != NULL, "%s", said);
	ck_assert_int_eq(jint(res.diagnosis, "answered", 0), 5);
	ck_assert_uint_gt(halted(res.diagnosis), 0);
}
END_TEST

TEST_SUITE(diagnosis)
{
	Suite *s = suite_create("diagnosis");
	TCase *tc = tcase_create("diagnosis");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, spinning_program);
	tcase_add_test(tc, sleeping_program);
	suite_add_tcase(s, tc);
	return s;
}
