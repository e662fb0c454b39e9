// SPDX-License-Identifier: GPL-2.0-or-later
/* Ctrl-C, and worse: the machines are gone, what was found so far is kept and marked incomplete. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "boot_test.h"
#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "xalloc.h"

static void pause_ms(long ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&ts, NULL);
}

/* The pid of a process that has @program and @marker on its command line, or 0. */
static pid_t find_process(const char *program, const char *marker)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");

	for (struct dirent *e; (e = readdir(proc));) {
		_cleanup_free_ char *path = xasprintf("/proc/%s/cmdline", e->d_name), *text = NULL;
		struct err err = ERR_INIT;
		size_t len;

		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    read_file(path, 1 << 20, &text, &len, &err) < 0 || !strstr(text, program))
			continue;
		if (memmem(text, len, marker, strlen(marker)))
			return atoi(e->d_name);
	}
	return 0;
}

/* Start a long run and wait until its machine has written the first record. */
static pid_t start_and_wait_for_records(const char *dir, pid_t *qemu)
{
	_cleanup_free_ char *records = xasprintf("%s/6.1/records.jsonl", dir);
	struct stat st;
	pid_t driver_pid =
		driver_start(dir, (const char *const[]){"run", "6.1", "--suite", "exhaustive",
							"--accel", "tcg", "--results", dir, NULL});

	while (stat(records, &st) < 0 || st.st_size == 0) {
		int status;

		ck_assert_msg(waitpid(driver_pid, &status, WNOHANG) == 0, "the run ended early");
		pause_ms(5);
	}
	*qemu = find_process("qemu-system", dir);
	return driver_pid;
}

static void wait_gone(pid_t pid)
{
	while (pid && kill(pid, 0) == 0)
		pause_ms(5);
}

START_TEST(interrupted_run_is_marked_incomplete)
{
	_cleanup_free_ char *dir = results_dir("interrupted");
	_cleanup_free_ char *desc = xasprintf("%s/run.json", dir);
	pid_t qemu, pid = start_and_wait_for_records(dir, &qemu);
	int status;

	kill(pid, SIGINT);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 128 + SIGINT);
	wait_gone(qemu);
	_cleanup_json_ json_t *run = json_load_file(desc, 0, NULL);

	ck_assert_int_eq(jbool(run, "complete", 1), 0);
}
END_TEST

/* "KERNEL/CASE/VARIANT" of one whose machine is through, and not yet put together with the others;
 * NULL: there is none. Caller frees. */
static char *find_left(const char *kernel_dir)
{
	_cleanup_closedir_ DIR *d = opendir(kernel_dir);

	for (struct dirent *e; d && (e = readdir(d));) {
		_cleanup_free_ char *path = xasprintf("%s/%s", kernel_dir, e->d_name), *text = NULL;
		struct err err = ERR_INIT;

		if (fnmatch("records-*.tmp", e->d_name, 0) ||
		    read_file(path, 1 << 24, &text, NULL, &err) < 0 ||
		    !strstr(text, "{\"type\":\"boot\""))
			continue;
		const char *id = strstr(text, "\"id\":\"");

		ck_assert_ptr_nonnull(id);
		id += strlen("\"id\":\"");
		return xstrndup(id, strcspn(id, "\""));
	}
	return NULL;
}

START_TEST(killed_driver_leaves_records_and_no_machine)
{
	_cleanup_free_ char *dir = results_dir("killed"), *sub = xasprintf("%s/6.1", dir);
	_cleanup_free_ char *out = NULL, *log = NULL, *left = NULL;
	pid_t qemu, pid = start_and_wait_for_records(dir, &qemu);

	while (!(left = find_left(sub)))
		pause_ms(5);
	qemu = find_process("qemu-system", dir) ?: qemu;
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	wait_gone(qemu); /* Check's own limit says when this has failed */

	int status = driver_command(dir, NULL, &out, &log,
				    (const char *const[]){"report", "--json", dir, NULL});
	_cleanup_json_ json_t *run = json_loads(out, 0, NULL);

	ck_assert_int_eq(status, 1);
	const char *outcome =
		jstr(find_variant(run, "6.1", strchr(left, '/') + 1), "outcome", "none");

	ck_assert_msg(!strcmp(outcome, "pass") || !strcmp(outcome, "unsupported"), "%s: %s", left,
		      outcome);
	free(steal_ptr(out));
	free(steal_ptr(log));
	status = driver_command(dir, NULL, &out, &log, (const char *const[]){"report", dir, NULL});
	ck_assert_int_eq(status, 1);
	ck_assert_msg(strstr(out, "The run is incomplete: it was killed") != NULL, "%s", out);
}
END_TEST

/* --- waiting for another one's lock ----------------------------------------------------------- */

/* A source whose build does not end. */
static char *put_endless_source(void)
{
	char *tree = xasprintf("%s/tree", test_dir());
	_cleanup_free_ char *makefile = xasprintf("%s/Makefile", tree);
	_cleanup_free_ char *kconfig = xasprintf("%s/Kconfig", tree);
	_cleanup_free_ char *fifo = xasprintf("%s/fifo", test_dir());
	_cleanup_free_ char *text = xasprintf("tinyconfig olddefconfig:\n\t: > $(O)/.config\n"
					      "bzImage:\n\tread line < '%s'\n",
					      fifo);
	struct err err = ERR_INIT;

	ck_assert_int_eq(make_dirs(tree, &err), 0);
	ck_assert_int_eq(publish_buffer(makefile, text, strlen(text), &err), 0);
	ck_assert_int_eq(publish_buffer(kconfig, "", 0, &err), 0);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	return tree;
}

static void wait_until_said(const char *dir, pid_t pid, const char *what)
{
	_cleanup_free_ char *path = xasprintf("%s/stderr.txt", dir);

	for (;;) {
		_cleanup_free_ char *text = NULL;
		struct err err = ERR_INIT;

		if (read_file(path, 1 << 20, &text, NULL, &err) == 0 && strstr(text, what))
			return;
		ck_assert_msg(waitpid(pid, NULL, WNOHANG) == 0, "it ended early: %s",
			      text ? text : "");
		pause_ms(5);
	}
}

static void interrupt_driver(pid_t pid)
{
	int status;

	kill(pid, SIGINT);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 128 + SIGINT);
}

/* The one that waits ends though the lock stays taken; the one that has it goes on. */
START_TEST(interrupted_while_another_has_the_lock)
{
	_cleanup_free_ char *tree = put_endless_source();
	_cleanup_free_ char *cache = xasprintf("%s/cache", test_dir());
	_cleanup_free_ char *one = xasprintf("%s/one", test_dir());
	_cleanup_free_ char *two = xasprintf("%s/two", test_dir());
	const char *const args[] = {"kernels", "get", tree, NULL};

	setenv("XDG_CACHE_HOME", cache, 1);
	pid_t builds = driver_start(one, args);

	wait_until_said(one, builds, "compiling");
	pid_t waits = driver_start(two, args);

	wait_until_said(two, waits, "waiting for another sealmatrix that builds it");
	interrupt_driver(waits);
	ck_assert_int_eq(waitpid(builds, NULL, WNOHANG), 0);
	interrupt_driver(builds);
	/* Neither of them, nor a worker or a make of theirs. */
	while (find_process("", test_dir()))
		pause_ms(5);
}
END_TEST

TEST_SUITE(interrupt)
{
	Suite *s = suite_create("interrupt");
	TCase *tc = tcase_create("interrupt");

	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, interrupted_run_is_marked_incomplete);
	tcase_add_test(tc, killed_driver_leaves_records_and_no_machine);
	tcase_add_test(tc, interrupted_while_another_has_the_lock);
	suite_add_tcase(s, tc);
	return s;
}
