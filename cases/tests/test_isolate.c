// SPDX-License-Identifier: GPL-2.0-or-later
/* Cases that do what a case must not do. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest_test.h"
#include "isolate.h"
#include "observe.h"
#include "proto.h"

static json_t *run(case_fn *fn, unsigned deadline_ms, int *strays)
{
	struct case_env env = {.bin_dir = "/", .deadline_ms = deadline_ms};
	struct frame_out out;
	json_t *params = json_object();
	_cleanup_isolate_ struct isolate iso;

	frame_out_init(&out, open("/dev/null", O_WRONLY | O_CLOEXEC), "nonce");
	json_object_set_new(params, "fd", json_integer(out.fd));
	ck_assert_int_eq(isolate_open(&iso), 0);

	const char *text = isolate_run(&iso, fn, &env, params, &out, strays);
	json_t *facts = json_loads(text, 0, NULL);

	ck_assert_msg(facts != NULL, "%s", text);

	/* Only the child forgets. */
	ck_assert_int_eq(fcntl(out.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_uint_ne(out.nonce_crc, 0);
	close(out.fd);
	json_decref(params);
	/* Whatever it was, nobody is left. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	return facts;
}

static void case_good(const struct case_env *env, const json_t *params, json_t *facts)
{
	int fd = json_integer_value(json_object_get(params, "fd"));

	json_object_set_new(facts, "deadline", json_integer(env->deadline_ms));
	json_object_set_new(facts, "channel-open", json_boolean(fcntl(fd, F_GETFD) >= 0));
}

START_TEST(facts_come_through)
{
	int strays;
	json_t *facts = run(case_good, 10000, &strays);

	assert_int(facts, "deadline", 10000);
	assert_bool(facts, "channel-open", false);
	ck_assert_int_eq(strays, 0);
	json_decref(facts);
}
END_TEST

/* Progress goes into the stream at once, and is no part of the facts. */
static void case_tells(const struct case_env *env, const json_t *params, json_t *facts)
{
	(void)params;
	case_progress(env, "%d of %d", 1, 2);
	case_progress(env, "%s",
		      "\"quoted\" \\ # { and far too long to be told as it stands: "
		      "0123456789012345678901234567890123456789012345678901234567890123"
		      "4567890123456789012345678901234567890123456789");
	json_object_set_new(facts, "said", json_true());
}

START_TEST(progress_is_passed_on)
{
	const struct case_env env = {.bin_dir = "/", .deadline_ms = 10000};
	char path[4200], text[2000] = "";
	struct frame_out out;
	int strays, fd;
	_cleanup_isolate_ struct isolate iso;
	const char *said;
	json_t *facts;

	snprintf(path, sizeof(path), "%s/frames", test_dir());
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	frame_out_init(&out, fd, "nonce");
	ck_assert_int_eq(isolate_open(&iso), 0);
	said = isolate_run(&iso, case_tells, &env, NULL, &out, &strays);
	facts = json_loads(said, 0, NULL);
	assert_bool(facts, "said", true);
	ck_assert_uint_eq(out.seq, 2);
	ck_assert_int_gt(pread(fd, text, sizeof(text) - 1, 0), 0);
	ck_assert_ptr_nonnull(strstr(text, "{\"type\":\"progress\",\"text\":\"1 of 2\"}\n"));
	ck_assert_ptr_nonnull(strstr(text, "\\\"quoted\\\" \\\\ # {"));
	close(fd);
	json_decref(facts);
}
END_TEST

/* As on a kernel without it: each run says so. */
START_TEST(missing_signalfd_is_said)
{
	const struct case_env env = {.bin_dir = "/", .deadline_ms = 10000};
	_cleanup_isolate_ struct isolate iso;
	struct frame_out out;
	int strays;

	frame_out_init(&out, -1, "nonce");
	ck_assert_int_eq(isolate_open(&iso), 0);
	close(iso.sig);
	iso.sig = -1;
	iso.sig_err = ENOSYS;
	for (int i = 0; i < 2; i++)
		ck_assert_str_eq(isolate_run(&iso, case_good, &env, NULL, &out, &strays),
				 "{\"error\":\"starting the case: signalfd (CONFIG_SIGNALFD): "
				 "Function not implemented\"}");
}
END_TEST

static void leave_stray(void)
{
	if (!fork()) {
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
}

/* Two of them, one the grandchild of a process that is gone; both hold the pipe open. */
static void case_strays(const struct case_env *env, const json_t *params, json_t *facts)
{
	(void)env, (void)params;
	pid_t pid = fork();

	if (!pid) {
		leave_stray();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	leave_stray();
	json_object_set_new(facts, "said", json_true());
}

START_TEST(strays_are_counted_and_swept)
{
	int strays;
	json_t *facts = run(case_strays, 60000, &strays);

	assert_bool(facts, "said", true);
	ck_assert_int_eq(strays, 2);
	json_decref(facts);
}
END_TEST

static void case_killed(const struct case_env *env, const json_t *params, json_t *facts)
{
	case_strays(env, params, facts);
	raise(SIGUSR1);
}

START_TEST(signal_is_told_though_a_stray_holds_the_pipe)
{
	int strays;
	json_t *facts = run(case_killed, 60000, &strays);

	assert_text(facts, "error", "the case was killed by SIGUSR1");
	ck_assert_ptr_null(test_member(facts, "said"));
	ck_assert_int_eq(strays, 2);
	json_decref(facts);
}
END_TEST

/* A frame must stay one line of plain text, whatever the case's process has become. */
static void case_rubbish(const struct case_env *env, const json_t *params, json_t *facts)
{
	(void)env, (void)params, (void)facts;
	/* The pipe for its facts is the only one that it holds. */
	for (int fd = 3; fd < 64; fd++) {
		struct stat st;

		if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
			_exit(write(fd, "{\"a\":\"\x01\"}\n", 10) != 10);
	}
	_exit(1);
}

START_TEST(bytes_that_are_no_text_are_not_handed_on)
{
	int strays;
	json_t *facts = run(case_rubbish, 60000, &strays);

	assert_text(facts, "error", "the case ended with status 0 and no facts");
	json_decref(facts);
}
END_TEST

static void case_gone(const struct case_env *env, const json_t *params, json_t *facts)
{
	(void)env, (void)params, (void)facts;
	_exit(3);
}

START_TEST(silence_is_told)
{
	int strays;
	json_t *facts = run(case_gone, 60000, &strays);

	assert_text(facts, "error", "the case ended with status 3 and no facts");
	json_decref(facts);
}
END_TEST

static void case_late(const struct case_env *env, const json_t *params, json_t *facts)
{
	(void)env, (void)params, (void)facts;
	for (;;)
		pause();
}

START_TEST(late_is_told)
{
	int strays;
	json_t *facts = run(case_late, 100, &strays);

	assert_text(facts, "error", "the case ran past its deadline and was killed");
	ck_assert_int_eq(strays, 0);
	json_decref(facts);
}
END_TEST

static void case_flood(const struct case_env *env, const json_t *params, json_t *facts)
{
	char *text = malloc(SM_FRAME_PAYLOAD);

	(void)env, (void)params;
	memset(text, 'x', SM_FRAME_PAYLOAD);
	json_object_set_new(facts, "text", json_stringn(text, SM_FRAME_PAYLOAD));
	free(text);
}

START_TEST(flood_is_told)
{
	int strays;
	json_t *facts = run(case_flood, 60000, &strays);

	assert_text(facts, "error", "the case reported more than 262144 bytes");
	json_decref(facts);
}
END_TEST

static void end_by_signal(const void *arg, struct observed *o)
{
	o->ok = true;
	raise(*(const int *)arg);
}

START_TEST(signal_of_a_probe_is_a_fact)
{
	static const int sig = SIGBUS;
	struct observe_job job = {.fn = end_by_signal, .arg = &sig};

	ck_assert_int_eq(observe_in_child(&job, 1), 0);
	json_t *r = observed_json(&job.o);

	assert_bool(r, "ok", false);
	assert_text(r, "signal", "SIGBUS");
	assert_text(r, "errno", NULL);
	json_decref(r);
}
END_TEST

static void note_pid(const void *arg, struct observed *o)
{
	(void)arg;
	*o = (struct observed){.ok = true, .has_value = true, .value = getpid()};
}

static void leave_early(const void *arg, struct observed *o)
{
	(void)arg;
	strcpy(o->text, "on its way out");
	_exit(0);
}

/* What ends the child costs only itself; the others keep their order and share their children. */
START_TEST(job_that_ends_the_child_is_the_last_of_it)
{
	static const int sig = SIGKILL;
	struct observe_job jobs[] = {
		{.fn = note_pid},
		{.fn = note_pid},
		{.fn = end_by_signal, .arg = &sig},
		{.fn = note_pid},
		{.fn = leave_early},
		{.fn = note_pid},
		{.fn = end_by_signal, .arg = &sig},
	};
	enum { N = sizeof(jobs) / sizeof(*jobs) };

	ck_assert_int_eq(observe_in_child(jobs, N), 0);
	for (size_t i = 0; i < N; i++) {
		ck_assert_int_eq(jobs[i].o.ok, jobs[i].fn == note_pid);
		ck_assert_int_eq(jobs[i].o.signal, jobs[i].fn == end_by_signal ? SIGKILL : 0);
	}
	ck_assert_int_eq(jobs[0].o.value, jobs[1].o.value);
	ck_assert_int_ne(jobs[0].o.value, jobs[3].o.value);
	ck_assert_int_ne(jobs[0].o.value, getpid());
	ck_assert_int_ne(jobs[3].o.value, jobs[5].o.value);
	ck_assert_str_eq(jobs[4].o.text, "on its way out");
}
END_TEST

static void two_of_them(const void *arg, struct observed *o)
{
	o[0].ok = o[1].ok = true;
	if (arg)
		raise(*(const int *)arg);
}

/* One that is told by the job before it shares that job's fate, and holds nobody up. */
START_TEST(job_may_tell_two_things)
{
	static const int sig = SIGKILL;
	struct observe_job jobs[] = {
		{.fn = two_of_them}, {0}, {.fn = two_of_them, .arg = &sig}, {0}, {.fn = note_pid},
	};

	ck_assert_int_eq(observe_in_child(jobs, sizeof(jobs) / sizeof(*jobs)), 0);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(jobs[i].o.ok, i < 2);
		ck_assert_int_eq(jobs[i].o.signal, i < 2 ? 0 : SIGKILL);
	}
	ck_assert(jobs[4].o.ok);
}
END_TEST

TEST_SUITE(isolate)
{
	Suite *s = suite_create("isolate");
	TCase *t = tcase_create("isolate");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, job_may_tell_two_things);
	tcase_add_test(t, progress_is_passed_on);
	tcase_add_test(t, missing_signalfd_is_said);
	tcase_add_test(t, facts_come_through);
	tcase_add_test(t, strays_are_counted_and_swept);
	tcase_add_test(t, signal_is_told_though_a_stray_holds_the_pipe);
	tcase_add_test(t, bytes_that_are_no_text_are_not_handed_on);
	tcase_add_test(t, silence_is_told);
	tcase_add_test(t, late_is_told);
	tcase_add_test(t, flood_is_told);
	tcase_add_test(t, signal_of_a_probe_is_a_fact);
	tcase_add_test(t, job_that_ends_the_child_is_the_last_of_it);
	suite_add_tcase(s, t);
	return s;
}
