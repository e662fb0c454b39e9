// SPDX-License-Identifier: GPL-2.0-or-later
/* A script plays QEMU: it counts the boots, and does under each accelerator what the test says. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel_internal.h"
#include "cleanup.h"
#include "fake_qemu.h"
#include "publish.h"
#include "sig.h"
#include "test.h"
#include "xalloc.h"

#define BOOTS FAKE_QEMU_DONE

/* Such a QEMU, and an empty cache in place. */
static void accel_qemu(const char *under_kvm, const char *under_tcg)
{
	_cleanup_free_ char *cache = xasprintf("%s/cache", test_dir());
	_cleanup_free_ char *script =
		xasprintf("case \"$*\" in\n"
			  "--version) echo 'QEMU emulator version 1.2.3 (fake)'; exit ;;\n"
			  "*'-accel kvm'*sm.init=exit*) echo kvm >>'%s/boots'; %s ;;\n"
			  "*'-accel tcg'*sm.init=exit*) echo tcg >>'%s/boots'; %s ;;\n"
			  "esac\n",
			  test_dir(), under_kvm, test_dir(), under_tcg);

	fake_qemu(script);
	setenv("XDG_CACHE_HOME", cache, 1);
}

/* What was booted since the test began: "kvm\ntcg\n". Caller frees. */
static char *boots(void)
{
	_cleanup_free_ char *path = xasprintf("%s/boots", test_dir());
	struct err err = ERR_INIT;
	char *text = NULL;

	return read_file(path, 4096, &text, NULL, &err) == 0 ? text : xstrdup("");
}

static void no_boot_since(const char *before)
{
	_cleanup_free_ char *now = boots();

	ck_assert_str_eq(now, before);
}

/* /dev/null stands for a device that can be opened. */
static enum vm_accel probe(char **why)
{
	return accel_probe_device("/dev/null", "x86_64", "/kernel", "/initrd", why);
}

START_TEST(device_missing_or_closed)
{
	_cleanup_free_ char *why = NULL, *path = xasprintf("%s/kvm", test_dir());

	accel_qemu(BOOTS, BOOTS);
	ck_assert_int_eq(accel_probe_device(path, "x86_64", "/kernel", "/initrd", &why), VM_TCG);
	ck_assert_msg(strstr(why, path) && strstr(why, "No such file"), "%s", why);
	no_boot_since("");
}
END_TEST

START_TEST(kvm_that_boots_is_remembered)
{
	_cleanup_free_ char *why = NULL, *again = NULL;

	accel_qemu(BOOTS, BOOTS);
	ck_assert_int_eq(probe(&why), VM_KVM);
	no_boot_since("kvm\n");
	ck_assert_int_eq(probe(&again), VM_KVM);
	ck_assert_str_eq(why, again);
	no_boot_since("kvm\n");
}
END_TEST

/* The device can be opened, but QEMU aborts: this is what access checks cannot see. */
START_TEST(kvm_that_does_not_boot_is_remembered)
{
	static const char *const ways[] = {"echo 'kvm: cannot set MSR' >&2; kill -ABRT $$",
					   "echo 'kvm: cannot set MSR' >&2; exit 1"};
	_cleanup_free_ char *why = NULL, *again = NULL;

	accel_qemu(ways[_i], BOOTS);
	ck_assert_int_eq(probe(&why), VM_TCG);
	ck_assert_msg(!strncmp(why, "TCG: ", 5) && strstr(why, "cannot set MSR"), "%s", why);
	ck_assert_int_eq(probe(&again), VM_TCG);
	ck_assert_str_eq(why, again);
	no_boot_since("kvm\ntcg\n");
}
END_TEST

/* A kernel that boots nowhere says nothing about KVM. */
START_TEST(bad_kernel_is_not_held_against_kvm)
{
	_cleanup_free_ char *why = NULL, *good = NULL;

	accel_qemu("exit 1", "echo 'bad magic' >&2; exit 1");
	ck_assert_int_eq(probe(&why), VM_TCG);
	ck_assert_msg(strstr(why, "bad magic") != NULL, "%s", why);
	no_boot_since("kvm\ntcg\n");
	accel_qemu(BOOTS, BOOTS);
	ck_assert_int_eq(probe(&good), VM_KVM);
}
END_TEST

/* The guest is the one under test, and may be broken: five minutes of a flood are no answer. */
START_TEST(flood_is_cut_short)
{
	static const char flood[] =
		"for a; do case $a in file,id=channel,path=*) p=${a##*path=} ;; esac; done; "
		"head -c 1100000 /dev/zero >\"$p\"; exec sleep 1000";
	_cleanup_free_ char *why = NULL;

	accel_qemu("exit 1", flood);
	ck_assert_int_eq(probe(&why), VM_TCG);
	ck_assert_msg(strstr(why, "more than 1 MiB") != NULL, "%s", why);
	no_boot_since("kvm\ntcg\n");
}
END_TEST

START_TEST(interrupted_probe_is_not_remembered)
{
	_cleanup_free_ char *why = NULL;
	int status;

	accel_qemu("kill -INT $PPID; exec sleep 1000", BOOTS);
	pid_t child = fork();

	if (child == 0) {
		sig_init();
		_exit(probe(&why) == VM_TCG && sig_stop() == SIGINT ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	no_boot_since("kvm\n");
	accel_qemu(BOOTS, BOOTS);
	ck_assert_int_eq(probe(&why), VM_KVM);
}
END_TEST

START_TEST(no_qemu)
{
	_cleanup_free_ char *why = NULL;

	accel_qemu(BOOTS, BOOTS);
	setenv("PATH", test_dir(), 1);
	ck_assert_int_eq(probe(&why), VM_TCG);
	ck_assert_msg(strstr(why, "could not be tried") && strstr(why, "install"), "%s", why);
}
END_TEST

START_TEST(concurrent_workers_probe_once)
{
	int status, n = 0;

	accel_qemu("sleep 0.2; exit 85", BOOTS);
	for (int i = 0; i < 4; i++) {
		if (fork())
			continue;
		char *why = NULL;

		_exit(probe(&why) == VM_KVM ? 0 : 1);
	}
	while (wait(&status) > 0) {
		ck_assert_int_eq(status, 0);
		n++;
	}
	ck_assert_int_eq(n, 4);
	no_boot_since("kvm\n");
}
END_TEST

TEST_SUITE(accel)
{
	Suite *s = suite_create("accel");
	TCase *tc = tcase_create("accel");

	tcase_set_timeout(tc, 120); /* only against a hang */
	tcase_add_test(tc, device_missing_or_closed);
	tcase_add_test(tc, kvm_that_boots_is_remembered);
	tcase_add_loop_test(tc, kvm_that_does_not_boot_is_remembered, 0, 2);
	tcase_add_test(tc, bad_kernel_is_not_held_against_kvm);
	tcase_add_test(tc, flood_is_cut_short);
	tcase_add_test(tc, interrupted_probe_is_not_remembered);
	tcase_add_test(tc, no_qemu);
	tcase_add_test(tc, concurrent_workers_probe_once);
	suite_add_tcase(s, tc);
	return s;
}
