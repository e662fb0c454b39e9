// SPDX-License-Identifier: GPL-2.0-or-later
/* A run that is saved, repeated, altered, and looked into with gdb. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot_test.h"
#include "bundle.h"
#include "cleanup.h"
#include "hash.h"
#include "json_util.h"
#include "proc.h"
#include "publish.h"
#include "xalloc.h"

#define KERNEL	"6.1"
#define VARIANT "stage-machine/memfd-0x1f-H3"

/* One saved run for all tests of this file: the runner's own directory outlives them. */
static char *saved_file(void)
{
	_cleanup_free_ char *base = xstrdup(test_dir());

	*strrchr(base, '/') = '\0';
	return xasprintf("%s/saved.replay", base);
}

/* Everything printed, and the exit status. */
static int driven(char **said, const char *input, const char *const args[])
{
	_cleanup_free_ char *dir = results_dir("driven"), *out = NULL, *log = NULL;
	int status = driver_command(dir, input, &out, &log, args);

	*said = xasprintf("%s%s", out, log);
	return status;
}

#define DRIVEN(said, ...) driven(said, "", (const char *const[]){__VA_ARGS__, NULL})

static void save(const char *file, const char *mode)
{
	_cleanup_free_ char *said = NULL, *dir = results_dir("run");
	int status = DRIVEN(&said, "run", KERNEL, "--suite", "repro", "--only", VARIANT, "--save",
			    file, "--results", dir, "--accel", "tcg", mode);

	ck_assert_msg(status == 0, "%s", said);
}

/* Made by whoever needs it first; tests may run one by one. */
static char *saved(void)
{
	char *file = saved_file();

	if (access(file, R_OK) < 0)
		save(file, NULL);
	return file;
}

START_TEST(replay_is_identical)
{
	_cleanup_free_ char *file = saved(), *said = NULL, *dir = results_dir("run");
	_cleanup_free_ char *left = xasprintf("%s/" KERNEL "/initrd-1.cpio", dir);

	ck_assert_msg(DRIVEN(&said, "replay", file) == 0, "%s", said);
	ck_assert_msg(strstr(said, "boot 1: identical\n") != NULL, "%s", said);
	ck_assert_msg(strstr(said, VARIANT ": pass") != NULL, "%s", said);
	ck_assert_int_lt(access(left, F_OK), 0);
}
END_TEST

/* What a forger can do to a file, its digests made good again. */
struct forgery {
	const char *key, *value; /* set a member of the manifest, or of its first boot */
	bool in_boot;
	const char *member; /* replace this by … */
	const char *text;
	bool force;
	int status;
	const char *said;
};

static const struct forgery forgeries[] = {
	{.key = "qemu", .value = "1.0", .status = 2, .said = "recorded with QEMU 1.0, and this is"},
	{.key = "qemu", .value = "1.0", .force = true, .status = 0, .said = "identical"},
	{.key = "append",
	 .value = "quiet",
	 .in_boot = true,
	 .status = 2,
	 .said = "another machine"},
	{.key = "arch", .value = "vax", .in_boot = true, .status = 2, .said = "architecture 'vax'"},
	{.member = "kernel", .text = "no kernel", .status = 2, .said = "its kernel is not the one"},
	{.member = "channel-1", .text = "1 2 3\n", .status = 2, .said = "spoke of 0"},
	{.member = "records.jsonl",
	 .text = "{}\n",
	 .status = 2,
	 .said = "is not what the machine said"},
	{.member = "console-1",
	 .text = "x\n",
	 .status = 1,
	 .said = "console differs at byte 0, line 1"},
	{.member = "console-1",
	 .text = "x\n",
	 .status = 1,
	 .said = "nothing that is known to matter"},
};

static void forge(const struct forgery *f, const char *from, const char *to)
{
	_cleanup_free_ char *dir = results_dir("forged");
	_cleanup_strv_ struct strv names = {0}, files = {0};
	_cleanup_json_ json_t *manifest = NULL;
	struct err err = ERR_INIT;
	json_t *m;
	size_t i;

	ck_assert_int_eq(make_dirs(dir, &err), 0);
	ck_assert_msg(bundle_read(from, dir, &manifest, &err) == 0, "%s", err.msg);
	if (f->key)
		json_object_set_new(f->in_boot
					    ? json_array_get(json_object_get(manifest, "boots"), 0)
					    : manifest,
				    f->key, json_string(f->value));
	json_array_foreach (json_object_get(manifest, "members"), i, m) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, jstr(m, "name", ""));

		if (f->member && !strcmp(f->member, jstr(m, "name", "")))
			ck_assert_int_eq(publish_buffer(path, f->text, strlen(f->text), &err), 0);
		strv_add(&names, jstr(m, "name", ""));
		strv_add(&files, path);
	}
	ck_assert_msg(bundle_write(to, manifest, &names, &files, &err) == 0, "%s", err.msg);
}

START_TEST(forgeries_are_noticed)
{
	const struct forgery *f = &forgeries[_i];
	_cleanup_free_ char *file = saved(), *said = NULL;
	_cleanup_free_ char *forged = xasprintf("%s/forged.replay", test_dir());

	forge(f, file, forged);
	int status = DRIVEN(&said, "replay", forged, f->force ? "--force" : NULL);

	ck_assert_msg(strstr(said, f->said) != NULL, "%s", said);
	ck_assert_msg(status == f->status, "%d: %s", status, said);
}
END_TEST

static const struct {
	const char *args[7];
	const char *said;
} mistakes[] = {
	{{"replay"}, "takes one file"},
	{{"replay", "/nonexistent"}, "No such file"},
	{{"replay", "FILE", "--gdb", "C:lod-syncfd"}, "did you mean load-syncfd"},
	{{"replay", "FILE", "--gdb", "X:load-syncfd"}, "no stage 'X'"},
	{{"replay", "FILE", "--gdb", "load-syncfd"}, "STAGE:POINT"},
	{{"replay", "FILE", "--gdb", "P:entry", "--variant", "cow/0x1f"}, "no variant cow/0x1f"},
	{{"run", "6.1", "6.12", "--save", "x"}, "one kernel"},
	{{"run", "6.1", "--save", "/proc/x.replay"}, "--save /proc/x.replay: No such file"},
	{{"repro", "--save", "/tmp"}, "--save /tmp: Is a directory"},
};

START_TEST(mistakes_get_one_line_and_status_2)
{
	_cleanup_free_ char *file = saved(), *said = NULL;
	const char *args[7] = {NULL};

	for (size_t i = 0; i < 6 && mistakes[_i].args[i]; i++)
		args[i] = strcmp(mistakes[_i].args[i], "FILE") ? mistakes[_i].args[i] : file;
	ck_assert_int_eq(driven(&said, "", args), 2);
	ck_assert_msg(strstr(said, mistakes[_i].said) != NULL, "%s", said);
	ck_assert_ptr_eq(strchr(said, '\n'), said + strlen(said) - 1);
}
END_TEST

/* QEMU can record one vCPU in real time, and nothing of several. */
START_TEST(real_time_is_recorded)
{
	_cleanup_free_ char *file = xasprintf("%s/real.replay", test_dir()), *said = NULL;

	save(file, "--real-time");
	ck_assert_msg(DRIVEN(&said, "replay", file) == 0, "%s", said);
	ck_assert_msg(strstr(said, "boot 1: identical\n") != NULL, "%s", said);
}
END_TEST

/* One file with the machine in each way to be linked: each has its symbols elsewhere. */
static char *saved_links(void)
{
	_cleanup_free_ char *one = saved_file(), *said = NULL, *dir = results_dir("links");
	char *file = xasprintf("%s.links", one);

	if (access(file, R_OK) < 0 &&
	    DRIVEN(&said, "run", KERNEL, "--only", "stage-machine/memfd-0x1f-[pd]*", "--save", file,
		   "--results", dir, "--accel", "tcg"))
		ck_abort_msg("%s", said);
	return file;
}

static const char *const gdb_variants[] = {
	VARIANT,
	"stage-machine/memfd-0x1f-pie",
	"stage-machine/memfd-0x1f-dynamic",
};

START_TEST(gdb_stops_at_the_point)
{
	_cleanup_free_ char *file = NULL, *said = NULL;

	if (!proc_in_path("gdb")) {
		ck_assert_msg(!getenv("MUST_RUN"), "must run, but gdb is not installed");
		fprintf(stderr, "skipped: replay --gdb: gdb is not installed\n");
		return;
	}
	file = _i ? saved_links() : saved();
	int status = driven(&said,
			    "printf \"%d %d %d\\n\", m->self, pt, m->lane->passed[pt]\n"
			    "backtrace 4\ndetach\nquit\n",
			    (const char *const[]){"replay", file, "--variant", gdb_variants[_i],
						  "--gdb", "C:load-syncfd#3", NULL});

	/* Stage 1, the point's number, passed twice before; and none of that changed the run. */
	ck_assert_msg(strstr(said, "1 9 2\n") != NULL, "%s", said);
	ck_assert_msg(strstr(said, "in sync_read (") != NULL, "%s", said);
	ck_assert_msg(strstr(said, "POINT_READ_RECVPID_ACK") != NULL, "%s", said);
	ck_assert_msg(strstr(said, "identical, the stop included") != NULL, "%s", said);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* A healthy P kills nobody. */
START_TEST(gdb_that_never_stops_is_said)
{
	_cleanup_free_ char *file = NULL, *said = NULL;

	if (!proc_in_path("gdb"))
		return; /* said above */
	file = saved();
	int status = driven(&said, "quit\n",
			    (const char *const[]){"replay", file, "--gdb", "P:kill-c", NULL});

	ck_assert_msg(strstr(said, "it never stopped: P:kill-c is not passed") != NULL, "%s", said);
	ck_assert_int_eq(status, 1);
}
END_TEST

START_TEST(lines_to_type_where_there_is_no_gdb)
{
	_cleanup_free_ char *file = saved(), *dir = results_dir("lines"),
			    *bin = path_without("gdb");
	_cleanup_free_ char *path = xstrdup(getenv("PATH")), *log_path = NULL, *log = NULL;
	struct err err = ERR_INIT;
	int status;

	setenv("PATH", bin, 1);
	pid_t pid = driver_start(
		dir, (const char *const[]){"replay", file, "--gdb", "I:store-g0", NULL});

	setenv("PATH", path, 1);
	log_path = xasprintf("%s/stderr.txt", dir);
	/* It waits for a debugger that never comes, until it is told to end. */
	while (!log || !strstr(log, "continue")) {
		ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0);
		usleep(20000);
		free(steal_ptr(log));
		ck_assert_int_eq(read_file(log_path, 1 << 20, &log, NULL, &err), 0);
	}
	kill(pid, SIGTERM);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), 128 + SIGTERM);
	ck_assert_msg(strstr(log, "gdb is not installed here") != NULL, "%s", log);
	ck_assert_msg(strstr(log, "hbreak *point_reached if pt == ") != NULL, "%s", log);
	ck_assert_msg(strstr(log, "target remote ") != NULL, "%s", log);
}
END_TEST

TEST_SUITE(replay)
{
	Suite *s = suite_create("replay");
	TCase *tc = tcase_create("replay"), *gdb = tcase_create("gdb");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, replay_is_identical);
	tcase_add_loop_test(tc, forgeries_are_noticed, 0, sizeof(forgeries) / sizeof(*forgeries));
	tcase_add_loop_test(tc, mistakes_get_one_line_and_status_2, 0,
			    sizeof(mistakes) / sizeof(*mistakes));
	tcase_add_test(tc, real_time_is_recorded);
	suite_add_tcase(s, tc);
	tcase_set_timeout(gdb, 600);
	tcase_add_loop_test(gdb, gdb_stops_at_the_point, 0,
			    sizeof(gdb_variants) / sizeof(*gdb_variants));
	tcase_add_test(gdb, gdb_that_never_stops_is_said);
	tcase_add_test(gdb, lines_to_type_where_there_is_no_gdb);
	suite_add_tcase(s, gdb);
	return s;
}
