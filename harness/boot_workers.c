// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The jobs of one kernel side by side: a process for each, so that one that crashes costs its own
 * variants only. Each writes records of its own, which are put together in the jobs' order: the
 * same run gives the same file.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot_internal.h"
#include "cleanup.h"
#include "publish.h"
#include "record.h"
#include "sig.h"
#include "slots.h"
#include "watchdog.h"

#define FAILED 1 /* exit status of a job that could not be done; the error is in its pipe */

struct worker {
	struct job *job;
	char *records;
	json_t *said; /* what is in that file, once the job has ended well */
	pid_t pid;    /* 0: not running */
	int fd;	      /* pidfd */
	double since;
	int error; /* reading end: why it failed */
	bool started, ended;
};

struct crew {
	struct session *s;
	struct worker *v;
	size_t n;
	unsigned first_nr;
	bool told;	    /* to stop */
	struct err crashed; /* a job whose process was killed: the others go on */
};

static void crew_free(struct crew *c)
{
	for (size_t i = 0; i < c->n; i++) {
		closep(&c->v[i].fd);
		closep(&c->v[i].error);
		json_decref(c->v[i].said);
		free(c->v[i].records);
	}
	free(c->v);
}

static int run_job(struct crew *c, size_t i, struct err *err)
{
	struct session *s = c->s;
	struct worker *w = &c->v[i];

	s->records = fopen(w->records, "we");
	if (!s->records)
		return err_set(err, ERR_INFRA, errno, "create %s", w->records);
	int ret = boot_job(s, w->job, c->first_nr + i, c->n, err);

	if (fclose(s->records) == EOF && !ret)
		ret = err_set(err, ERR_INFRA, errno, "write %s", w->records);
	return ret;
}

static void __attribute__((noreturn)) child(struct crew *c, size_t i, pid_t parent, int error)
{
	struct err err = ERR_INIT;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(127);
	int ret = run_job(c, i, &err);

	if (ret < 0)
		(void)!write(error, err.msg, strlen(err.msg));
	fflush(NULL);
	_exit(ret < 0 ? FAILED : 0);
}

/* Its wait status. */
static int reap(struct worker *w, struct rusage *ru)
{
	int status = 0;

	while (wait4(w->pid, &status, 0, ru) < 0 && errno == EINTR)
		;
	w->pid = 0;
	return status;
}

static int start(struct crew *c, size_t i, struct err *err)
{
	struct worker *w = &c->v[i];
	pid_t parent = getpid();
	int pipefd[2];

	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_set(err, ERR_INFRA, errno, "start a job: pipe");
	_cleanup_close_ int wr = pipefd[1];

	w->error = pipefd[0];
	w->started = true;
	fflush(NULL); /* or the child would write our buffers again */
	w->pid = fork();
	if (w->pid == 0)
		child(c, i, parent, wr);
	if (w->pid < 0) {
		w->pid = 0;
		return err_set(err, ERR_INFRA, errno, "start a job: fork");
	}
	w->since = watchdog_now();
	w->fd = pidfd_open(w->pid, 0);
	if (w->fd >= 0)
		return 0;
	int ret = err_set(err, ERR_INFRA, errno, "watch a job");

	/* Nobody would see its end. */
	kill(w->pid, SIGKILL);
	reap(w, NULL);
	return ret;
}

/*
 * For the order of the next run. A machine that counts instructions does nothing but compute, and
 * what that took does not depend on who else computes.
 */
static void note_duration(const struct crew *c, const struct worker *w, const struct rusage *ru)
{
	const struct timeval *u = &ru->ru_utime, *k = &ru->ru_stime;
	double cpu_s = u->tv_sec + k->tv_sec + (u->tv_usec + k->tv_usec) / 1e6;
	double s = boot_real_time(c->s) ? watchdog_now() - w->since : cpu_s;

	/* A job that had to boot instead of being restored tells nothing about the next one. */
	if (c->s->restore && c->s->shared->cold)
		return;
	durations_note(&c->s->durations, c->s->o->variants, w->job, 1e3 * s);
}

static int take_records(const struct crew *c, struct worker *w, struct err *err)
{
	const struct boot_opts *o = c->s->o;

	w->said = json_array();
	int ret = records_load_file(w->records, false, w->said, err);

	if (!ret && o->said)
		o->said(o->said_arg, w->said);
	return ret;
}

/* Its slot is given back whatever became of it. */
static int finish(struct crew *c, size_t i, struct err *err)
{
	struct worker *w = &c->v[i];
	struct err own = ERR_INIT;
	struct rusage ru;
	int status = reap(w, &ru), ret = 0;

	w->ended = true;
	if (WIFSIGNALED(status)) {
		err_set(&c->crashed, ERR_INFRA, 0, "the process of a job was killed by signal %d",
			WTERMSIG(status));
	} else if (WEXITSTATUS(status)) {
		char why[1024] = "";

		(void)!read(w->error, why, sizeof(why) - 1);
		ret = err_set(&own, ERR_INFRA, 0, "%s", *why ? why : "a job could not be done");
	} else if (!sig_stop()) {
		note_duration(c, w, &ru);
		ret = take_records(c, w, &own);
	}
	if (ret < 0 && !err->kind)
		*err = own;
	/* There may be more jobs than descriptors. */
	close(steal_fd(&w->fd));
	close(steal_fd(&w->error));
	int done = slots_done(c->s->o->slots, i, &own);

	return ret ? ret : done;
}

static size_t running(const struct crew *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->v[i].pid > 0;
	return n;
}

static bool all_ended(const struct crew *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (!c->v[i].ended)
			return false;
	return true;
}

static void tell_all(struct crew *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].pid > 0)
			kill(c->v[i].pid, SIGTERM);
	c->told = true;
}

/* Wait for a grant or an end, and deal with it. */
static int step(struct crew *c, bool stopping, struct err *err)
{
	/* Only what runs: poll() takes no more than there may be descriptors. */
	_cleanup_free_ struct pollfd *p = xcalloc(running(c) + 1, sizeof(*p));
	int ret = 0, slots = c->s->o->slots;
	size_t n = 0, at = 0;

	p[n++] = (struct pollfd){.fd = stopping ? -1 : slots, .events = POLLIN};
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].pid > 0)
			p[n++] = (struct pollfd){.fd = c->v[i].fd, .events = POLLIN};
	if (poll(p, n, SIG_LOOK_MS) < 0)
		return errno == EINTR ? 0 : err_set(err, ERR_INFRA, errno, "wait for machines");
	for (size_t i = 0; i < c->n; i++) {
		int one = c->v[i].pid > 0 && p[++at].revents ? finish(c, i, err) : 0;

		ret = ret ? ret : one;
	}
	if (ret || !p[0].revents || sig_stop())
		return ret;
	int id = slots_granted(slots, err);

	return id < 0 ? id : (size_t)id < c->n ? start(c, id, err) : 0;
}

static int longer_first(const void *a, const void *b, void *arg)
{
	const struct crew *c = arg;
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	unsigned x = c->v[i].job->cost_ms, y = c->v[j].job->cost_ms;

	return x != y ? (x < y) - (x > y) : (i > j) - (i < j);
}

/* The driver may grant the first before it has read the others. */
static int want_all(struct crew *c, struct err *err)
{
	_cleanup_free_ size_t *order = xcalloc(c->n, sizeof(*order));
	int ret = 0;

	for (size_t i = 0; i < c->n; i++)
		order[i] = i;
	qsort_r(order, c->n, sizeof(*order), longer_first, c);
	for (size_t i = 0; !ret && i < c->n; i++)
		ret = slots_want(c->s->o->slots, order[i], c->v[order[i]].job->cost_ms, err);
	return ret;
}

static int run_all_jobs(struct crew *c, struct err *err)
{
	int ret = want_all(c, err);

	while (running(c) || (!ret && !sig_stop() && !all_ended(c))) {
		bool stopping = ret || sig_stop();

		if (stopping && !c->told)
			tell_all(c);
		int one = step(c, stopping, err);

		ret = ret ? ret : one;
	}
	if (!ret && sig_stop())
		ret = err_set(err, ERR_INFRA, EINTR, "run the machines");
	if (!ret && c->crashed.kind) {
		*err = c->crashed;
		ret = -EIO;
	}
	return ret;
}

/* Of a job that failed: as far as it came. */
static int take_left(struct worker *w, struct err *err)
{
	w->said = json_array();
	return access(w->records, F_OK) < 0 ? 0 : records_load_file(w->records, true, w->said, err);
}

static int put_records(struct crew *c, struct worker *w, FILE *f, struct err *err)
{
	int ret = 0;
	json_t *r;
	size_t i;

	if (!w->started) {
		c->s->records = f;
		return boot_not_run(c->s, w->job, 0, err);
	}
	if (!w->said)
		ret = take_left(w, err);
	if (ret < 0)
		return ret;
	json_array_foreach (w->said, i, r) {
		ret = record_append(f, r, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int copy_old(const char *path, FILE *f, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (access(path, F_OK) < 0)
		return 0;
	int ret = read_file(path, 1 << 30, &text, &len, err);

	if (!ret && fwrite(text, 1, len, f) != len)
		ret = err_set(err, ERR_INFRA, errno, "write records");
	return ret;
}

/*
 * What jobs have written goes behind what is there, even when one of them failed. All of it at
 * once: whoever kills us leaves each record in one place.
 */
static int collect(struct crew *c, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/records.jsonl", c->s->o->dir);
	_cleanup_publish_ struct publish p = {0};
	int ret = publish_open(&p, path, err);

	if (!ret)
		ret = copy_old(path, p.f, err);
	for (size_t i = 0; !ret && i < c->n; i++)
		ret = put_records(c, &c->v[i], p.f, err);
	if (ret < 0)
		err_context(err, "%s", path);
	else
		ret = publish_commit(&p, err);
	for (size_t i = 0; !ret && i < c->n; i++)
		unlink(c->v[i].records);
	return ret;
}

int boot_jobs(struct session *s, struct job *jobs, size_t n, unsigned first_nr, struct err *err)
{
	_cleanup_(crew_free) struct crew c = {
		.s = s, .n = n, .v = xcalloc(n, sizeof(*c.v)), .first_nr = first_nr};
	struct err second = ERR_INIT;

	for (size_t i = 0; i < n; i++)
		c.v[i] = (struct worker){
			.job = &jobs[i],
			.records = record_left_path(s->o->dir, first_nr + (unsigned)i),
			.fd = -1,
			.error = -1,
		};
	int ret = run_all_jobs(&c, err), collected = collect(&c, &second);

	if (!ret && collected < 0)
		*err = second;
	return ret ? ret : collected;
}
