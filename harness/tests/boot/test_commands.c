// SPDX-License-Identifier: GPL-2.0-or-later
/* The commands as a user types them: what they print and how they exit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../small_disk.h"
#include "boot_test.h"
#include "cases.h"
#include "cleanup.h"
#include "json_util.h"
#include "lock.h"
#include "matrix.h"
#include "paths.h"
#include "proc.h"
#include "publish.h"
#include "xalloc.h"

#define COMMAND(dir, out, log, ...) \
	driver_command(dir, NULL, out, log, (const char *const[]){__VA_ARGS__, NULL})

static const struct {
	const char *args[5];
	const char *said;
} mistakes[] = {
	{{"run", "cow-6.2"}, "did you mean cow-6.1"},
	{{"run", "6.1", "--only", "memfd-0x1"}, "did you mean memfd-0x1"},
	{{"run", "6.1", "--suite", "defualt"}, "did you mean default"},
	{{"run", "--jobs", "many"}, "-j takes a number"},
	{{"run", "--nonsense"}, "--nonsense"},
	{{"rnu"}, "did you mean run"},
	{{"report", "/nonexistent"}, "/nonexistent"},
	{{"run", "6.1", "--schedule", "H7"}, "did you mean H1"},
	{{"run", "6.1", "--schedule", "P:exit<P:entry"}, "opposite order"},
	{{"run", "./Makefile"}, "not a kernel image"},
	{{"run", "./typo.tar.xz", "6.1"}, "open ./typo.tar.xz: No such file"},
	{{"run", "./typo.dsc"}, "open ./typo.dsc: No such file"},
	{{"run", "./linux-source-typo.deb"}, "./linux-source-typo.deb: No such file"},
	{{"kernels", "build", "./typo.tar.xz"}, "open ./typo.tar.xz: No such file"},
	{{"kernels", "build", "./Makefile"}, "`kernels get ./Makefile`"},
	{{"kernels", "get", "./typo"}, "open ./typo: No such file"},
	{{"kernels", "lsit"}, "did you mean list"},
	{{"kernels", "why"}, "which one"},
	{{"kernels", "prune", "6.1"}, "takes no '6.1'"},
	{{"kernels", "build", "6.1"}, "`kernels get 6.1`"},
};

START_TEST(mistakes_get_one_line_and_status_2)
{
	_cleanup_free_ char *dir = results_dir("mistake"), *out = NULL, *log = NULL;
	int status = driver_command(dir, NULL, &out, &log, mistakes[_i].args);

	ck_assert_msg(strstr(log, mistakes[_i].said) != NULL, "%s", log);
	ck_assert_int_eq(status, 2);
}
END_TEST

START_TEST(help_and_version_are_no_mistakes)
{
	_cleanup_free_ char *dir = results_dir("help"), *out = NULL, *log = NULL;

	ck_assert_int_eq(COMMAND(dir, &out, &log, "run", "--help"), 0);
	ck_assert_ptr_nonnull(strstr(out, "--suite"));
	free(steal_ptr(out));
	free(steal_ptr(log));
	ck_assert_int_eq(COMMAND(dir, &out, &log, "--version"), 0);
	ck_assert_ptr_nonnull(strstr(out, "sealmatrix "));
}
END_TEST

static const char *const with_suites[] = {"run", "cases"};

START_TEST(help_names_every_suite)
{
	_cleanup_free_ char *dir = results_dir("help"), *out = NULL, *log = NULL;
	_cleanup_free_ char *path = paths_data("cases/cases.conf");
	_cleanup_variants_ struct variants vs = {0};
	struct err err = ERR_INIT;

	ck_assert_int_eq(COMMAND(dir, &out, &log, with_suites[_i], "--help"), 0);
	ck_assert_msg(cases_load(path, &vs, &err) == 0, "%s", err.msg);
	const char *suites = strstr(out, "--suite NAME  ");

	ck_assert_ptr_nonnull(suites);
	for (size_t i = 0; i < vs.n; i++)
		for (size_t k = 0; k < vs.v[i].suites.n; k++)
			ck_assert_msg(strstr(suites, vs.v[i].suites.v[k]) != NULL, "no %s in %s",
				      vs.v[i].suites.v[k], suites);
}
END_TEST

START_TEST(report_prints_the_run_again)
{
	_cleanup_free_ char *dir = results_dir("again"), *out = NULL, *log = NULL;
	_cleanup_free_ char *out2 = NULL, *log2 = NULL;

	ck_assert_int_eq(COMMAND(dir, &out, &log, "run", "6.1", "--accel", "tcg", "--suite",
				 "smoke", "--results", dir),
			 0);
	ck_assert_int_eq(COMMAND(dir, &out2, &log2, "report", dir), 0);
	ck_assert_str_eq(out, out2);
}
END_TEST

static size_t times(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		n++;
	}
	return n;
}

/* When its machine is through, each once, and before the kernel is; the table comes last. */
START_TEST(failures_are_told_as_they_come)
{
#define KNOWN ", as expected (known issue future-write-private)\n"
	static const char *const lines[] = {
		"cow-6.1: stage-machine/memfd-0x1f: hang, class H3" KNOWN,
		"cow-6.1: cow/0x1f: fail" KNOWN,
		"cow-6.1: 2 pass, 0 unsupported, 2 failed as expected, 0 unexpected, 0 errors\n",
	};
	_cleanup_free_ char *dir = results_dir("told"), *out = NULL, *log = NULL;

	ck_assert_int_eq(COMMAND(dir, &out, &log, "run", "cow-6.1", "--accel", "tcg", "--suite",
				 "smoke", "--results", dir),
			 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		ck_assert_msg(times(log, lines[i]) == 1, "%s", log);
		ck_assert(strstr(log, lines[i]) <= strstr(log, lines[2]));
	}
	ck_assert_msg(!strstr(log, "0xf:"), "%s", log);
}
END_TEST

START_TEST(repro_reproduces_and_explains)
{
	_cleanup_free_ char *dir = results_dir("repro"), *out = NULL, *log = NULL;
	int status = COMMAND(dir, &out, &log, "repro", "--results", dir);
	static const char *const said[] = {"hang, class H3", "Deadlock, proved",
					   "VM_MAYWRITE",    "05d351102dbe",
					   "Reproduced",     "The messages sent"};

	ck_assert_msg(status == 0, "%s%s", out, log);
	for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++)
		ck_assert_msg(strstr(out, said[i]) != NULL, "nothing of '%s' in:\n%s", said[i],
			      out);
	/* What happens is told as it happens, and kept. */
	ck_assert_msg(strstr(log, "memfd-0x1f-H3: deadlock after ") != NULL, "%s", log);
	_cleanup_free_ char *again = NULL, *kept = xasprintf("%s/cow-6.1/postmortem.txt", dir);
	struct err err = ERR_INIT;

	ck_assert_msg(read_file(kept, 1 << 20, &again, NULL, &err) == 0, "%s", err.msg);
	ck_assert_msg(strstr(out, again) != NULL, "%s", again);
}
END_TEST

START_TEST(repro_of_a_healthy_kernel_says_so)
{
	_cleanup_free_ char *dir = results_dir("healthy"), *out = NULL, *log = NULL;
	int status = COMMAND(dir, &out, &log, "repro", "--kernel", "6.1", "--results", dir);

	ck_assert_msg(status == 1, "%s%s", out, log);
	ck_assert_msg(strstr(out, "Not reproduced: 6.1 has not got this bug.\n") != NULL, "%s",
		      out);
	ck_assert_msg(!strstr(out, "Mechanism"), "a post-mortem of what lives: %s", out);
	free(steal_ptr(out));
	free(steal_ptr(log));
	/* A program reads the same from the exit status. */
	status = COMMAND(dir, &out, &log, "repro", "--kernel", "6.1", "--json", "--results", dir);
	ck_assert_msg(status == 1, "%s", log);
	_cleanup_json_ json_t *run = json_loads(out, 0, NULL);

	ck_assert_int_eq(jint(run, "status", -1), 1);
}
END_TEST

START_TEST(repro_without_its_kernel_is_no_verdict)
{
	_cleanup_free_ char *dir = results_dir("nowhere"), *out = NULL, *log = NULL;

	unsetenv("SEALMATRIX_SNAPSHOT");
	int status = COMMAND(dir, &out, &log, "repro", "--kernel", "5.3", "--results", dir);

	ck_assert_msg(status == 3, "%s%s", out, log);
	ck_assert_msg(strstr(out, "Not reproduced: a kernel could not be had") != NULL, "%s", out);
}
END_TEST

/* The matrix knows it by no name, so no known issue excuses it; and none need. */
START_TEST(repro_of_somebodys_image)
{
	_cleanup_free_ char *dir = results_dir("image"), *out = NULL, *log = NULL;
	_cleanup_json_ json_t *got = kernel_got("cow-6.1");
	int status = COMMAND(dir, &out, &log, "repro", "--kernel", jstr(got, "image", ""),
			     "--results", dir);

	ck_assert_msg(status == 0, "%s%s", out, log);
}
END_TEST

/* Told apart from a deadlock, with the reason; and it takes no deadline to find out. */
START_TEST(unmet_schedule_is_said_with_status_2)
{
	_cleanup_free_ char *dir = results_dir("unmet"), *out = NULL, *log = NULL;
	int status = COMMAND(dir, &out, &log, "run", "6.1", "--accel", "tcg", "--only",
			     "memfd-0x1f", "--schedule", "C:kill-i<P:store-g1", "--results", dir);

	ck_assert_int_eq(status, 2);
	ck_assert_ptr_nonnull(strstr(log,
				     "6.1/stage-machine/memfd-0x1f: the schedule cannot be met: "
				     "C:kill-i<P:store-g1: C exited with status 0"));
	ck_assert_ptr_nonnull(strstr(out, "ERROR"));
	ck_assert_ptr_null(strstr(out, "deadlock"));
	_cleanup_json_ json_t *run = RUN(dir, &status, "6.1", "--accel", "tcg", "--only",
					 "memfd-0x1f", "--schedule", "C:kill-i<P:store-g1");

	ck_assert_int_eq(status, 2);
	ck_assert_int_eq(jint(run, "status", -1), 2);
}
END_TEST

/* No room for the initramfs. (A disk that fills under QEMU: test_vm.c.) */
START_TEST(full_disk_is_said_and_can_be_tried_again)
{
	_cleanup_free_ char *dir = results_dir("small"), *results = xasprintf("%s/results", dir);
	_cleanup_free_ char *out = NULL, *log = NULL, *out2 = NULL, *log2 = NULL;

	if (!small_disk(results, "2m"))
		return;
	ck_assert_int_eq(COMMAND(dir, &out, &log, "run", "6.1", "--accel", "tcg", "--suite",
				 "smoke", "--results", results),
			 3);
	ck_assert_msg(strcasestr(log, "no space left") != NULL, "%s%s", out, log);
	ck_assert_int_eq(mount(NULL, results, NULL, MS_REMOUNT, "size=64m"), 0);
	ck_assert_msg(COMMAND(dir, &out2, &log2, "run", "6.1", "--accel", "tcg", "--suite", "smoke",
			      "--results", results) == 0,
		      "%s%s", out2, log2);
}
END_TEST

/* One kernel that is no kernel any more does not keep the others from being run. */
START_TEST(truncated_image_costs_only_itself)
{
	_cleanup_free_ char *dir = results_dir("truncated"),
			    *image = xasprintf("%s/cut", test_dir());
	_cleanup_json_ json_t *got = kernel_got("6.1");
	_cleanup_free_ char *data = NULL;
	struct err err = ERR_INIT;
	size_t len;
	int status;

	ck_assert_int_eq(read_file(jstr(got, "image", ""), 1 << 28, &data, &len, &err), 0);
	ck_assert_int_eq(publish_buffer(image, data, len / 2, &err), 0);
	_cleanup_json_ json_t *run =
		RUN(dir, &status, image, "6.1", "--accel", "tcg", "--suite", "smoke");

	ck_assert_int_eq(status, 3);
	ck_assert_str_eq(jstr(find_boot(run, "cut", 0), "end", ""), "infra");
	ck_assert_ptr_nonnull(strstr(jstr(find_boot(run, "cut", 0), "text", ""), "cut off"));
	ck_assert_str_eq(jstr(find_variant(run, "6.1", "stage-machine/memfd-0x1f"), "outcome", ""),
			 "pass");
}
END_TEST

/* A kernel that lets nobody at the exit device: not even root may touch ports when it is locked
 * down. */
START_TEST(machine_without_an_exit_is_no_crash)
{
	_cleanup_free_ char *dir = results_dir("locked");
	int status;
	_cleanup_json_ json_t *run = RUN(dir, &status, "6.1", "--accel", "tcg", "--suite", "smoke",
					 "--append", "lockdown=integrity");
	const json_t *boot = find_boot(run, "6.1", 1);

	ck_assert_str_eq(jstr(boot, "end", ""), "done");
	ck_assert_ptr_nonnull(strstr(jstr(boot, "text", ""), "guest-reset"));
	ck_assert_int_eq(status, 0);
}
END_TEST

/* Nothing below KERN_EMERG is printed: an oops would not be seen, so its absence proves nothing. */
START_TEST(deaf_console_is_no_quiet_one)
{
	_cleanup_free_ char *dir = results_dir("deaf");
	int status;
	_cleanup_json_ json_t *run = RUN(dir, &status, "6.1", "--accel", "tcg", "--suite", "smoke",
					 "--append", "loglevel=1");
	const json_t *boot = find_boot(run, "6.1", 1);

	ck_assert_str_eq(jstr(boot, "console", ""), "deaf");
	ck_assert_str_eq(jstr(boot, "outcome", ""), "error");
	ck_assert_int_eq(status, 1);
	/* What was asked for is asked for again. */
	const char *repeat = jstr(find_variant(run, "6.1", "cow/0xf"), "repeat", "");

	ck_assert_msg(strstr(repeat, " run 6.1 --only cow/0xf --accel tcg --append loglevel=1"),
		      "%s", repeat);
}
END_TEST

/* Named in the matrix, and to be had nowhere: in the records with the reason, and --require minds.
 */
START_TEST(kernel_that_cannot_be_had_is_in_the_records)
{
	_cleanup_free_ char *dir = results_dir("unavailable");
	int status;

	unsetenv("SEALMATRIX_SNAPSHOT");
	unsetenv("SEALMATRIX_SOURCES");
	_cleanup_json_ json_t *run = _i ? RUN(dir, &status, "5.3", "android-4.19", "--require")
					: RUN(dir, &status, "5.3", "android-4.19");
	const char *want = _i ? "infra" : "unavailable";

	ck_assert_str_eq(jstr(find_boot(run, "5.3", 0), "end", ""), want);
	ck_assert_ptr_nonnull(
		strstr(jstr(find_boot(run, "5.3", 0), "text", ""), "SEALMATRIX_SNAPSHOT"));
	ck_assert_str_eq(jstr(find_boot(run, "android-4.19", 0), "end", ""), want);
	ck_assert_ptr_nonnull(
		strstr(jstr(find_boot(run, "android-4.19", 0), "text", ""), "SEALMATRIX_SOURCES"));
	ck_assert_int_eq(status, 3);
}
END_TEST

/* What was cached is a kernel as well when it comes as somebody's file. */
START_TEST(kernel_is_added_and_explained)
{
	_cleanup_free_ char *dir = results_dir("add"), *out = NULL, *log = NULL;
	_cleanup_free_ char *config = xasprintf("%s/config", test_dir());

	setenv("XDG_CONFIG_HOME", config, 1);
	_cleanup_json_ json_t *got = kernel_got("6.1");
	const char *image = jstr(got, "image", "");

	ck_assert_int_eq(COMMAND(dir, &out, &log, "kernels", "add", image, "--name", "mine"), 0);
	ck_assert_ptr_nonnull(strstr(out, "mine is in"));
	free(steal_ptr(out));
	free(steal_ptr(log));
	ck_assert_int_eq(COMMAND(dir, &out, &log, "kernels", "why", "--json", "mine"), 0);
	_cleanup_json_ json_t *why = json_loads(out, 0, NULL);

	ck_assert_str_eq(jstr(json_array_get(why, 0), "sha256", ""), jstr(got, "sha256", "?"));
	free(steal_ptr(out));
	free(steal_ptr(log));
	/* Twice is a mistake, and so is what is no kernel. */
	ck_assert_int_eq(COMMAND(dir, &out, &log, "kernels", "add", image, "--name", "mine"), 2);
	free(steal_ptr(out));
	free(steal_ptr(log));
	ck_assert_int_eq(COMMAND(dir, &out, &log, "kernels", "add", "./Makefile"), 2);
}
END_TEST

/* Ranges take it in, and faults can be seeded into it. */
START_TEST(source_is_added_with_its_series)
{
	static const char makefile[] = "VERSION = 5\nPATCHLEVEL = 10\n";
	_cleanup_free_ char *dir = results_dir("add-source"), *out = NULL, *log = NULL;
	_cleanup_free_ char *config = xasprintf("%s/config", test_dir());
	_cleanup_free_ char *tree = xasprintf("%s/tree", test_dir());
	_cleanup_free_ char *path = xasprintf("%s/Makefile", tree);
	_cleanup_free_ char *kconfig = xasprintf("%s/Kconfig", tree);
	struct err err = ERR_INIT;

	setenv("XDG_CONFIG_HOME", config, 1);
	ck_assert_int_eq(publish_buffer(path, makefile, strlen(makefile), &err), 0);
	ck_assert_int_eq(publish_buffer(kconfig, "", 0, &err), 0);
	ck_assert_int_eq(COMMAND(dir, &out, &log, "kernels", "add", tree, "--name", "own"), 0);
	free(steal_ptr(out));
	free(steal_ptr(log));
	ck_assert_int_eq(COMMAND(dir, &out, &log, "mutants", "--list", "--base", "own"), 0);
	ck_assert_msg(strstr(out, "kernel: own+grow-ignored") != NULL, "%s", out);
}
END_TEST

/* The mirror may be away, or the suite gone from it. */
START_TEST(update_that_finds_nothing_keeps_the_lock)
{
	static const char matrix[] = "[k]\nprovider = debian\narch = x86_64\nsuites = gone\n"
				     "package = linux-image-6.1*\n";
	_cleanup_free_ char *dir = results_dir("update"), *out = NULL, *log = NULL;
	_cleanup_free_ char *path = xasprintf("%s/sealmatrix/matrix.conf", test_dir());
	_cleanup_json_ json_t *packages =
		json_pack("[{s:s, s:s, s:s, s:s}]", "name", "linux-image-6.1", "version", "1",
			  "suite", "gone", "sha256", "abc");
	_cleanup_matrix_ struct matrix m = {0};
	struct err err = ERR_INIT;

	setenv("XDG_CONFIG_HOME", test_dir(), 1);
	setenv("XDG_CACHE_HOME", test_dir(), 1);
	setenv("SEALMATRIX_MIRROR", "file:/nonexistent", 1);
	ck_assert_int_eq(publish_buffer(path, matrix, strlen(matrix), &err), 0);
	ck_assert_int_eq(matrix_load(path, &m, &err), 0);
	ck_assert_int_eq(lock_write(m.v, packages, &err), 0);
	ck_assert_int_eq(COMMAND(dir, &out, &log, "kernels", "get", "--update", "k"), 3);
	_cleanup_json_ json_t *kept = lock_read(m.v);

	ck_assert_msg(json_equal(kept, packages), "%s", log);
}
END_TEST

/* `make install` with another PREFIX or DESTDIR than it was built with: as that lays it out. */
START_TEST(installed_anywhere_it_finds_its_files)
{
	static const char script[] =
		"mkdir -p bin lib/sealmatrix share/sealmatrix/cases && cp \"$1\"/sealmatrix bin && "
		"cp -r \"$1\"/guest lib/sealmatrix && cd \"$2\" && "
		"cp -r kernels images \"$OLDPWD\"/share/sealmatrix && "
		"cp cases/cases.conf \"$OLDPWD\"/share/sealmatrix/cases && cd - >/dev/null && "
		"bin/sealmatrix run 6.1 --accel tcg --suite smoke --results run";
	_cleanup_free_ char *build = xstrdup(driver()), *root = paths_data("");
	const struct proc_opts opts = {.cwd = test_dir()};
	struct err err = ERR_INIT;

	*strrchr(build, '/') = '\0';
	char *argv[] = {"sh", "-ec", (char *)script, "sh", build, root, NULL};

	ck_assert_msg(proc_run(argv, &opts, &err) == 0, "%s", err.msg);
}
END_TEST

TEST_SUITE(commands)
{
	Suite *s = suite_create("commands");
	TCase *tc = tcase_create("commands");

	tcase_set_timeout(tc, 0);
	tcase_add_loop_test(tc, mistakes_get_one_line_and_status_2, 0,
			    sizeof(mistakes) / sizeof(*mistakes));
	tcase_add_test(tc, help_and_version_are_no_mistakes);
	tcase_add_loop_test(tc, help_names_every_suite, 0, 2);
	tcase_add_test(tc, report_prints_the_run_again);
	tcase_add_test(tc, failures_are_told_as_they_come);
	tcase_add_test(tc, repro_reproduces_and_explains);
	tcase_add_test(tc, repro_of_a_healthy_kernel_says_so);
	tcase_add_test(tc, repro_without_its_kernel_is_no_verdict);
	tcase_add_test(tc, repro_of_somebodys_image);
	tcase_add_test(tc, unmet_schedule_is_said_with_status_2);
	tcase_add_test(tc, truncated_image_costs_only_itself);
	tcase_add_test(tc, full_disk_is_said_and_can_be_tried_again);
	tcase_add_test(tc, machine_without_an_exit_is_no_crash);
	tcase_add_test(tc, deaf_console_is_no_quiet_one);
	tcase_add_loop_test(tc, kernel_that_cannot_be_had_is_in_the_records, 0, 2);
	tcase_add_test(tc, kernel_is_added_and_explained);
	tcase_add_test(tc, source_is_added_with_its_series);
	tcase_add_test(tc, installed_anywhere_it_finds_its_files);
	tcase_add_test(tc, update_that_finds_nothing_keeps_the_lock);
	suite_add_tcase(s, tc);
	return s;
}
