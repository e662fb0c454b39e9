// SPDX-License-Identifier: GPL-2.0-or-later
/* The jobs of one kernel: what becomes of them when processes cannot be had, or die. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot_internal.h"
#include "cleanup.h"
#include "fake_qemu.h"
#include "json_util.h"
#include "publish.h"
#include "record.h"
#include "refuse.h"
#include "sig.h"
#include "slots.h"
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

	sig_init(); /* Check's handler, which jobs would have, ends the whole test */
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

/* As one whose fork() fails; 0: that was the error. */
static int job_without_processes(struct job *job)
{
	struct err err = ERR_INIT;

	if (!REFUSE({.call = SYS_clone, .error = EAGAIN}, {.call = SYS_clone3, .error = EAGAIN}))
		return 0;
	if (boot_job(&s, job, 1, 1, &err) == -EAGAIN &&
	    strstr(err.msg, "start qemu-system-x86_64: fork"))
		return 0;
	fprintf(stderr, "%s\n", err.msg);
	return 1;
}

/* The very error that once stood for a machine that could not be restored. */
START_TEST(no_process_for_a_machine_is_an_error)
{
	_cleanup_free_ char *path = xasprintf("%s/records", test_dir());
	struct job *jobs;
	int status;

	world(FAKE_QEMU_DONE);
	size_t n = jobs_plan(&vs, o.isolation, false, &jobs);

	s.records = fopen(path, "we");
	ck_assert_ptr_nonnull(s.records);
	/* In a process that just ends: a leak checker would need one more. */
	pid_t pid = fork();

	if (pid == 0)
		_exit(job_without_processes(&jobs[0]));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	fclose(s.records);
	jobs_free(jobs, n);
}
END_TEST

static int worker_end(void *fd, size_t worker)
{
	(void)worker;
	return *(int *)fd;
}

/* A driver that lets @slots machines run at once. */
static pid_t drive(unsigned slots)
{
	struct err err = ERR_INIT;
	int fds[2];

	ck_assert_int_eq(slots_pair(fds, &err), 0);
	o.slots = fds[1];
	pid_t pid = fork();

	if (pid == 0) {
		struct sched sched = {.slots = slots};
		struct pollfd p = {.fd = fds[0], .events = POLLIN};

		close(fds[1]);
		while (poll(&p, 1, -1) > 0 && sched_take(&sched, 0, fds[0]) == 0)
			sched_grant(&sched, worker_end, &fds[0]);
		_exit(0);
	}
	close(fds[0]);
	return pid;
}

/* boot_jobs() with a machine for each variant. */
static int run_all(struct err *err)
{
	struct job *jobs;
	size_t n = jobs_plan(&vs, o.isolation, false, &jobs);
	pid_t driver = drive(2);
	int ret = boot_jobs(&s, jobs, n, 1, err);

	close(o.slots);
	ck_assert_int_eq(waitpid(driver, NULL, 0), driver);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
	jobs_free(jobs, n);
	return ret;
}

/* How many machines have left their record. */
static size_t machines(void)
{
	_cleanup_free_ char *path = xasprintf("%s/records.jsonl", test_dir());
	_cleanup_json_ json_t *records = json_array();
	struct err err = ERR_INIT;
	size_t i, n = 0;
	json_t *r;

	ck_assert_msg(records_load_file(path, false, records, &err) == 0, "%s", err.msg);
	json_array_foreach (records, i, r)
		n += !strcmp(jstr(r, "type", ""), "boot");
	return n;
}

START_TEST(more_jobs_than_descriptors)
{
	const struct rlimit few = {MANY, MANY};
	struct err err = ERR_INIT;

	world(FAKE_QEMU_DONE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_msg(run_all(&err) == 0, "%s", err.msg);
	ck_assert_uint_eq(machines(), MANY);
}
END_TEST

START_TEST(job_that_cannot_be_watched_is_an_error)
{
	struct err err = ERR_INIT;

	world(FAKE_QEMU_DONE);
	if (!REFUSE({.call = SYS_pidfd_open, .error = EMFILE}))
		return;
	ck_assert_int_eq(run_all(&err), -EMFILE);
	ck_assert_msg(strstr(err.msg, "watch a job") != NULL, "%s", err.msg);
}
END_TEST

/* As the kernel does to whoever uses most memory. */
START_TEST(killed_job_costs_its_own_machine_only)
{
	_cleanup_free_ char *once = xasprintf("%s/once", test_dir());
	_cleanup_free_ char *qemu =
		xasprintf("mkdir '%s' && kill -KILL $PPID; " FAKE_QEMU_DONE, once);
	struct err err = ERR_INIT;

	world(qemu);
	ck_assert_int_lt(run_all(&err), 0);
	ck_assert_msg(strstr(err.msg, "killed by signal 9") != NULL, "%s", err.msg);
	ck_assert_uint_eq(machines(), MANY - 1);
}
END_TEST

TEST_SUITE(boot_workers)
{
	Suite *suite = suite_create("boot workers");
	TCase *tc = tcase_create("boot workers");

	tcase_set_timeout(tc, 120); /* only against a hang */
	tcase_add_test(tc, no_process_for_a_machine_is_an_error);
	tcase_add_test(tc, more_jobs_than_descriptors);
	tcase_add_test(tc, job_that_cannot_be_watched_is_an_error);
	tcase_add_test(tc, killed_job_costs_its_own_machine_only);
	suite_add_tcase(suite, tc);
	return suite;
}
