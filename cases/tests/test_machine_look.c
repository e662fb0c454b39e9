// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The deadlock proof on real processes and sockets of this host: three children that stand for the
 * stages of class H3, and what spoils the proof. And the machine itself where a kernel's ways to
 * look at queues are missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest_test.h"
#include "machine.h"

#define LOOKS	 60
#define LOOK_US	 5000
#define SLEEP_US 150000 /* of a slow stage: many looks long */

struct stand_in {
	struct machine_run run;
	int fd[ENDS];
	pid_t pid[STAGES], outsider;
	int keeper; /* closed: the process that keep_unseen() made is gone */
};

typedef void body_fn(const int fd[ENDS]);

static void reads(int fd)
{
	char word[4];

	while (read(fd, word, sizeof(word)) > 0)
		;
	_exit(0);
}

static void reads_c1(const int fd[ENDS])
{
	reads(fd[END_C1]);
}

static void reads_g0(const int fd[ENDS])
{
	reads(fd[END_G0]);
}

static void sleeps(const int fd[ENDS])
{
	(void)fd;
	for (;;)
		pause();
}

static void polls(const int fd[ENDS])
{
	struct pollfd p = {.fd = fd[END_G0], .events = POLLIN};

	poll(&p, 1, -1);
	_exit(0);
}

static void spins(const int fd[ENDS])
{
	for (;;)
		*(const volatile int *)fd;
}

static void reads_a_pipe(const int fd[ENDS])
{
	int pipe_fd[2];

	(void)fd;
	if (pipe(pipe_fd) == 0)
		reads(pipe_fd[0]);
	_exit(1);
}

/* A livelock: P and C send each other the same word for ever. */
static void answers(int fd)
{
	uint32_t word = 0;

	while (read(fd, &word, sizeof(word)) == sizeof(word))
		if (write(fd, &word, sizeof(word)) != sizeof(word))
			break;
	_exit(0);
}

static void answers_c1(const int fd[ENDS])
{
	answers(fd[END_C1]);
}

static void starts_and_answers_c0(const int fd[ENDS])
{
	if (write(fd[END_C0], "word", 4) == 4)
		answers(fd[END_C0]);
	_exit(1);
}

/* Merely slow: at rest for many looks, and then it goes on. */
static void is_slow(const int fd[ENDS])
{
	usleep(SLEEP_US);
	if (write(fd[END_C0], "word", 4) != 4)
		_exit(1);
	reads(fd[END_G0]);
}

/* All that each holds in class H3. */
static const unsigned h3_holds[STAGES] = {
	1u << END_C1 | 1u << END_G0 | 1u << END_G1,
	1u << END_C0 | 1u << END_G0 | 1u << END_G1,
	1u << END_G0,
};

static pid_t start_one(const struct stand_in *m, body_fn *body, unsigned holds)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int e = 0; e < ENDS; e++)
		if (!(holds & 1u << e))
			close(m->fd[e]);
	body(m->fd);
	_exit(0);
}

/* A process that no look sees, being nobody's child here, holds c0 until m->keeper is closed. */
static void keep_unseen(struct stand_in *m)
{
	int pipe_fd[2];
	char c;

	ck_assert_int_eq(pipe(pipe_fd), 0);
	if (fork() == 0) {
		if (fork() == 0) {
			close(pipe_fd[1]);
			for (int e = 0; e < ENDS; e++)
				if (e != END_C0)
					close(m->fd[e]);
			_exit(read(pipe_fd[0], &c, 1) != 0);
		}
		_exit(0);
	}
	wait(NULL);
	close(pipe_fd[0]);
	fcntl(pipe_fd[1], F_SETFD, FD_CLOEXEC);
	m->keeper = pipe_fd[1];
}

static void open_ends(struct stand_in *m, int type)
{
	struct control *ctl = calloc(1, sizeof(*ctl));

	*m = (struct stand_in){.run = {.ctl = ctl, .log_fd = -1, .init_fd = -1, .sig_fd = -1},
			       .keeper = -1};
	ck_assert_int_eq(socketpair(AF_LOCAL, type, 0, &m->fd[END_C0]), 0);
	ck_assert_int_eq(socketpair(AF_LOCAL, type, 0, &m->fd[END_G0]), 0);
	for (int e = 0; e < ENDS; e++) {
		struct stat st;

		ck_assert_int_eq(fstat(m->fd[e], &st), 0);
		ctl->end_fd[e] = m->fd[e];
		ctl->end_ino[e] = st.st_ino;
	}
}

static void start_stages(struct stand_in *m, body_fn *const body[STAGES], unsigned outside,
			 bool keep)
{
	for (int s = 0; s < STAGES; s++) {
		m->pid[s] = start_one(m, body[s], h3_holds[s]);
		m->run.ctl->lane[s].real_pid = m->pid[s];
		m->run.ctl->lane[s].state = LANE_RUNNING;
	}
	m->run.parent = m->pid[STAGE_PARENT];
	if (outside)
		m->outsider = start_one(m, sleeps, outside);
	for (int e = 0; e < ENDS && !keep; e++)
		close(m->fd[e]);
}

static void start(struct stand_in *m, body_fn *const body[STAGES], unsigned outside, bool keep)
{
	open_ends(m, SOCK_STREAM);
	start_stages(m, body, outside, keep);
}

static void stop(struct stand_in *m)
{
	if (m->keeper >= 0)
		close(m->keeper);
	for (int s = 0; s < STAGES; s++)
		kill(m->pid[s], SIGKILL);
	if (m->outsider)
		kill(m->outsider, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	free(m->run.ctl);
}

static enum proof_state look(struct stand_in *m)
{
	look_at(&m->run, &m->run.look);
	prove(&m->run.look, &m->run.proof);
	return m->run.proof.state;
}

/* It comes to @want, on however slow a host. */
static void await(struct stand_in *m, enum proof_state want)
{
	for (int i = 0; i < 2000; i++) {
		if (look(m) == want)
			return;
		usleep(LOOK_US);
	}
	ck_abort_msg("state %d, not %d: %s", m->run.proof.state, want, m->run.proof.why);
}

static void never_deadlock(struct stand_in *m)
{
	bool lost = m->run.proof.state == PROOF_LOST;

	for (int i = 0; i < LOOKS; i++) {
		enum proof_state state = look(m);

		ck_assert_msg(state != PROOF_DEADLOCK && state != PROOF_HELD, "look %d", i);
		ck_assert_msg(state != PROOF_LOST || lost, "look %d: %s", i, m->run.proof.why);
		usleep(LOOK_US);
	}
}

static body_fn *const h3[STAGES] = {reads_c1, reads_g0, reads_g0};

START_TEST(real_deadlock_is_proved)
{
	struct stand_in m;

	start(&m, h3, 0, false);
	await(&m, PROOF_DEADLOCK);
	ck_assert_uint_eq(m.run.proof.held_by[STAGE_PARENT], IN_C);
	ck_assert_uint_eq(m.run.proof.held_by[STAGE_CHILD], IN_P | IN_C);
	ck_assert_uint_eq(m.run.proof.held_by[STAGE_INIT], IN_P | IN_C);
	stop(&m);
}
END_TEST

static const struct {
	body_fn *body[STAGES];
	unsigned outside; /* ends that a process which is no stage holds */
	bool keep;	  /* this process holds all of them */
	enum proof_state want;
	const char *why;
} spoilt[] = {
	{{reads_c1, reads_g0, sleeps}, 0, false, PROOF_NOT_PROVED, "I sleeps in system call"},
	{{reads_c1, reads_g0, polls}, 0, false, PROOF_NOT_PROVED, "I sleeps in system call"},
	{{reads_c1, reads_g0, reads_a_pipe}, 0, false, PROOF_NOT_PROVED, "none of the ends"},
	{{reads_c1, spins, reads_g0}, 0, false, PROOF_MOVING, ""},
	{{reads_c1, reads_g0, reads_g0}, 1u << END_C0, false, PROOF_NOT_PROVED, "outside"},
	{{reads_c1, reads_g0, reads_g0}, 1u << END_G1, false, PROOF_NOT_PROVED, "outside"},
	{{reads_c1, reads_g0, reads_g0}, 0, true, PROOF_NOT_PROVED, "outside"},
	/* One that holds what nobody waits for spoils nothing. */
	{{reads_c1, reads_g0, reads_g0}, 1u << END_G0, false, PROOF_DEADLOCK, ""},
};

START_TEST(spoilt_for_real)
{
	struct stand_in m;

	start(&m, spoilt[_i].body, spoilt[_i].outside, spoilt[_i].keep);
	await(&m, spoilt[_i].want);
	ck_assert_msg(strstr(m.run.proof.why, spoilt[_i].why) != NULL, "%s", m.run.proof.why);
	if (spoilt[_i].want != PROOF_DEADLOCK)
		never_deadlock(&m);
	stop(&m);
}
END_TEST

START_TEST(livelock_is_no_deadlock)
{
	static body_fn *const body[STAGES] = {answers_c1, starts_and_answers_c0, reads_g0};
	struct stand_in m;

	start(&m, body, 0, false);
	never_deadlock(&m);
	stop(&m);
}
END_TEST

START_TEST(slow_is_no_deadlock)
{
	static body_fn *const body[STAGES] = {reads_c1, is_slow, reads_g0};
	struct stand_in m;
	struct timespec t0, t;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	start(&m, body, 0, false);
	do {
		enum proof_state state = look(&m);

		clock_gettime(CLOCK_MONOTONIC, &t);
		/* It cannot be over before it has slept: what was looked at was the slow stage. */
		if ((t.tv_sec - t0.tv_sec) * 1000000 + (t.tv_nsec - t0.tv_nsec) / 1000 < SLEEP_US)
			ck_assert_int_ne(state, PROOF_DEADLOCK);
	} while (m.run.proof.state != PROOF_DEADLOCK);
	stop(&m); /* and then, having written its word, it is one */
}
END_TEST

START_TEST(stopped_is_no_deadlock)
{
	struct stand_in m;

	start(&m, h3, 0, false);
	await(&m, PROOF_DEADLOCK);
	kill(m.pid[STAGE_INIT], SIGSTOP);
	await(&m, PROOF_MOVING);
	never_deadlock(&m);
	kill(m.pid[STAGE_INIT], SIGCONT);
	await(&m, PROOF_DEADLOCK);
	stop(&m);
}
END_TEST

/* As on a kernel without /proc/PID/syscall: then what a stage wrote down counts, while it sleeps.
 */
START_TEST(without_syscall_its_own_account_counts)
{
	struct stand_in m;
	struct ctl_lane *lane;
	char path[64];

	if (geteuid() || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		test_skip("machine_look: no mount namespace here");
		return;
	}
	start(&m, h3, 0, false);
	await(&m, PROOF_DEADLOCK);
	snprintf(path, sizeof(path), "/proc/%d/syscall", m.pid[STAGE_CHILD]);
	ck_assert_msg(mount("/dev/null", path, NULL, MS_BIND, NULL) == 0, "%s", strerror(errno));
	await(&m, PROOF_NOT_PROVED);
	ck_assert_str_eq(m.run.proof.why, "the system call of C cannot be seen");
	lane = &m.run.ctl->lane[STAGE_CHILD];
	lane->at = POINT_READ_RECVPID_ACK;
	lane->at_fd = m.fd[END_G0];
	await(&m, PROOF_NOT_PROVED);
	lane->in_op = 1;
	await(&m, PROOF_DEADLOCK);
	ck_assert(m.run.look.stage[STAGE_CHILD].by_account);
	ck_assert(!m.run.look.stage[STAGE_PARENT].by_account);
	lane->at = POINT_WRITE_FINISH;
	await(&m, PROOF_NOT_PROVED);
	lane->at = POINT_READ_RECVPID_ACK;
	lane->at_fd = -1;
	await(&m, PROOF_NOT_PROVED);
	umount(path);
	stop(&m);
}
END_TEST

/* As a kernel that has no unix_diag and perhaps no pidfd_getfd(). */
static void deny(bool pidfd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 3),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, pidfd ? SYS_pidfd_getfd : ~0u, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(*code), .filter = code};

	test_filter(&prog);
}

/* --- a lost wake-up --------------------------------------------------------------------------- */

/*
 * What a lost wake-up looks like, without a kernel that loses one: read() sleeps over a page that
 * userfaultfd keeps back, before it takes the bytes from the queue.
 */
static void reads_c1_and_is_not_woken(const int fd[ENDS])
{
	struct uffdio_api api = {.api = UFFD_API};
	long page = sysconf(_SC_PAGESIZE);
	char *buf = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	struct uffdio_register reg = {.range = {(unsigned long)buf, (unsigned long)page},
				      .mode = UFFDIO_REGISTER_MODE_MISSING};
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (buf == MAP_FAILED || uffd < 0 || ioctl(uffd, UFFDIO_API, &api) < 0 ||
	    ioctl(uffd, UFFDIO_REGISTER, &reg) < 0)
		_exit(1);
	read(fd[END_C1], buf, 4);
	_exit(0);
}

static void writes_c0_and_reads_g0(const int fd[ENDS])
{
	if (write(fd[END_C0], "word", 4) != 4)
		_exit(1);
	reads(fd[END_G0]);
}

static bool no_userfaultfd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		test_skip("machine_look: no userfaultfd here");
	else
		close(fd);
	return fd < 0;
}

START_TEST(lost_wakeup_is_proved)
{
	static body_fn *const body[STAGES] = {reads_c1_and_is_not_woken, writes_c0_and_reads_g0,
					      reads_g0};
	struct stand_in m;

	if (no_userfaultfd())
		return;
	start(&m, body, 0, false);
	await(&m, PROOF_LOST);
	ck_assert_int_eq(m.run.proof.lost, STAGE_PARENT);
	ck_assert_str_eq(m.run.proof.why, "P sleeps reading c1, whose queue holds 4 bytes");
	never_deadlock(&m);
	stop(&m);
}
END_TEST

/* Whether it comes from a process that may be writing cannot be known. */
START_TEST(bytes_from_outside_are_no_lost_wakeup)
{
	static body_fn *const body[STAGES] = {reads_c1_and_is_not_woken, writes_c0_and_reads_g0,
					      reads_g0};
	struct stand_in m;

	if (no_userfaultfd())
		return;
	start(&m, body, 1u << END_C0, false);
	await(&m, PROOF_NOT_PROVED);
	never_deadlock(&m);
	ck_assert_str_eq(m.run.proof.why, "P reads c1, whose queue holds 4 bytes");
	stop(&m);
}
END_TEST

/* A word every now and then, the reader woken for each: looked at as fast as can be. */
START_TEST(woken_readers_are_no_lost_wakeup)
{
	static body_fn *const body[STAGES] = {answers_c1, starts_and_answers_c0, reads_g0};
	struct stand_in m;

	start(&m, body, 0, false);
	for (int i = 0; i < 3000; i++)
		ck_assert_msg(look(&m) != PROOF_LOST, "look %d: %s", i, m.run.proof.why);
	stop(&m);
}
END_TEST

/* --- a lost end of file ----------------------------------------------------------------------- */

static void reads_g0_without_c0(const int fd[ENDS])
{
	close(fd[END_C0]);
	reads(fd[END_G0]);
}

static void writes_c0_and_closes_it(const int fd[ENDS])
{
	if (write(fd[END_C0], "word", 4) != 4)
		_exit(1);
	reads_g0_without_c0(fd);
}

static void exits(const int fd[ENDS])
{
	(void)fd;
	_exit(0);
}

/* To its end, and then the other one. */
static void reads_c1_then_g0(const int fd[ENDS])
{
	char word[4];

	while (read(fd[END_C1], word, sizeof(word)) > 0)
		;
	reads(fd[END_G0]);
}

/*
 * Two kernels' faults, as they look from outside. One that does not wake the reader: it sleeps over
 * a page that is kept back, having taken a whole message from the queue. And one on which the last
 * close() does not end a socket: somebody unseen has it.
 */
static void start_with_lost_eof(struct stand_in *m, bool unwoken, unsigned outside)
{
	static body_fn *const body[][STAGES] = {
		{reads_c1, reads_g0_without_c0, reads_g0},
		{reads_c1_and_is_not_woken, writes_c0_and_closes_it, reads_g0},
	};

	open_ends(m, unwoken ? SOCK_SEQPACKET : SOCK_STREAM);
	if (!unwoken)
		keep_unseen(m);
	start_stages(m, body[unwoken], outside, false);
}

START_TEST(lost_eof_is_proved)
{
	bool unwoken = _i & 1, denied = _i & 2;
	struct stand_in m;

	if (unwoken && no_userfaultfd())
		return;
	if (denied)
		deny(true);
	start_with_lost_eof(&m, unwoken, 0);
	await(&m, PROOF_LOST);
	ck_assert(m.run.proof.eof);
	ck_assert_int_eq(m.run.proof.lost, STAGE_PARENT);
	ck_assert_str_eq(m.run.proof.why, "P sleeps reading c1, whose peer nobody holds");
	ck_assert_int_eq(m.run.look.end[END_C1].shut_known, !denied);
	ck_assert_int_eq(m.run.look.end[END_C1].shut, !denied && unwoken);
	never_deadlock(&m);
	stop(&m);
}
END_TEST

/* The machine's supervisor ends it there and then, and says what it saw. */
START_TEST(lost_eof_ends_the_run_at_once)
{
	const struct case_env env = {.deadline_ms = 600000};
	json_t *facts = json_object();
	struct stand_in m;

	start_with_lost_eof(&m, false, 0);
	m.run.env = &env;
	ck_assert_int_eq(machine_watch(&m.run, facts), 0);
	facts_stop(&m.run, facts);
	assert_text(facts, "stop.why", "quiescent");
	assert_bool(facts, "stop.deadlock", false);
	assert_text(facts, "stop.lost_eof.stage", "P");
	assert_text(facts, "stop.lost_eof.end", "c1");
	assert_bool(facts, "stop.lost_eof.marked", false);
	json_decref(facts);
	stop(&m);
}
END_TEST

/* Whether another process is in the middle of closing it cannot be known. */
START_TEST(eof_beside_an_outsider_is_not_proved)
{
	struct stand_in m;

	start_with_lost_eof(&m, false, 1u << END_G0);
	await(&m, PROOF_NOT_PROVED);
	never_deadlock(&m);
	ck_assert_str_eq(m.run.proof.why, "P reads c1, whose peer nobody holds: an end of file");
	stop(&m);
}
END_TEST

/* A child that is dead, though nobody has waited for it, closes nothing any more. */
START_TEST(dead_child_is_no_outsider)
{
	struct stand_in m;

	start_with_lost_eof(&m, false, 0);
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT), 0);
	await(&m, PROOF_LOST);
	ck_assert(!m.run.look.outsiders);
	stop(&m);
}
END_TEST

static void reap_child_stage(struct stand_in *m)
{
	struct reaped r = {.pid = m->pid[STAGE_CHILD]};

	if (!m->run.n_reaped && waitpid(r.pid, &r.status, WNOHANG) == r.pid)
		m->run.reaped[m->run.n_reaped++] = r;
}

/* C closes c0, or dies, and P is woken for it: looked at as fast as can be, again and again. */
START_TEST(woken_readers_have_lost_no_eof)
{
	body_fn *const body[STAGES] = {reads_c1_then_g0, _i ? exits : reads_g0_without_c0,
				       reads_g0};

	for (int i = 0; i < 100; i++) {
		struct stand_in m;

		start(&m, body, 0, false);
		while (look(&m) != PROOF_DEADLOCK) {
			ck_assert_msg(m.run.proof.state != PROOF_LOST, "machine %d: %s", i,
				      m.run.proof.why);
			reap_child_stage(&m);
		}
		stop(&m);
	}
}
END_TEST

/* --- queues, where a kernel has no unix_diag, and no pidfd_getfd() either -----------------------
 */

START_TEST(queues_are_seen_another_way)
{
	static const char *const sources[] = {"pidfd_getfd", "accounting"};
	const struct case_env env = {.bin_dir = test_guest_dir(), .deadline_ms = 10000};
	json_t *params, *facts = json_object(), *o;
	size_t i;
	int seen = 0;

	if (test_no_machine())
		return;
	deny(_i);
	params = json_pack("{s:s, s:s, s:s}", "image", "file", "fault", "shared-globals",
			   "schedule", "H3");
	case_machine(&env, params, facts);
	assert_bool(facts, "stop.deadlock", true);
	json_array_foreach (json_object_get(facts, "sockets"), i, o) {
		const char *source = json_string_value(json_object_get(o, "queue_source"));

		if (!source)
			continue;
		ck_assert_str_eq(source, sources[_i]);
		seen++;
	}
	ck_assert_int_eq(seen, ENDS);
	json_decref(params);
	json_decref(facts);
}
END_TEST

TEST_SUITE(machine_look)
{
	Suite *s = suite_create("machine_look");
	TCase *tc = tcase_create("look");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, real_deadlock_is_proved);
	tcase_add_loop_test(tc, spoilt_for_real, 0, sizeof(spoilt) / sizeof(*spoilt));
	tcase_add_test(tc, livelock_is_no_deadlock);
	tcase_add_test(tc, slow_is_no_deadlock);
	tcase_add_test(tc, stopped_is_no_deadlock);
	tcase_add_test(tc, without_syscall_its_own_account_counts);
	tcase_add_test(tc, lost_wakeup_is_proved);
	tcase_add_test(tc, bytes_from_outside_are_no_lost_wakeup);
	tcase_add_test(tc, woken_readers_are_no_lost_wakeup);
	tcase_add_loop_test(tc, lost_eof_is_proved, 0, 4);
	tcase_add_test(tc, lost_eof_ends_the_run_at_once);
	tcase_add_test(tc, eof_beside_an_outsider_is_not_proved);
	tcase_add_test(tc, dead_child_is_no_outsider);
	tcase_add_loop_test(tc, woken_readers_have_lost_no_eof, 0, 2);
	tcase_add_loop_test(tc, queues_are_seen_another_way, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
