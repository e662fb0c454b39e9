// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "proc.h"
#include "proto.h"
#include "publish.h"
#include "qmp.h"
#include "sig.h"
#include "vm_arch.h"
#include "vm_internal.h"

#define STDERR_MAX 2000 /* QEMU's own words that are kept */

const struct vm_limits vm_limits = {
	.channel_bytes = SM_CHANNEL_MAX,
	.console_bytes = 64L << 20,
	/* A bare boot takes some 2 CPU seconds; a kernel that needs 60 without a word is stuck. */
	.silent_cpu_s = 60,
	/* A halted guest uses no CPU time; only then does the wall clock count. */
	.idle_wall_s = 120,
	.poll_ms = 500,
};

/* One running machine. */
struct vm {
	const struct vm_config *cfg;
	const struct vm_limits *lim;
	vm_channel_fn *fn;
	void *arg;
	pid_t pid;
	int channel, console, notify, text;
	struct qmp *qmp;
	off_t channel_at, console_at; /* bytes seen so far */
	double progress_cpu, progress_wall;
	char said[STDERR_MAX + 1];
	size_t said_len;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* User + system seconds of a living process; 0 when it cannot be read. */
static double cpu_of(pid_t pid)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/stat", (int)pid), *text = NULL;
	struct err ignored = ERR_INIT;
	unsigned long user, sys;

	if (read_file(path, 1 << 16, &text, NULL, &ignored) < 0)
		return 0;
	/* Field 2 may contain anything but ends with the last ')'. */
	const char *p = strrchr(text, ')');

	if (!p ||
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
		return 0;
	return (double)(user + sys) / sysconf(_SC_CLK_TCK);
}

void vm_result_free(struct vm_result *r)
{
	free(r->text);
	free(r->ip_sample);
	*r = (struct vm_result){0};
}

static int open_port(const char *path, int notify, int *fd, struct err *err)
{
	*fd = open(path, O_RDONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (*fd < 0)
		return err_set(err, ERR_INFRA, errno, "create %s", path);
	if (inotify_add_watch(notify, path, IN_MODIFY) < 0)
		return err_set(err, ERR_INFRA, errno, "watch %s", path);
	return 0;
}

static int start_qemu(struct vm *vm, struct err *err)
{
	_cleanup_strv_ struct strv argv = {0};
	int sock[2], text[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) < 0)
		return err_set(err, ERR_INFRA, errno, "make a socket for QEMU");
	_cleanup_close_ int theirs = sock[1];

	vm->qmp = qmp_new(sock[0]);
	if (pipe2(text, O_CLOEXEC) < 0)
		return err_set(err, ERR_INFRA, errno, "make a pipe for QEMU");
	_cleanup_close_ int text_wr = text[1];

	vm->text = text[0];
	vm_argv(vm->cfg, &argv);
	strv_add(&argv, "-chardev");
	strv_addf(&argv, "socket,id=qmp,fd=%d", theirs);
	strv_add(&argv, "-mon");
	strv_add(&argv, "chardev=qmp,mode=control");
	vm->pid = proc_spawn(argv.v, text_wr, &theirs, 1, err);
	return vm->pid < 0 ? (int)vm->pid : 0;
}

static int vm_open(struct vm *vm, struct err *err)
{
	vm->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (vm->notify < 0)
		return err_set(err, ERR_INFRA, errno, "inotify");
	int ret = open_port(vm->cfg->channel_path, vm->notify, &vm->channel, err);

	if (!ret)
		ret = open_port(vm->cfg->console_path, vm->notify, &vm->console, err);
	return ret ? ret : start_qemu(vm, err);
}

static void vm_close(struct vm *vm)
{
	proc_end(vm->pid);
	qmp_free(&vm->qmp);
	closep(&vm->channel);
	closep(&vm->console);
	closep(&vm->notify);
	closep(&vm->text);
}

/* Hand on what is new in the channel file. 1 when there was something, negative when fn said so. */
static int drain_channel(struct vm *vm)
{
	char buf[16384];
	ssize_t n;
	int any = 0;

	while ((n = pread(vm->channel, buf, sizeof(buf), vm->channel_at)) > 0) {
		int ret = vm->fn(vm->arg, buf, n);

		vm->channel_at += n;
		if (ret < 0)
			return ret;
		if (vm->channel_at > vm->lim->channel_bytes)
			return -EFBIG;
		any = 1;
	}
	return any;
}

static int console_grew(struct vm *vm)
{
	struct stat st;

	if (fstat(vm->console, &st) < 0 || st.st_size == vm->console_at)
		return 0;
	vm->console_at = st.st_size;
	return st.st_size > vm->lim->console_bytes ? -EFBIG : 1;
}

/* Keep the end of what QEMU says: the last line is the reason. */
static void read_text(struct vm *vm)
{
	char buf[512];
	ssize_t n = read(vm->text, buf, sizeof(buf));

	if (n == 0)
		closep(&vm->text), vm->text = -1;
	if (n <= 0)
		return;
	if (vm->said_len + n > STDERR_MAX) {
		size_t drop = vm->said_len + n - STDERR_MAX;

		memmove(vm->said, vm->said + drop, vm->said_len - drop);
		vm->said_len -= drop;
	}
	memcpy(vm->said + vm->said_len, buf, n);
	vm->said_len += n;
	vm->said[vm->said_len] = '\0';
}

/* Spinning or halted, and where: several samples, so that a loop shows as one. */
static char *sample_ip(struct vm *vm)
{
	const char *name = vm_arch(vm->cfg->arch)->ip_register;
	char *out = xstrdup("");

	for (int i = 0; i < 3; i++) {
		struct err ignored = ERR_INIT;
		_cleanup_free_ char *regs = NULL;

		if (qmp_hmp(vm->qmp, "info registers", 2000, &regs, &ignored) < 0)
			break;
		const char *ip = strstr(regs, name);
		const char *hlt = strstr(regs, "HLT=1");
		char *more = xasprintf("%s%s%.*s%s", out, i ? ", " : "",
				       ip ? (int)strcspn(ip, " \r\n") : 0, ip ? ip : "",
				       hlt ? " halted" : " running");

		free(out);
		out = more;
	}
	return out;
}

static bool is_silent(struct vm *vm, bool progress)
{
	double cpu = cpu_of(vm->pid), wall = now();
	double limit = vm->cfg->silent_cpu_s > 0 ? vm->cfg->silent_cpu_s : vm->lim->silent_cpu_s;

	if (progress) {
		vm->progress_cpu = cpu;
		vm->progress_wall = wall;
		return false;
	}
	if (cpu - vm->progress_cpu > limit)
		return true;
	return wall - vm->progress_wall > vm->lim->idle_wall_s && cpu - vm->progress_cpu < 1;
}

static bool wait_for_news(struct vm *vm)
{
	struct pollfd p[] = {{.fd = vm->notify, .events = POLLIN},
			     {.fd = qmp_fd(vm->qmp), .events = POLLIN},
			     {.fd = vm->text, .events = POLLIN}};
	char events[4096];

	poll(p, sizeof(p) / sizeof(*p), vm->lim->poll_ms);
	while (read(vm->notify, events, sizeof(events)) > 0)
		;
	if (p[2].revents)
		read_text(vm);
	return !p[1].revents || qmp_read(vm->qmp);
}

/* Watch it until it ends (VM_DONE here stands for: see its exit status) or must be ended. */
static enum vm_end watch(struct vm *vm, struct vm_result *res)
{
	vm->progress_wall = now();
	for (;;) {
		bool alive = wait_for_news(vm);
		int channel = drain_channel(vm), console = console_grew(vm);

		if (channel == -EFBIG || console < 0)
			return VM_FLOOD;
		if (channel < 0)
			return VM_STOPPED;
		if (!alive)
			return VM_DONE;
		if (sig_stop())
			return VM_INTERRUPTED;
		if (is_silent(vm, channel || console)) {
			res->ip_sample = sample_ip(vm);
			return VM_SILENT;
		}
	}
}

/* The rest of what QEMU says; it is gone or going, so this ends. */
static void drain_text(struct vm *vm)
{
	while (vm->text >= 0)
		read_text(vm);
	while (vm->said_len && strchr(" \r\n", vm->said[vm->said_len - 1]))
		vm->said[--vm->said_len] = '\0';
}

static enum vm_end end_by_itself(struct vm *vm, int status, struct vm_result *res)
{
	const char *reason = qmp_shutdown_reason(vm->qmp);

	if (WIFEXITED(status) && WEXITSTATUS(status) == ((SM_EXIT_DONE << 1) | 1))
		return VM_DONE;
	if (WIFEXITED(status) && WEXITSTATUS(status) == ((SM_EXIT_BROKEN << 1) | 1)) {
		res->text = xstrdup("the guest's init or agent gave up");
		return VM_BROKEN;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && reason) {
		res->text = xasprintf("the guest ended by itself (%s)", reason);
		return VM_RESET;
	}
	if (WIFSIGNALED(status))
		res->text =
			xasprintf("QEMU was killed by signal %d: %s", WTERMSIG(status), vm->said);
	else
		res->text =
			xasprintf("QEMU ended with status %d: %s", WEXITSTATUS(status), vm->said);
	return VM_DIED;
}

static void describe_kill(const struct vm *vm, struct vm_result *res)
{
	if (res->end == VM_SILENT)
		res->text = xasprintf("no progress in %.0f s of CPU time; instruction pointer: %s",
				      cpu_of(vm->pid) - vm->progress_cpu, res->ip_sample);
	else if (res->end == VM_FLOOD)
		res->text = xstrdup("the guest wrote more than any run does");
	else
		res->text = xstrdup(res->end == VM_INTERRUPTED ? "interrupted" : "stopped");
}

int vm_run_limits(const struct vm_config *cfg, const struct vm_limits *lim, vm_channel_fn *fn,
		  void *arg, struct vm_result *res, struct err *err)
{
	_cleanup_(vm_close) struct vm vm = {.cfg = cfg,
					    .lim = lim,
					    .fn = fn,
					    .arg = arg,
					    .channel = -1,
					    .console = -1,
					    .notify = -1,
					    .text = -1};
	double start = now();
	struct rusage ru;

	*res = (struct vm_result){0};
	if (!vm_arch(cfg->arch))
		return err_set(err, ERR_USER, 0,
			       "no virtual machine is known for the architecture '%s'", cfg->arch);
	int ret = vm_open(&vm, err);

	if (ret < 0)
		return ret;
	res->end = watch(&vm, res);
	if (res->end != VM_DONE) {
		describe_kill(&vm, res);
		kill(vm.pid, SIGKILL);
	}
	while (wait4(vm.pid, &res->status, 0, &ru) < 0 && errno == EINTR)
		;
	vm.pid = 0;
	drain_text(&vm);
	/* What it wrote between our last look and its end. */
	if (res->end == VM_DONE && drain_channel(&vm) < 0)
		res->end = VM_STOPPED;
	else if (res->end == VM_DONE)
		res->end = end_by_itself(&vm, res->status, res);
	if (!res->text)
		res->text = xstrdup("ended");
	res->cpu_s = ru.ru_utime.tv_sec + ru.ru_stime.tv_sec +
		     (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	res->wall_s = now() - start;
	return 0;
}

int vm_run(const struct vm_config *cfg, vm_channel_fn *fn, void *arg, struct vm_result *res,
	   struct err *err)
{
	return vm_run_limits(cfg, &vm_limits, fn, arg, res, err);
}
