// SPDX-License-Identifier: GPL-2.0-or-later
#include "isolate.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "clock.h"
#include "proto.h"
#include "sweep.h"

/* A process that was killed ends at once, or the kernel has a fault of its own. */
#define SWEEP_MS 5000

/* More than is allowed by one: then it was too much, or by the byte that ends a string. */
#define TEXT_SIZE (SM_FRAME_PAYLOAD + 1)

struct job {
	pid_t pid;
	int pipe, sig;
	int64_t deadline; /* CLOCK_MONOTONIC, ms */
	bool exited, late;
	int status;
	char *text; /* the isolate's */
	size_t len;
	struct frame_out *out; /* for progress */
};

static void sigchld_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
}

int isolate_open(struct isolate *iso)
{
	sigset_t set;

	*iso = (struct isolate){.sig = -1};
	sigchld_set(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return -errno;
	iso->sig = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	iso->sig_err = iso->sig < 0 ? errno : 0;
	iso->text = malloc(TEXT_SIZE);
	return iso->text ? 0 : -ENOMEM;
}

void isolate_close(struct isolate *iso)
{
	if (iso->sig >= 0)
		close(iso->sig);
	free(iso->text);
	*iso = (struct isolate){.sig = -1};
}

/*
 * One line; without its newline it was not all. Into a buffer that is there, TEXT_SIZE bytes: one
 * that grows with each word costs as much again.
 */
static void send_facts(int fd, char *text, const json_t *facts)
{
	size_t len = json_dumpb(facts, text, SM_FRAME_PAYLOAD, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (!len)
		return;
	if (len < SM_FRAME_PAYLOAD)
		text[len++] = '\n';
	else /* too much: the agent is told so by that much, and no newline */
		memset(text, ' ', len = TEXT_SIZE);
	for (char *p = text; len;) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return;
		p += n > 0 ? n : 0;
		len -= n > 0 ? n : 0;
	}
}

static void __attribute__((noreturn)) child(case_fn *fn, const struct case_env *env,
					    const json_t *params, int fd, char *text, pid_t agent)
{
	json_t *facts = json_object();
	struct case_env own = *env;
	sigset_t set;

	own.progress_fd = fd;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != agent)
		_exit(1);
	sigchld_set(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	fn(&own, params, facts);
	send_facts(fd, text, facts);
	_exit(0);
}

static int job_start(struct job *job, case_fn *fn, const struct case_env *env, const json_t *params,
		     struct frame_out *out)
{
	pid_t agent = getpid();
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	job->pid = fork();
	if (!job->pid) {
		close(fds[0]);
		close(job->sig);
		if (out->fd >= 0)
			close(out->fd);
		frame_out_forget(out);
		child(fn, env, params, fds[1], job->text, agent);
	}
	int err = errno;

	close(fds[1]);
	job->pipe = fds[0];
	return job->pid < 0 ? -err : 0;
}

/* Lines of progress come before the facts, and are passed on. */
static void job_progress(struct job *job)
{
	while (job->len && job->text[0] == PROGRESS_MARK) {
		char *end = memchr(job->text, '\n', job->len);
		json_t *frame;

		if (!end)
			return;
		*end++ = '\0';
		frame = json_pack("{s:s, s:s}", "type", SM_FRAME_PROGRESS, "text", job->text + 1);
		if (frame)
			frame_send(job->out, frame, NULL);
		json_decref(frame);
		job->len -= (size_t)(end - job->text);
		memmove(job->text, end, job->len);
	}
}

/* Bytes that are there. False at the end, or when there are too many. */
static bool job_read(struct job *job)
{
	ssize_t n = read(job->pipe, job->text + job->len, TEXT_SIZE - job->len);

	if (n < 0)
		return errno == EINTR;
	job->len += n;
	job_progress(job);
	return n > 0 && job->len <= SM_FRAME_PAYLOAD && !memchr(job->text, '\n', job->len);
}

static void job_check_exit(struct job *job)
{
	struct signalfd_siginfo si;

	while (read(job->sig, &si, sizeof(si)) > 0)
		;
	if (waitpid(job->pid, &job->status, WNOHANG) == job->pid)
		job->exited = true;
}

/*
 * A stray may hold the pipe open, and a case may die without a word: both the line and the death
 * of the child are an end.
 */
static void job_wait(struct job *job)
{
	while (!job->exited) {
		struct pollfd p[] = {{.fd = job->pipe, .events = POLLIN},
				     {.fd = job->sig, .events = POLLIN}};
		int64_t left = job->deadline - now_ms();

		job->late = left <= 0;
		if (job->late)
			return;
		if (poll(p, 2, left) < 0 && errno != EINTR)
			return;
		if (p[0].revents && !job_read(job))
			return;
		job_check_exit(job);
	}
	/* What it wrote before it died is in the pipe. */
	fcntl(job->pipe, F_SETFL, O_NONBLOCK);
	while (job_read(job))
		;
}

/* After the line only _exit() is left to do; else there is nothing to wait for. */
static void job_end(struct job *job)
{
	if (job->exited)
		return;
	if (job->late || !job->len || job->text[job->len - 1] != '\n')
		kill(job->pid, SIGKILL);
	while (waitpid(job->pid, &job->status, 0) < 0)
		if (errno != EINTR)
			return;
	job->exited = true;
}

/*
 * A whole line that can be handed on as it is. To take it apart only to put it together again would
 * be a third of what a variant costs under emulation; the host will look whether it is JSON.
 */
static bool job_said_all(const struct job *job)
{
	if (!job->len || job->text[job->len - 1] != '\n')
		return false;
	for (size_t i = 0; i + 1 < job->len; i++)
		if (job->text[i] < ' ' || job->text[i] > '~')
			return false;
	return true;
}

/* What there is to say of a job that did not say all. */
static void job_fact_error(const struct job *job, json_t *facts)
{
	if (job->late)
		fact_error(facts, "the case ran past its deadline and was killed");
	else if (job->len > SM_FRAME_PAYLOAD)
		fact_error(facts, "the case reported more than %d bytes", SM_FRAME_PAYLOAD);
	else if (WIFSIGNALED(job->status))
		fact_error(facts, "the case was killed by SIG%s",
			   sigabbrev_np(WTERMSIG(job->status)) ?: "?");
	else
		fact_error(facts, "the case ended with status %d and no facts",
			   WEXITSTATUS(job->status));
}

/*
 * An object that says why there are no facts, in the place of what was said. @err: the case could
 * not be started, for want of @what.
 */
static const char *put_error(struct job *job, const char *what, int err)
{
	_cleanup_json_ json_t *facts = json_object();
	size_t len;

	if (err)
		fact_error(facts, "starting the case: %s: %s", what, strerror(err));
	else
		job_fact_error(job, facts);
	len = json_dumpb(facts, job->text, TEXT_SIZE - 1, JSON_COMPACT | JSON_ENSURE_ASCII);
	job->text[len < TEXT_SIZE ? len : 0] = '\0';
	return job->text;
}

const char *isolate_run(struct isolate *iso, case_fn *fn, const struct case_env *env,
			const json_t *params, struct frame_out *out, int *strays)
{
	struct job job = {
		.pipe = -1,
		.sig = iso->sig,
		.text = iso->text,
		.out = out,
		.deadline = now_ms() + env->deadline_ms * 3LL / 2,
	};
	_cleanup_close_ int pipe_fd = -1;

	*strays = 0;
	if (iso->sig < 0)
		return put_error(&job, "signalfd (CONFIG_SIGNALFD)", iso->sig_err);
	int ret = job_start(&job, fn, env, params, out);

	pipe_fd = job.pipe;
	if (ret < 0)
		return put_error(&job, "a process and a pipe", -ret);
	job_wait(&job);
	job_end(&job);
	*strays = sweep_children(SWEEP_MS);
	if (!job_said_all(&job))
		return put_error(&job, NULL, 0);
	job.text[job.len - 1] = '\0';
	return job.text;
}
