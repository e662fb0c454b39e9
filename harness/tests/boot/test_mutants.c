// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `sealmatrix mutants` on what real kernels said: a healthy one and the one with the fault of 5.1,
 * under the names of others. No kernel is built for it; `make mutants` does that.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot_test.h"
#include "cleanup.h"
#include "proc.h"
#include "publish.h"
#include "xalloc.h"

#define HEALTHY	 "6.1"
#define AFFECTED "cow-6.1"
#define BASE	 "plain-6.1"

/* Exit status; *said is all that it printed. */
static int mutants(const char *dir, char **said, const char *const args[])
{
	_cleanup_free_ char *out_path = xasprintf("%s/stdout.txt", dir), *out = NULL;
	_cleanup_free_ char *log_path = xasprintf("%s/stderr.txt", dir), *log = NULL;
	struct err err = ERR_INIT;
	pid_t pid = driver_start(dir, args);
	int status;

	while (waitpid(pid, &status, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	ck_assert_int_eq(read_file(out_path, 1 << 20, &out, NULL, &err), 0);
	ck_assert_int_eq(read_file(log_path, 1 << 20, &log, NULL, &err), 0);
	*said = xasprintf("%s%s", out, log);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define MUTANTS(dir, said, ...) \
	mutants(dir, said, (const char *const[]){"mutants", __VA_ARGS__, NULL})

/* The records of kernel @from in @run, below @dir as those of kernel @to. */
static void pass_off(const char *run, const char *from, const char *dir, const char *to)
{
	_cleanup_free_ char *script = xasprintf("mkdir -p '%s/%s' && sed 's|\"%s\"|\"%s\"|' "
						"'%s/%s/records.jsonl' > '%s/%s/records.jsonl'",
						dir, to, from, to, run, from, dir, to);
	char *argv[] = {"sh", "-c", script, NULL};
	struct err err = ERR_INIT;

	ck_assert_msg(proc_run(argv, NULL, &err) == 0, "%s", err.msg);
}

static const struct {
	const char *base_is, *fault, *fault_is; /* kernels that were run */
	int status;
	const char *said;
} rows[] = {
	{HEALTHY, "future-write-private", AFFECTED, 0, "caught         by cow/0x10 copy-on-write"},
	{HEALTHY, "grow-ignored", HEALTHY, 1, "MISSED         nothing failed; wanted seal/0x4"},
	{HEALTHY, "grow-ignored", AFFECTED, 1,
	 "WRONG DETECTOR 2 variants failed, but not seal/0x4"},
	{HEALTHY, "grow-ignored", NULL, 3, "NOT TRIED      nothing was run"},
	{AFFECTED, "future-write-private", AFFECTED, 1, "plain-6.1                          WRONG"},
};

START_TEST(verdicts_on_what_was_seen)
{
	_cleanup_free_ char *run = results_dir("run");
	int ran;
	json_t *all = RUN(run, &ran, HEALTHY, AFFECTED, "--accel", "tcg", "--only", "*0x10");

	json_decref(all);
	ck_assert_int_eq(ran, 0);
	/* The folder knows what it was about: the healthy one is quiet, the affected one is no
	 * fault. */
	_cleanup_free_ char *own = NULL;

	ck_assert_int_eq(MUTANTS(run, &own, "--report", run), 0);
	ck_assert_msg(strstr(own, HEALTHY " ") && !strstr(own, "plain-"), "%s", own);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		_cleanup_free_ char *name = xasprintf("row-%zu", i), *dir = results_dir(name);
		_cleanup_free_ char *kernel = xasprintf(BASE "+%s", rows[i].fault), *said = NULL;

		pass_off(run, rows[i].base_is, dir, BASE);
		if (rows[i].fault_is)
			pass_off(run, rows[i].fault_is, dir, kernel);
		int status = MUTANTS(dir, &said, rows[i].fault, "--base", BASE, "--report", dir);

		ck_assert_msg(status == rows[i].status && strstr(said, rows[i].said),
			      "row %zu: status %d: %s", i, status, said);
	}
}
END_TEST

START_TEST(faults_are_listed)
{
	_cleanup_free_ char *dir = results_dir("list"), *said = NULL;

	ck_assert_int_eq(MUTANTS(dir, &said, "--list"), 0);
	ck_assert_ptr_nonnull(strstr(said, "caught by: seal/0x4 seal-grow grow with seals*"));
	ck_assert_ptr_nonnull(strstr(said, "kernel: plain-7.3+exec-ignored"));
	ck_assert_ptr_null(strstr(said, "plain-6.1+exec-ignored"));
}
END_TEST

static const struct {
	const char *args[5];
	const char *said;
} mistakes[] = {
	{{"mutants", "grow-ignore"}, "did you mean grow-ignored"},
	{{"mutants", "--base", "6.1"}, "6.1 is not built here"},
	{{"mutants", "exec-ignored", "--base", "plain-6.1"}, "exec-ignored has no patch"},
	{{"mutants", "--base", "upstream-5.3.16"}, "no fault has a patch for any of these kernels"},
	{{"mutants", "-j", "none"}, "-j takes a number"},
	{{"run", "6.1+grow-ignored"}, "'6.1' is not built here"},
};

START_TEST(mistakes_get_status_2)
{
	_cleanup_free_ char *dir = results_dir("mistake"), *said = NULL;

	ck_assert_int_eq(mutants(dir, &said, mistakes[_i].args), 2);
	ck_assert_msg(strstr(said, mistakes[_i].said) != NULL, "%s", said);
}
END_TEST

TEST_SUITE(mutants_command)
{
	Suite *s = suite_create("mutants command");
	TCase *tc = tcase_create("mutants command");

	tcase_set_timeout(tc, 1200); /* against a hang */
	tcase_add_test(tc, verdicts_on_what_was_seen);
	tcase_add_test(tc, faults_are_listed);
	tcase_add_loop_test(tc, mistakes_get_status_2, 0, sizeof(mistakes) / sizeof(*mistakes));
	suite_add_tcase(s, tc);
	return s;
}
