// SPDX-License-Identifier: GPL-2.0-or-later
/* Process P with its pipes, and the bootstrap message that it finds there. */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine.h"
#include "nsexec/bootstrap.h"

/* The numbers that stage 0 finds its descriptors at; its socketpairs then get the next ones. */
enum { CHILD_INIT = 3, CHILD_LOG = 4, CHILD_CONTROL = 5, CHILD_FIRST_FREE = 6 };

#define ID_MAP	     "0 0 65536\n"
#define TIME_OFFSETS "monotonic 1000 0\nboottime 1000 0\n"

struct message {
	char buf[1024];
	size_t len;
};

static void put_attr(struct message *msg, unsigned type, const void *data, size_t len)
{
	struct nlattr a = {.nla_len = (uint16_t)(sizeof(a) + len), .nla_type = (uint16_t)type};

	memcpy(msg->buf + msg->len, &a, sizeof(a));
	memcpy(msg->buf + msg->len + sizeof(a), data, len);
	msg->len += NLA_ALIGN(sizeof(a) + len);
}

static void put_text(struct message *msg, unsigned type, const char *s)
{
	put_attr(msg, type, s, strlen(s) + 1);
}

static int send_bootstrap(const struct machine_run *run)
{
	const struct machine_params *p = &run->p;
	struct message msg = {.len = sizeof(struct nlmsghdr)};
	struct nlmsghdr h = {.nlmsg_type = BOOT_MSG};
	uint8_t yes = 1, no = 0;

	put_attr(&msg, BOOT_CLONE_FLAGS, &p->clone_flags, sizeof(p->clone_flags));
	if (p->joins) {
		char path[64];

		snprintf(path, sizeof(path), "ipc:/proc/%d/ns/ipc", getpid());
		put_text(&msg, BOOT_NS_PATHS, path);
	}
	if (p->clone_flags & CLONE_NEWUSER) {
		put_text(&msg, BOOT_UID_MAP, ID_MAP);
		put_text(&msg, BOOT_GID_MAP, ID_MAP);
	}
	put_attr(&msg, BOOT_SETGROUPS, &yes, sizeof(yes));
	put_attr(&msg, BOOT_ROOTLESS, &no, sizeof(no));
	if (p->time_offsets)
		put_text(&msg, BOOT_TIME_OFFSETS, TIME_OFFSETS);
	h.nlmsg_len = (uint32_t)msg.len;
	memcpy(msg.buf, &h, sizeof(h));
	return write(run->init_fd, msg.buf, msg.len) == (ssize_t)msg.len ? 0 : -1;
}

/* Everything from CHILD_FIRST_FREE on but the image, which is close-on-exec. */
static void close_rest(int exe_fd)
{
	long max = sysconf(_SC_OPEN_MAX);

	dup3(exe_fd, CHILD_FIRST_FREE, O_CLOEXEC);
#ifdef SYS_close_range
	if (syscall(SYS_close_range, CHILD_FIRST_FREE + 1, ~0u, 0) == 0)
		return;
#endif
	/* Before Linux 5.9; the agent holds few. */
	for (int fd = CHILD_FIRST_FREE + 1; fd < max && fd < 1024; fd++)
		close(fd);
}

/* Through high numbers, so that no source is overwritten before it is copied. False: errno. */
static bool place_fds(const int from[3], int *exe_fd)
{
	int high[3], null = open("/dev/null", O_RDWR | O_CLOEXEC);
	bool ok = null >= 0;

	for (int i = 0; ok && i < 3; i++)
		ok = (high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, CTL_HIGH_FD)) >= 0;
	if (ok)
		ok = (*exe_fd = fcntl(*exe_fd, F_DUPFD_CLOEXEC, CTL_HIGH_FD)) >= 0;
	for (int fd = 0; ok && fd < 3; fd++)
		ok = dup2(null, fd) >= 0;
	for (int i = 0; ok && i < 3; i++)
		ok = dup2(high[i], CHILD_INIT + i) >= 0;
	return ok;
}

static void __attribute__((noreturn)) give_up(const struct machine_run *run)
{
	run->ctl->exec_errno = errno;
	_exit(127);
}

static void __attribute__((noreturn)) exec_stage0(const struct machine_run *run, int fd)
{
	char name[] = "nsexec";
	char *argv[] = {name, NULL};
	char init[64], log[64], control[64], level[64], path[32];
	char *envp[] = {init, log, control, level, NULL};

	snprintf(init, sizeof(init), "%s=%d", CTL_ENV_INITPIPE, CHILD_INIT);
	snprintf(log, sizeof(log), "%s=%d", CTL_ENV_LOGPIPE, CHILD_LOG);
	snprintf(control, sizeof(control), "%s=%d", CTL_ENV_CONTROL, CHILD_CONTROL);
	snprintf(level, sizeof(level), "%s=5", CTL_ENV_LOGLEVEL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (run->p.via == VIA_EXECVEAT)
		syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH);
	else
		execve(path, argv, envp);
	give_up(run);
}

/*
 * Which stage a timer's tick preempts would decide, where nothing else does, how shared globals
 * end; and no two machines have their ticks at the same instructions. Without preemption a run
 * depends on the stages alone, and takes fewer changes of processes. A stage that spins is
 * throttled (sched_rt_runtime_us), so that its launcher sees the deadline. Inherited by all stages.
 */
static void take_turns(const struct machine_run *run)
{
	const struct sched_param param = {.sched_priority = 1};

	if (run->env->by_turns && sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		ctl_note(run->ctl, errno, true, "SCHED_FIFO");
}

/*
 * In the child of vfork(), whose memory is the launcher's: nothing here that changes it but for the
 * child's own stack, the control page and errno. The signal mask and SIGPIPE's action would outlive
 * the exec.
 */
static void __attribute__((noreturn, noinline))
become_stage0(const struct machine_run *run, int init, int log)
{
	const int from[3] = {init, log, run->ctl_fd};
	int exe_fd = run->exe_fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &run->old_mask, NULL);
	if (!place_fds(from, &exe_fd))
		give_up(run);
	close_rest(exe_fd);
	take_turns(run);
	exec_stage0(run, CHILD_FIRST_FREE);
}

/* A fork would copy the launcher's memory, page by page, for an exec. */
static pid_t start_stage0(const struct machine_run *run, int init, int log)
{
	pid_t pid = vfork();

	if (pid == 0)
		become_stage0(run, init, log);
	return pid;
}

static int fail(json_t *facts, const char *what)
{
	fact_error(facts, "%s: %s", what, strerror(errno));
	return -1;
}

int machine_start(struct machine_run *run, json_t *facts)
{
	int init[2] = {-1, -1}, log[2] = {-1, -1}, ret = 0;

	if (socketpair(AF_LOCAL, SOCK_STREAM | SOCK_CLOEXEC, 0, init) < 0)
		return fail(facts, "init pipe, a unix socket (CONFIG_UNIX)");
	run->init_fd = init[0];
	if (pipe2(log, O_CLOEXEC) < 0) {
		close(init[1]);
		return fail(facts, "log pipe");
	}
	run->log_fd = log[0];
	if (send_bootstrap(run) < 0)
		ret = fail(facts, "bootstrap message");
	if (!ret) {
		run->parent = start_stage0(run, init[1], log[1]);
		if (run->parent < 0)
			ret = fail(facts, "vfork");
	}
	close(init[1]);
	close(log[1]);
	return ret;
}
