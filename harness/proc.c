// SPDX-License-Identifier: GPL-2.0-or-later
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "guard.h"
#include "sig.h"
#include "xalloc.h"

#define TAIL_LINES 8
#define GRACE_MS   2000

struct child_io {
	int out, err; /* where stdout and stderr go */
	const int *keep;
	size_t keep_n;
	const char *cwd;
	const char *const *env;
};

static void close_others(const int *keep, size_t keep_n)
{
	/* Close-on-exec instead of closing: our own error pipe must live until the exec. */
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		for (int fd = 3; fd < 1024; fd++)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	for (size_t i = 0; i < keep_n; i++)
		fcntl(keep[i], F_SETFD, 0);
}

static void child_exec(char *const argv[], const struct child_io *io, pid_t parent, int report)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	/* The parent may be gone already: then the signal would never come. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(127);
	if (null < 0 || dup2(null, 0) < 0 || dup2(io->out, 1) < 0 || dup2(io->err, 2) < 0)
		_exit(127);
	close_others(io->keep, io->keep_n);
	for (const char *const *e = io->env; e && *e; e++)
		putenv((char *)*e); /* glibc's takes a NAME without a value away */
	if (!io->cwd || chdir(io->cwd) == 0)
		execvp(argv[0], argv);
	int saved = errno;

	if (write(report, &saved, sizeof(saved)) < 0)
		_exit(126);
	_exit(127);
}

static pid_t spawn(char *const argv[], const struct child_io *io, struct err *err)
{
	int report[2];

	if (pipe2(report, O_CLOEXEC) < 0)
		return err_set(err, ERR_INFRA, errno, "start %s: pipe", argv[0]);

	_cleanup_close_ int rd = report[0], wr = report[1];
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return err_set(err, ERR_INFRA, errno, "start %s: fork", argv[0]);
	if (pid == 0)
		child_exec(argv, io, parent, wr);
	close(steal_fd(&wr));

	int failed = 0;
	ssize_t n;

	do
		n = read(rd, &failed, sizeof(failed));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return err_set(err, ERR_INFRA, n == sizeof(failed) ? failed : EIO, "start %s", argv[0]);
}

pid_t proc_spawn(char *const argv[], int out_fd, const int *keep, size_t keep_n, struct err *err)
{
	struct child_io io = {.out = out_fd, .err = out_fd, .keep = keep, .keep_n = keep_n};

	return spawn(argv, &io, err);
}

/* Wait up to @ms for @pid; true when it was reaped. */
static bool reap_within(pid_t pid, int *status, int ms)
{
	struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

	for (int waited = 0; waited <= ms; waited += 10) {
		pid_t got = waitpid(pid, status, WNOHANG);

		if (got == pid || (got < 0 && errno == ECHILD))
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

void proc_end(pid_t pid)
{
	int status;

	if (pid <= 0)
		return;
	kill(-pid, SIGTERM);
	kill(-pid, SIGCONT);
	if (reap_within(pid, &status, GRACE_MS))
		return;
	kill(-pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

/* Lines as they come: to the callback, and the last few kept for the error message. */
struct lines {
	char buf[4096];
	size_t have;
	struct strv tail;
	const struct proc_opts *opts;
	int log;
};

static void line_done(struct lines *l)
{
	l->buf[l->have] = '\0';
	l->have = 0;
	if (l->opts->line)
		l->opts->line(l->opts->arg, l->buf);
	if (!l->buf[0])
		return;
	strv_add(&l->tail, l->buf);
	if (l->tail.n > TAIL_LINES) {
		free(l->tail.v[0]);
		memmove(l->tail.v, l->tail.v + 1, l->tail.n * sizeof(*l->tail.v));
		l->tail.n--;
	}
}

static int lines_take(struct lines *l, const char *s, size_t n)
{
	errno = 0;
	if (l->log >= 0 && write(l->log, s, n) != (ssize_t)n)
		return errno ? -errno : -ENOSPC;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n' || s[i] == '\r' || l->have == sizeof(l->buf) - 1)
			line_done(l);
		if (s[i] != '\n' && s[i] != '\r')
			l->buf[l->have++] = s[i];
	}
	return 0;
}

struct capture {
	FILE *f;
	int fd;
};

/* Read both pipes to their ends. -EINTR when we are asked to stop. */
static int pump(int lines_fd, struct lines *l, const struct capture *cap)
{
	struct pollfd p[2] = {{.fd = lines_fd, .events = POLLIN},
			      {.fd = cap ? cap->fd : -1, .events = POLLIN}};
	char buf[8192];
	int ret;

	while (p[0].fd >= 0 || p[1].fd >= 0) {
		int ready = poll(p, 2, SIG_LOOK_MS);

		if (sig_stop())
			return -EINTR;
		if (ready < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; ready > 0 && i < 2; i++) {
			if (!p[i].revents)
				continue;
			ssize_t n = read(p[i].fd, buf, sizeof(buf));

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0)
				return -errno;
			if (n == 0)
				p[i].fd = -1;
			else if (i == 1)
				fwrite(buf, 1, n, cap->f);
			else if ((ret = lines_take(l, buf, n)) < 0)
				return ret;
		}
	}
	return 0;
}

static char *join_tail(const struct strv *tail)
{
	char *all = xstrdup("");

	for (size_t i = 0; i < tail->n; i++) {
		char *more = xasprintf("%s\n  %s", all, tail->v[i]);

		free(all);
		all = more;
	}
	return all;
}

static int check_status(const char *what, int status, const struct strv *tail, struct err *err)
{
	_cleanup_free_ char *said = join_tail(tail);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_INFRA, 0, "%s was killed by signal %d (%s)%s", what,
			       WTERMSIG(status), strsignal(WTERMSIG(status)), said);
	return err_set(err, ERR_INFRA, 0, "%s failed with status %d%s", what, WEXITSTATUS(status),
		       said);
}

/* It may have closed its output, and go on. */
static int wait_end(const char *what, pid_t pid, const struct strv *tail, struct err *err)
{
	_cleanup_close_ int fd = pidfd_open(pid, 0);
	int status = 0;

	if (fd >= 0 && !sig_wait(fd)) {
		proc_end(pid);
		return err_set(err, ERR_INFRA, EINTR, "%s", what);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return check_status(what, status, tail, err);
}

static int open_log(const struct proc_opts *opts, int *fd, struct err *err)
{
	if (!opts->log)
		return 0;
	*fd = open(opts->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	return *fd < 0 ? err_set(err, ERR_INFRA, errno, "open %s", opts->log) : 0;
}

static int run(char *const argv[], const struct proc_opts *opts, FILE *capture, struct err *err)
{
	static const struct proc_opts none;
	_cleanup_close_ int log = -1;
	int text[2], data[2] = {-1, -1};

	opts = opts ? opts : &none;
	int ret = open_log(opts, &log, err);

	if (ret < 0)
		return ret;
	if (pipe2(text, O_CLOEXEC) < 0)
		return err_set(err, ERR_INFRA, errno, "start %s: pipe", argv[0]);
	_cleanup_close_ int text_rd = text[0], text_wr = text[1];

	if (capture && pipe2(data, O_CLOEXEC) < 0)
		return err_set(err, ERR_INFRA, errno, "start %s: pipe", argv[0]);
	_cleanup_close_ int data_rd = data[0], data_wr = data[1];
	struct child_io io = {.out = capture ? data_wr : text_wr,
			      .err = text_wr,
			      .keep = &opts->keep,
			      .keep_n = opts->keep > 0,
			      .cwd = opts->cwd,
			      .env = opts->env};
	pid_t pid = spawn(argv, &io, err);

	if (pid < 0)
		return pid;
	close(steal_fd(&text_wr));
	if (capture)
		close(steal_fd(&data_wr));

	struct lines l = {.opts = opts, .log = log};
	struct capture cap = {capture, data_rd};
	struct guard guard = {.fd = -1};
	_cleanup_strv_ struct strv tail = {0};

	if (opts->guarded)
		guard_start(&guard, pid);
	ret = pump(text_rd, &l, capture ? &cap : NULL);
	guard_end(&guard);
	if (ret < 0) {
		proc_end(pid);
		strv_free(&l.tail);
		if (ret == -EINTR)
			return err_set(err, ERR_INFRA, EINTR, "%s", argv[0]);
		return err_set(err, ERR_INFRA, -ret, "read the output of %s", argv[0]);
	}
	if (l.have)
		line_done(&l);
	tail = l.tail;
	return wait_end(argv[0], pid, &tail, err);
}

int proc_run(char *const argv[], const struct proc_opts *opts, struct err *err)
{
	return run(argv, opts, NULL, err);
}

int proc_capture(char *const argv[], const struct proc_opts *opts, char **out, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	FILE *mem = open_memstream(&text, &len);

	if (!mem)
		return err_set(err, ERR_INFRA, errno, "start %s", argv[0]);
	int ret = run(argv, opts, mem, err);

	if (fclose(mem) == EOF && !ret)
		ret = err_set(err, ERR_INFRA, errno, "read the output of %s", argv[0]);
	if (!ret)
		*out = steal_ptr(text);
	return ret;
}

char *proc_find(const char *program)
{
	const char *path = getenv("PATH");
	_cleanup_strv_ struct strv dirs = {0};

	strv_split(&dirs, path ? path : "/usr/bin:/bin", ":");
	for (size_t i = 0; i < dirs.n; i++) {
		_cleanup_free_ char *file = xasprintf("%s/%s", dirs.v[i], program);

		if (access(file, X_OK) == 0)
			return steal_ptr(file);
	}
	return NULL;
}

bool proc_in_path(const char *program)
{
	_cleanup_free_ char *file = proc_find(program);

	return file;
}

char *proc_quoted(const char *s)
{
	char *out = xcalloc(4 * strlen(s) + 3, 1), *p = out;

	if (*s && !strpbrk(s, " \t\n'\"$`\\&|;<>()[]{}*?#!~"))
		return strcpy(out, s);
	*p++ = '\'';
	for (; *s; s++) {
		if (*s == '\'')
			p = stpcpy(p, "'\\'");
		*p++ = *s;
	}
	*p = '\'';
	return out;
}
