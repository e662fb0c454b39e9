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

static int wait_for(pid_t pid, struct observed *o)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFSIGNALED(status)) {
		o->ok = false;
		o->signal = WTERMSIG(status);
	}
	return 0;
}

int observe_in_child(observe_fn *fn, const void *arg, struct observed *o)
{
	/* Anonymous and shared by wish: the one thing here that no seal could touch. */
	struct observed *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid;
	int ret;

	if (shared == MAP_FAILED)
		return -errno;
	pid = fork();
	if (!pid) {
		/* A sanitizer, or a launcher's leftovers, would turn the signal into an exit. */
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		fn(arg, shared);
		_exit(0);
	}
	ret = pid < 0 ? -errno : wait_for(pid, shared);
	*o = *shared;
	munmap(shared, sizeof(*shared));
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
