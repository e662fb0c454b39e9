// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "proc.h"
#include "proto.h"
#include "qmp.h"
#include "sig.h"
#include "vm_arch.h"
#include "vm_diag.h"
#include "vm_internal.h"
#include "watchdog.h"

#define STDERR_MAX  4096 /* QEMU's own words that are kept: the first ones are the cause */
#define TEXT_MAX    400	 /* … and what of them goes into the result */
#define SPARE_BYTES 65536
#define GATHER_MS   20 /* bytes of a port are waited for before they are looked at */

const struct vm_limits vm_limits = {
	.channel_bytes = SM_CHANNEL_MAX,
	.console_bytes = 64L << 20,
	/* A bare boot takes some 2 CPU seconds; a kernel that needs 60 without a word is stuck. */
	.silent_cpu_s = 60,
	/* In real time a halted guest uses no CPU time; only then does the wall clock count. */
	.idle_wall_s = 120,
	.idle_cpu_s = 1,
	/* Ten minutes of CPU time: for a boot that prints, however slow, and for what is tested. */
	.unheard = 10,
	.poll_ms = 500,
	/* Some 20 ms of work; a host that is this slow can do nothing with the rest either. */
	.restore_ms = 120000,
	.answer_ms = 10000,
	/* A kernel that answers does so within a few 100 ms of its own time. */
	.sysrq_ms = 20000,
	.dump_ms = 120000,
};

/* One running machine. */
struct vm {
	const struct vm_config *cfg;
	struct vm_limits lim;
	vm_bytes_fn *fn;
	void *arg;
	pid_t pid;
	int channel, console, notify, text, state;
	struct qmp *qmp;
	off_t channel_at, console_at; /* bytes seen so far */
	struct watchdog dog;
	char said[STDERR_MAX + 1];
	size_t said_len;
};

void vm_result_free(struct vm_result *r)
{
	free(r->text);
	json_decref(r->diagnosis);
	*r = (struct vm_result){0};
}

static int open_port(const char *path, int notify, int *fd, struct err *err)
{
	*fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (*fd < 0)
		return err_set(err, ERR_INFRA, errno, "create %s", path);
	/* When the user has no watches left, looking every poll_ms will do. */
	inotify_add_watch(notify, path, IN_MODIFY);
	return 0;
}

static int start_qemu(struct vm *vm, struct err *err)
{
	_cleanup_strv_ struct strv argv = {0};
	int sock[2], text[2];

	if (vm->cfg->restore) {
		vm->state = open(vm->cfg->restore, O_RDONLY | O_CLOEXEC);
		if (vm->state < 0)
			return err_set(err, ERR_INFRA, errno, "open %s", vm->cfg->restore);
	}
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
	const int keep[] = {theirs, vm->state};

	vm->pid = proc_spawn(argv.v, text_wr, keep, vm->state < 0 ? 1 : 2, err);
	if (vm->pid == -ENOENT)
		err_context(err, "no QEMU for %s, install %s", vm->cfg->arch,
			    vm_arch(vm->cfg->arch)->package);
	return vm->pid < 0 ? (int)vm->pid : 0;
}

static int vm_open(struct vm *vm, struct err *err)
{
	vm->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
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
	closep(&vm->state);
}

/*
 * Hand on what is new in a port's file. 1 when there was something, -EFBIG when it is too much, any
 * other negative when @fn said so.
 */
static int drain(struct vm *vm, int fd, off_t *at, long most, vm_bytes_fn *fn)
{
	char buf[16384];
	ssize_t n;
	int any = 0;

	while ((n = pread(fd, buf, sizeof(buf), *at)) > 0) {
		int ret = fn ? fn(vm->arg, buf, n) : 0;

		*at += n;
		if (ret < 0)
			return ret;
		if (*at > most)
			return -EFBIG;
		any = 1;
	}
	return any;
}

static int drain_console(struct vm *vm)
{
	struct stat st;

	if (vm->cfg->on_console)
		return drain(vm, vm->console, &vm->console_at, vm->lim.console_bytes,
			     vm->cfg->on_console);
	if (fstat(vm->console, &st) < 0 || st.st_size == vm->console_at)
		return 0;
	vm->console_at = st.st_size;
	return st.st_size > vm->lim.console_bytes ? -EFBIG : 1;
}

/* Take what QEMU says, and keep the beginning of it. */
static void read_text(struct vm *vm)
{
	char buf[512];
	ssize_t n = read(vm->text, buf, sizeof(buf));
	size_t room = STDERR_MAX - vm->said_len;

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		closep(&vm->text);
		vm->text = -1;
		return;
	}
	size_t take = (size_t)n < room ? (size_t)n : room;

	memcpy(vm->said + vm->said_len, buf, take);
	vm->said_len += take;
}

/*
 * QEMU writes its ports a byte at a time: to wake up for each would take as long as the machine
 * itself. What came meanwhile is taken together; its end is noticed at once all the same.
 */
static bool wait_for_news(struct vm *vm)
{
	struct pollfd p[] = {{.fd = vm->notify, .events = POLLIN},
			     {.fd = qmp_fd(vm->qmp), .events = POLLIN},
			     {.fd = vm->text, .events = POLLIN}};
	char events[4096];

	if (poll(p, sizeof(p) / sizeof(*p), vm->lim.poll_ms) > 0 && !p[1].revents && !p[2].revents)
		poll(p + 1, 2, GATHER_MS);
	while (read(vm->notify, events, sizeof(events)) > 0)
		;
	if (p[2].revents)
		read_text(vm);
	return !p[1].revents || qmp_read(vm->qmp);
}

/* Watch it until it ends (VM_DONE here stands for: see its exit status) or must be ended. */
static enum vm_end watch(struct vm *vm, struct vm_result *res)
{
	for (;;) {
		/* Once it has closed its socket it writes no more: what is there now is all. */
		bool alive = wait_for_news(vm);
		int channel =
			drain(vm, vm->channel, &vm->channel_at, vm->lim.channel_bytes, vm->fn);
		int console = drain_console(vm);

		if (channel == -EFBIG || console == -EFBIG)
			return VM_FLOOD;
		if (channel < 0 || console < 0)
			return VM_STOPPED;
		if (!alive)
			return VM_DONE;
		if (sig_stop())
			return VM_INTERRUPTED;
		if (qmp_stopped(vm->qmp) && !vm->cfg->debugged)
			return vm->cfg->save ? VM_PARKED : VM_DIED;
		res->text = watchdog_look(&vm->dog, channel, console);
		if (res->text) {
			res->diagnosis = vm_diagnose(vm->qmp, vm->cfg, &vm->lim);
			return VM_SILENT;
		}
	}
}

/* From where the machine begins, a boot or a template, to where it is to end. */
static enum vm_end live(struct vm *vm, struct vm_result *res)
{
	struct err err = ERR_INIT;
	int ret = vm->cfg->restore ? vm_restore(vm->qmp, vm->state, &vm->lim, &err) : 0;

	/* When QEMU has ended, its own words say more than our error. */
	enum vm_end end = !ret || ret == -EPIPE ? watch(vm, res)
			  : sig_stop()		? VM_INTERRUPTED
						: VM_DIED;

	if (end == VM_PARKED && (ret = vm_save(vm->qmp, vm->cfg, &vm->lim, &err)) < 0)
		end = sig_stop() ? VM_INTERRUPTED : VM_DIED;
	if (end == VM_PARKED)
		res->text = xstrdup("stopped by the guest and saved");
	else if (end == VM_DIED && ret < 0)
		res->text = xstrdup(err.msg);
	return end;
}

/* The rest of what QEMU says, in one line; it is gone, so this ends. */
static const char *last_words(struct vm *vm)
{
	while (vm->text >= 0)
		read_text(vm);
	while (vm->said_len && strchr(" \r\n", vm->said[vm->said_len - 1]))
		vm->said_len--;
	vm->said[vm->said_len < TEXT_MAX ? vm->said_len : TEXT_MAX] = '\0';
	for (char *p = vm->said; (p = strpbrk(p, "\r\n"));)
		*p = ' ';
	return vm->said_len ? vm->said : "it said nothing";
}

/* QEMU's status when the guest wrote @v to the exit device. */
static bool exited_with(int status, int v)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == ((v << 1) | 1);
}

static enum vm_end end_by_itself(struct vm *vm, int status, struct vm_result *res)
{
	const char *reason = qmp_shutdown_reason(vm->qmp);

	if (exited_with(status, SM_EXIT_DONE)) {
		res->text = xstrdup("ended");
		return VM_DONE;
	}
	if (exited_with(status, SM_EXIT_BROKEN)) {
		res->text = xstrdup("the guest's init or agent gave up");
		return VM_BROKEN;
	}
	/* "host-signal" and the like are not the guest's doing. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && reason &&
	    !strncmp(reason, "guest-", strlen("guest-"))) {
		res->text = xasprintf("the guest ended by itself (%s)", reason);
		return VM_RESET;
	}
	if (WIFSIGNALED(status))
		res->text = xasprintf("QEMU was killed by signal %d (%s): %s", WTERMSIG(status),
				      strsignal(WTERMSIG(status)), last_words(vm));
	else
		res->text = xasprintf("QEMU ended with status %d%s%s: %s", WEXITSTATUS(status),
				      reason ? ", " : "", reason ? reason : "", last_words(vm));
	return sig_stop() ? VM_INTERRUPTED : VM_DIED;
}

static char *describe_kill(struct vm *vm, enum vm_end end)
{
	if (end == VM_DIED)
		return xasprintf("QEMU stopped the machine: %s", last_words(vm));
	if (end == VM_FLOOD)
		return xasprintf("the guest wrote more than %ld MiB",
				 (vm->channel_at > vm->lim.channel_bytes ? vm->lim.channel_bytes
									 : vm->lim.console_bytes) >>
					 20);
	return xstrdup(end == VM_INTERRUPTED ? "interrupted" : "stopped");
}

/* Kill it, unless it goes by itself, and collect it. */
static void reap(struct vm *vm, bool going, struct vm_result *res)
{
	_cleanup_close_ int fd = pidfd_open(vm->pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct rusage ru;

	if (!going || (fd >= 0 && poll(&p, 1, vm->lim.answer_ms) == 0))
		kill(vm->pid, SIGKILL);
	while (wait4(vm->pid, &res->status, 0, &ru) < 0 && errno == EINTR)
		;
	vm->pid = 0;
	res->cpu_s = ru.ru_utime.tv_sec + ru.ru_stime.tv_sec +
		     (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
	res->wall_s = watchdog_now() - vm->dog.started;
}

/*
 * QEMU drops bytes that it cannot write, and says nothing. A file that could grow no more at the
 * end is not believed; trying it is the only answer that knows of quotas and reserves.
 */
static int check_space(const struct vm *vm, struct err *err)
{
	const int fds[] = {vm->channel, vm->console};
	const char *const paths[] = {vm->cfg->channel_path, vm->cfg->console_path};
	struct stat st;

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (fstat(fds[i], &st) < 0)
			return err_set(err, ERR_INFRA, errno, "stat %s", paths[i]);
		if (fallocate(fds[i], FALLOC_FL_KEEP_SIZE, st.st_size, SPARE_BYTES) == 0) {
			if (ftruncate(fds[i], st.st_size) < 0)
				return err_set(err, ERR_INFRA, errno, "truncate %s", paths[i]);
		} else if (errno == ENOSPC || errno == EDQUOT) {
			return err_set(err, ERR_INFRA, errno, "%s may not be whole", paths[i]);
		}
	}
	return 0;
}

int vm_run_limits(const struct vm_config *cfg, const struct vm_limits *lim, vm_bytes_fn *fn,
		  void *arg, struct vm_result *res, struct err *err)
{
	_cleanup_(vm_close) struct vm vm = {.cfg = cfg,
					    .lim = *lim,
					    .fn = fn,
					    .arg = arg,
					    .channel = -1,
					    .console = -1,
					    .notify = -1,
					    .text = -1,
					    .state = -1};

	*res = (struct vm_result){0};
	if (!vm_arch(cfg->arch))
		return err_set(err, ERR_USER, 0,
			       "no virtual machine is known for the architecture '%s'", cfg->arch);
	if (cfg->silent_cpu_s > 0)
		vm.lim.silent_cpu_s = cfg->silent_cpu_s;
	int ret = vm_open(&vm, err);

	if (ret < 0)
		return ret;
	watchdog_start(&vm.dog, &vm.lim, vm.pid);
	res->end = live(&vm, res);
	reap(&vm, res->end == VM_DONE, res);
	if (res->end == VM_DONE)
		res->end = end_by_itself(&vm, res->status, res);
	if (!res->text)
		res->text = describe_kill(&vm, res->end);
	return check_space(&vm, err);
}

int vm_run(const struct vm_config *cfg, vm_bytes_fn *fn, void *arg, struct vm_result *res,
	   struct err *err)
{
	return vm_run_limits(cfg, &vm_limits, fn, arg, res, err);
}
