// SPDX-License-Identifier: GPL-2.0-or-later
#include "observe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case.h"

/* Anonymous and shared by wish: the one thing here that no seal could touch. */
struct board {
	volatile size_t at; /* the job that is being run */
	struct observed o[];
};

static void __attribute__((noreturn))
run_jobs(const struct observe_job *jobs, size_t n, struct board *board)
{
	/* A sanitizer, or a launcher's leftovers, would turn the signal into an exit. */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	for (size_t i = board->at; i < n; board->at = ++i)
		if (jobs[i].fn)
			jobs[i].fn(jobs[i].arg, &board->o[i]);
	_exit(0);
}

/* Until the child has ended; if that was before its time, the job it was at is done with. */
static int wait_for(pid_t pid, const struct observe_job *jobs, size_t n, struct board *board)
{
	size_t at;
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	at = board->at;
	if (at >= n)
		return 0;
	do {
		board->o[at].ok = false;
		if (WIFSIGNALED(status))
			board->o[at].signal = WTERMSIG(status);
	} while (++at < n && !jobs[at].fn);
	board->at = at;
	return 0;
}

int observe_in_child(struct observe_job *jobs, size_t n)
{
	size_t size = sizeof(struct board) + n * sizeof(struct observed);
	struct board *board =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ret = 0;

	if (board == MAP_FAILED)
		return -errno;
	while (!ret && board->at < n) {
		pid_t pid = fork();

		if (!pid)
			run_jobs(jobs, n, board);
		ret = pid < 0 ? -errno : wait_for(pid, jobs, n, board);
	}
	for (size_t i = 0; i < n; i++)
		jobs[i].o = board->o[i];
	munmap(board, size);
	return ret;
}

json_t *observed_json(const struct observed *o)
{
	json_t *r = json_pack("{s:b}", "ok", o->ok);

	if (o->errnum)
		json_object_set_new(r, "errno", json_string(errno_name(o->errnum)));
	if (o->signal) {
		char name[24];

		snprintf(name, sizeof(name), "SIG%s", sigabbrev_np(o->signal) ?: "?");
		json_object_set_new(r, "signal", json_string(name));
	}
	if (o->has_value)
		json_object_set_new(r, "value", json_integer(o->value));
	else if (o->text[0])
		json_object_set_new(r, "value", json_string(o->text));
	return r;
}
