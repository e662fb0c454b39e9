// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an old kernel does not know is refused here by a filter, as it would be there: a system call
 * by its number (ENOSYS), flags and seals by their bits (EINVAL). So the guest's code is tried on
 * what no mirror has any more, as far as system calls go: it must find out, and run what can be
 * run.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest_test.h"
#include "machine.h"
#include "memfd.h"
#include "probe_features.h"

#ifdef __x86_64__

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static const struct kernel {
	const char *name;
	unsigned last;	/* system call: newer ones have higher numbers */
	unsigned flags; /* of memfd_create() */
	unsigned seals;
	unsigned ns; /* CLONE_NEW* flags that it does not know */
} kernels[] = {
	{"3.16", 316, 0, 0, CLONE_NEWTIME | CLONE_NEWCGROUP},
	{"4.9", 331, 3, 0xf, CLONE_NEWTIME},
	{"4.14", 332, 7, 0xf, CLONE_NEWTIME},
	{"4.19", 334, 7, 0xf, CLONE_NEWTIME},
	{"5.1", 427, 7, 0x1f, CLONE_NEWTIME},
	{"5.2", 433, 7, 0x1f, CLONE_NEWTIME},
	{"5.4", 435, 7, 0x1f, CLONE_NEWTIME},
	{"6.1", 450, 7, 0x1f, 0},
};

#define N(a)		      (sizeof(a) / sizeof(*(a)))

#define AT(field)	      offsetof(struct seccomp_data, field)
#define LOAD(field)	      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT(field))
#define ANSWER(err)	      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (err))
#define ALLOW		      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define SKIP_UNLESS(op, k, n) BPF_JUMP(BPF_JMP | op | BPF_K, k, 0, n)

/* From here on this process, and whatever it starts, runs on kernel @k. */
static void become(const struct kernel *k)
{
	struct sock_filter code[] = {
		LOAD(nr),
		SKIP_UNLESS(BPF_JGT, k->last, 1),
		ANSWER(ENOSYS),
		SKIP_UNLESS(BPF_JEQ, SYS_memfd_create, 4),
		LOAD(args[1]),
		SKIP_UNLESS(BPF_JSET, ~k->flags, 1),
		ANSWER(EINVAL),
		ALLOW,
		SKIP_UNLESS(BPF_JEQ, SYS_fcntl, 6),
		LOAD(args[1]),
		SKIP_UNLESS(BPF_JEQ, F_ADD_SEALS, 3),
		LOAD(args[2]),
		SKIP_UNLESS(BPF_JSET, ~k->seals, 1),
		ANSWER(EINVAL),
		ALLOW,
		SKIP_UNLESS(BPF_JEQ, SYS_unshare, 3),
		LOAD(args[0]),
		SKIP_UNLESS(BPF_JSET, k->ns, 1),
		ANSWER(EINVAL),
		ALLOW,
	};
	const struct sock_fprog prog = {.len = N(code), .filter = code};

	test_filter(&prog);
}

/* Is the system call @nr, with the seals or flags that it is about, in kernel @k? */
static const struct {
	const char *feature;
	unsigned nr, flags, seals;
} needs[] = {
	{"memfd_create", SYS_memfd_create, 0, 0},
	{"MFD_EXEC", SYS_memfd_create, MFD_EXEC, 0},
	{"MFD_NOEXEC_SEAL", SYS_memfd_create, MFD_NOEXEC_SEAL, 0},
	{"F_SEAL_WRITE", SYS_memfd_create, 0, F_SEAL_WRITE},
	{"F_SEAL_FUTURE_WRITE", SYS_memfd_create, 0, F_SEAL_FUTURE_WRITE},
	{"F_SEAL_EXEC", SYS_memfd_create, 0, F_SEAL_EXEC},
	{"memfd-exec", SYS_memfd_create, 0, 0},
	{"memfd-execveat", SYS_execveat, 0, 0},
	{"O_TMPFILE", SYS_open, 0, 0},
	{"kcmp", SYS_kcmp, 0, 0},
	{"pidfd_open", SYS_pidfd_open, 0, 0},
	{"pidfd_getfd", SYS_pidfd_getfd, 0, 0},
	{"clone3", SYS_clone3, 0, 0},
	{"fsopen", SYS_fsopen, 0, 0},
};

static bool has(const struct kernel *k, unsigned nr, unsigned flags, unsigned seals)
{
	return nr <= k->last && !(flags & ~k->flags) && !(seals & ~k->seals);
}

START_TEST(features_are_probed)
{
	const struct kernel *k = &kernels[_i];
	const struct case_env env = {.deadline_ms = 10000};
	_cleanup_json_ json_t *before = json_object(), *facts = json_object();

	probe_features(&env, NULL, before);
	become(k);
	probe_features(&env, NULL, facts);
	for (size_t i = 0; i < N(needs); i++) {
		char path[64];
		bool here, there;

		snprintf(path, sizeof(path), "%s.ok", needs[i].feature);
		here = json_is_true(test_member(before, path));
		there = json_is_true(test_member(facts, path));
		ck_assert_msg(there ==
				      (here && has(k, needs[i].nr, needs[i].flags, needs[i].seals)),
			      "%s: %s: %s", k->name, path, json_dumps(facts, JSON_COMPACT));
	}
}
END_TEST

enum kind { SEAL, COW, MACHINE };

static case_fn *const fns[] = {[SEAL] = case_seal, [COW] = case_cow, [MACHINE] = case_machine};

/* A variant, and what it takes: it must run where that is, and be unsupported where it is not. */
static const struct variant {
	enum kind kind;
	const char *params; /* "name=value name=value …" */
	unsigned nr, seals, ns;
	const char *stop; /* of a machine; NULL: complete */
} variants[] = {
	{SEAL, "seals=none", SYS_memfd_create, 0, 0, NULL},
	{SEAL, "seals=0xf", SYS_memfd_create, 0xf, 0, NULL},
	{SEAL, "seals=0x10", SYS_memfd_create, 0x10, 0, NULL},
	{SEAL, "seals=0x3f", SYS_memfd_create, 0x3f, 0, NULL},
	{COW, "seals=none", SYS_memfd_create, 0, 0, NULL},
	{COW, "seals=0x1f", SYS_memfd_create, 0x1f, 0, NULL},
	{COW, "seals=0x3f", SYS_memfd_create, 0x3f, 0, NULL},
	{MACHINE, "image=file", 0, 0, 0, NULL},
	{MACHINE, "image=file fault=shared-globals schedule=H3", 0, 0, 0, "quiescent"},
	{MACHINE, "image=memfd", SYS_memfd_create, 0, 0, NULL},
	{MACHINE, "image=memfd seals=0xf", SYS_memfd_create, 0xf, 0, NULL},
	{MACHINE, "image=memfd seals=0x1f", SYS_memfd_create, 0x1f, 0, NULL},
	{MACHINE, "image=memfd seals=0x3f link=pie", SYS_memfd_create, 0x3f, 0, NULL},
	{MACHINE, "image=memfd seals=0xf via=execveat", SYS_execveat, 0xf, 0, NULL},
	{MACHINE, "image=memfd seals=0x1f maker=stage0", SYS_memfd_create, 0x1f, 0, NULL},
	{MACHINE, "image=memfd history=1.2.4", SYS_memfd_create, 0xf, 0, NULL},
	{MACHINE, "image=memfd history=1.2.6", SYS_memfd_create, 0xf, 0, NULL},
	{MACHINE, "image=memfd history=1.1.15 maker=stage0", SYS_memfd_create, 0xf, 0, NULL},
	{MACHINE, "image=tmpfile", 0, 0, 0, NULL},
	{MACHINE, "image=tmpfile maker=stage0 link=dynamic", 0, 0, 0, NULL},
	{MACHINE, "image=overlay", SYS_fsopen, 0, 0, NULL},
	{MACHINE, "image=file ns=user", 0, 0, 0, NULL},
	{MACHINE, "image=file ns=user+time", 0, 0, CLONE_NEWTIME, NULL},
	{MACHINE, "image=file ns=cgroup+net", 0, 0, CLONE_NEWCGROUP, NULL},
};

static json_t *run(const struct variant *v)
{
	const struct case_env env = {.bin_dir =
					     v->kind == MACHINE ? test_guest_dir() : test_bin_dir(),
				     .deadline_ms = 10000};
	_cleanup_json_ json_t *params = json_object();
	_cleanup_free_ char *words = strdup(v->params);
	json_t *facts = json_object();
	char *save = NULL;

	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		char *value = strchr(w, '=');

		*value++ = '\0';
		json_object_set_new(params, w, json_string(value));
	}
	fns[v->kind](&env, params, facts);
	return facts;
}

static bool is_unsupported(const json_t *facts)
{
	return json_object_get(facts, "unsupported") != NULL;
}

START_TEST(a_variant_runs_or_is_unsupported)
{
	const struct kernel *k = &kernels[(size_t)_i / N(variants)];
	const struct variant *v = &variants[(size_t)_i % N(variants)];

	if (v->kind == MACHINE && test_no_machine())
		return;
	_cleanup_json_ json_t *before = run(v);

	become(k);
	_cleanup_json_ json_t *facts = run(v);
	_cleanup_free_ char *text = json_dumps(facts, JSON_COMPACT);

	ck_assert_msg(!json_object_get(facts, "error"), "%s: %s: %s", k->name, v->params, text);
	if (is_unsupported(before) || !has(k, v->nr, 0, v->seals) || k->ns & v->ns) {
		ck_assert_msg(is_unsupported(facts), "%s: %s: %s", k->name, v->params, text);
		return;
	}
	ck_assert_msg(!is_unsupported(facts), "%s: %s: %s", k->name, v->params, text);
	if (v->kind == MACHINE)
		assert_text(facts, "stop.why", v->stop ? v->stop : "complete");
	if (v->stop)
		assert_bool(facts, "stop.deadlock", true);
}
END_TEST

/* Answers that no kernel has for want of something: nobody has looked then, and that is an error.
 */
static const struct {
	const char *params;
	unsigned nr, arg1; /* the system call, and its second argument where that counts */
	int errnum;
	const char *error;
} broken[] = {
	{"image=memfd seals=0xf", SYS_fcntl, F_ADD_SEALS, EPERM, "F_ADD_SEALS 0xf: Operation not"},
	{"image=memfd seals=0xf", SYS_execve, 0, EACCES, "exec: Permission denied"},
	{"image=memfd seals=0xf", SYS_execve, 0, ENOENT, "exec: No such file"},
	{"image=memfd via=execveat", SYS_execveat, 0, EACCES, "exec: Permission denied"},
};

START_TEST(a_refusal_is_no_lack)
{
	struct sock_filter code[] = {
		LOAD(nr),
		SKIP_UNLESS(BPF_JEQ, broken[_i].nr, 4),
		LOAD(args[1]),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, broken[_i].arg1 ? ~0u : 0),
		SKIP_UNLESS(BPF_JEQ, broken[_i].arg1, 1),
		ANSWER(broken[_i].errnum),
		ALLOW,
	};
	const struct sock_fprog prog = {.len = N(code), .filter = code};
	const struct variant v = {MACHINE, broken[_i].params, 0, 0, 0, NULL};

	if (test_no_machine())
		return;
	test_filter(&prog);
	_cleanup_json_ json_t *facts = run(&v);
	_cleanup_free_ char *text = json_dumps(facts, JSON_COMPACT);

	ck_assert_msg(!is_unsupported(facts), "%s", text);
	ck_assert_msg(strstr(json_string_value(json_object_get(facts, "error")) ?: "",
			     broken[_i].error) != NULL,
		      "%s", text);
}
END_TEST

/* Without the descriptors that it is to inherit, stage 0 is not started. */
START_TEST(too_few_descriptors)
{
	const struct rlimit few = {CTL_HIGH_FD / 2, CTL_HIGH_FD / 2};
	const struct variant v = {MACHINE, "image=file", 0, 0, 0, NULL};

	if (test_no_machine())
		return;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	_cleanup_json_ json_t *facts = run(&v);

	assert_text(facts, "error", "exec: Invalid argument");
}
END_TEST

/* Where stages cannot be kept from preempting each other they run all the same, and it is said. */
START_TEST(real_time_may_be_refused)
{
	struct sock_filter code[] = {
		LOAD(nr),
		SKIP_UNLESS(BPF_JEQ, SYS_sched_setscheduler, 1),
		ANSWER(EPERM),
		ALLOW,
	};
	const struct sock_fprog prog = {.len = N(code), .filter = code};
	const struct case_env env = {
		.bin_dir = test_guest_dir(), .deadline_ms = 10000, .by_turns = _i};
	_cleanup_json_ json_t *params = json_pack("{s:s}", "image", "file"), *facts = json_object();

	if (test_no_machine())
		return;
	test_filter(&prog);
	case_machine(&env, params, facts);
	_cleanup_free_ char *setup = json_dumps(json_object_get(facts, "setup"), JSON_COMPACT);

	assert_text(facts, "stop.why", "complete");
	ck_assert_str_eq(setup, _i ? "[{\"step\":\"SCHED_FIFO\",\"ok\":false,"
				     "\"errno\":\"EPERM\",\"optional\":true}]"
				   : "[]");
}
END_TEST

/* --- what an old kernel's usual configuration leaves out ----------------------------------------
 */

/*
 * Without CHECKPOINT_RESTORE there is no list of a thread's children. False where such a /proc
 * cannot be made.
 */
static bool hide_children_list(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d", getpid());
	if (geteuid() || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", path, "tmpfs", 0, NULL) < 0) {
		test_skip("old_kernel: no mount namespace here");
		return false;
	}
	strcat(path, "/children");
	ck_assert_int_lt(access(path, F_OK), 0);
	return true;
}

/* Without UNIX_DIAG nobody answers. */
static void deny_netlink(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
		SKIP_UNLESS(BPF_JEQ, SYS_socket, 3),
		LOAD(args[0]),
		SKIP_UNLESS(BPF_JEQ, AF_NETLINK, 1),
		ANSWER(EPROTONOSUPPORT),
		ALLOW,
	};
	const struct sock_fprog prog = {.len = N(code), .filter = code};

	test_filter(&prog);
}

static pid_t start_child(bool lives)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!lives)
		_exit(0);
	if (fork() == 0) /* nobody's child here */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
}

START_TEST(children_are_found_without_their_list)
{
	pid_t want = start_child(true), dead = start_child(false), pids[8];

	if (!hide_children_list())
		return;
	ck_assert_int_eq(waitid(P_PID, (id_t)dead, NULL, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(proc_children(pids, 8), 2);
	for (int i = 0; i < 2; i++) {
		ck_assert(pids[i] == want || pids[i] == dead);
		ck_assert_int_eq(proc_is_dead(pids[i]), pids[i] == dead);
	}
	ck_assert_int_eq(proc_children(pids, 0), 0);
	kill(want, SIGKILL);
	waitpid(want, NULL, 0);
	waitpid(dead, NULL, 0);
	ck_assert_int_eq(proc_children(pids, 8), 0);
	ck_assert(proc_is_dead(dead));
}
END_TEST

/* No list of children, no unix_diag, no pidfd_getfd(), no close_range(): the proof is the same. */
START_TEST(deadlock_is_proved_by_the_means_of_4_9)
{
	static const struct variant v[] = {
		{MACHINE, "image=file", 0, 0, 0, "complete"},
		{MACHINE, "image=file fault=shared-globals schedule=H1", 0, 0, 0, "quiescent"},
		{MACHINE, "image=file fault=shared-globals schedule=H2", 0, 0, 0, "quiescent"},
		{MACHINE, "image=file fault=shared-globals schedule=H3", 0, 0, 0, "quiescent"},
	};

	if (test_no_machine() || !hide_children_list())
		return;
	deny_netlink();
	become(&kernels[1]);
	_cleanup_json_ json_t *facts = run(&v[_i]);

	ck_assert_str_eq(kernels[1].name, "4.9");
	assert_text(facts, "stop.why", v[_i].stop);
	assert_bool(facts, "stop.deadlock", _i > 0);
	assert_int(facts, "stray", 0);
}
END_TEST

TEST_SUITE(old_kernel)
{
	Suite *s = suite_create("old_kernel");
	TCase *tc = tcase_create("old_kernel");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, features_are_probed, 0, N(kernels));
	tcase_add_loop_test(tc, a_variant_runs_or_is_unsupported, 0, N(kernels) * N(variants));
	tcase_add_loop_test(tc, a_refusal_is_no_lack, 0, N(broken));
	tcase_add_test(tc, too_few_descriptors);
	tcase_add_loop_test(tc, real_time_may_be_refused, 0, 2);
	tcase_add_test(tc, children_are_found_without_their_list);
	tcase_add_loop_test(tc, deadlock_is_proved_by_the_means_of_4_9, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

#endif
