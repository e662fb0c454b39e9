// SPDX-License-Identifier: GPL-2.0-or-later
/* The jobs of one kernel: what becomes of them when processes cannot be had, or die. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "boot_internal.h"
#include "cleanup.h"
#include "fake_qemu.h"
#include "publish.h"
#include "refuse.h"
#include "test.h"
#include "xalloc.h"

#define MANY 40

static struct variant all[MANY];
static struct variants vs = {.v = all, .n = MANY};
static struct kernel k = {.name = (char *)"k", .arch = (char *)"x86_64", .image = (char *)"/k"};
static struct boot_opts o = {.variants = &vs,
			     .program = "sealmatrix",
			     .kernel_word = "k",
			     .isolation = ISOLATION_VARIANT};
static struct shared shared;
static struct session s = {.k = &k, .o = &o, .shared = &shared};

/* A kernel whose machines do what @qemu does. */
static void world(const char *qemu)
{
	_cleanup_free_ char *list = xasprintf("%s/images/initramfs.list", test_dir());
	struct err err = ERR_INIT;

	ck_assert_int_eq(publish_buffer(list, "dir /x 0755\n", 12, &err), 0);
	setenv("SEALMATRIX_ROOT", test_dir(), 1);
	fake_qemu(qemu);
	for (size_t i = 0; i < MANY; i++)
		all[i] = (struct variant){.case_name = (char *)"c",
					  .name = xasprintf("v%zu", i),
					  .kind = (char *)"cow",
					  .params = json_object()};
	o.dir = test_dir();
}

/* fork() fails with the very error that once stood for a machine that could not be restored. */
START_TEST(no_process_for_a_machine_is_an_error)
{
	_cleanup_free_ char *path = xasprintf("%s/records", test_dir());
	struct err err = ERR_INIT;
	struct job *jobs;

	world(FAKE_QEMU_DONE);
	size_t n = jobs_plan(&vs, o.isolation, false, &jobs);

	s.records = fopen(path, "we");
	ck_assert_ptr_nonnull(s.records);
	if (!REFUSE({.call = SYS_clone, .error = EAGAIN}, {.call = SYS_clone3, .error = EAGAIN}))
		return;
	ck_assert_int_eq(boot_job(&s, &jobs[0], 1, 1, &err), -EAGAIN);
	ck_assert_msg(strstr(err.msg, "start qemu-system-x86_64: fork") != NULL, "%s", err.msg);
	fclose(s.records);
	jobs_free(jobs, n);
}
END_TEST

TEST_SUITE(boot_workers)
{
	Suite *suite = suite_create("boot workers");
	TCase *tc = tcase_create("boot workers");

	tcase_set_timeout(tc, 120); /* only against a hang */
	tcase_add_test(tc, no_process_for_a_machine_is_an_error);
	suite_add_tcase(suite, tc);
	return suite;
}
