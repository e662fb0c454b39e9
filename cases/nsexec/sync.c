// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "globals.h"
#include "nsexec.h"

void store_stage(struct machine *m, enum stage stage)
{
	struct ctl_event e = {.fd = -1, .result = stage};

	point_begin(m, POINT_STORE_STAGE);
	GLOBAL(current_stage) = stage;
	m->want[GLOBAL_STAGE] = stage;
	point_end(m, POINT_STORE_STAGE, &e);
}

void store_syncfd(struct machine *m, enum point pt, enum end end)
{
	struct ctl_event e = {.fd = m->fd[end], .result = m->fd[end]};

	point_begin(m, pt);
	GLOBAL(syncfd) = m->fd[end];
	m->want[GLOBAL_SYNCFD] = m->fd[end];
	m->want_end = end;
	point_end(m, pt, &e);
}

static int load_syncfd(struct machine *m)
{
	struct ctl_event e = {.is_load = 1};

	point_begin(m, POINT_LOAD_SYNCFD);
	load_globals(m, &e);
	e.fd = e.result = e.value[GLOBAL_SYNCFD];
	point_end(m, POINT_LOAD_SYNCFD, &e);
	return e.fd;
}

static struct ctl_event use_begin(struct machine *m, enum point pt, int fd)
{
	struct ctl_event e = {.fd = fd, .kind = FD_BAD};
	struct stat st;

	point_begin(m, pt);
	if (fstat(fd, &st) == 0) {
		e.kind = S_ISSOCK(st.st_mode) ? FD_SOCKET : FD_OTHER;
		e.ino = st.st_ino;
	}
	m->lane->at_ino = e.ino;
	m->lane->at_fd = fd;
	e.begun = ctl_next_seq(m->ctl);
	return e;
}

static void use_end(struct machine *m, enum point pt, struct ctl_event *e, ssize_t n,
		    uint32_t bytes[ENDS])
{
	e->result = (int32_t)n;
	e->errnum = n < 0 ? errno : 0;
	for (int i = 0; i < ENDS; i++) {
		if (n > 0 && e->ino == m->ctl->end_ino[i])
			__atomic_add_fetch(&bytes[i], (uint32_t)n, __ATOMIC_SEQ_CST);
	}
	point_end(m, pt, e);
}

ssize_t sync_read(struct machine *m, enum point pt, void *buf, size_t len)
{
	int fd = load_syncfd(m);
	struct ctl_event e = use_begin(m, pt, fd);
	ssize_t n = read(fd, buf, len);

	/* Not an error to the kernel, so the message would show an old errno. */
	if (n >= 0)
		errno = 0;
	use_end(m, pt, &e, n, m->ctl->received);
	canary_read(m);
	return n;
}

ssize_t sync_write(struct machine *m, enum point pt, const void *buf, size_t len)
{
	int fd = load_syncfd(m);
	struct ctl_event e = use_begin(m, pt, fd);
	ssize_t n = write(fd, buf, len);

	use_end(m, pt, &e, n, m->ctl->sent);
	return n;
}

int sync_write_word(struct machine *m, enum point pt, enum sync_word word)
{
	uint32_t w = word;

	return sync_write(m, pt, &w, sizeof(w)) == sizeof(w) ? 0 : -1;
}

int sync_expect(struct machine *m, enum point pt, enum sync_word want)
{
	uint32_t w = 0;

	return sync_read(m, pt, &w, sizeof(w)) == sizeof(w) && w == want ? 0 : -1;
}

void close_end(struct machine *m, enum point pt, enum end end)
{
	struct ctl_event e = {.fd = m->fd[end]};

	point_begin(m, pt);
	e.result = close(e.fd);
	e.errnum = e.result < 0 ? errno : 0;
	if (e.result == 0)
		m->lane->closed |= 1u << end;
	point_end(m, pt, &e);
	if (e.result < 0)
		die(m, "failed to close %s", end_names[end]);
}

void kill_stage(struct machine *m, enum stage victim)
{
	enum point pt = victim == STAGE_CHILD ? POINT_KILL_C : POINT_KILL_I;
	pid_t pid = victim == STAGE_CHILD ? m->child : m->init;
	int saved = errno;

	if (pid <= 0)
		return;
	point_begin(m, pt);
	m->ctl->lane[victim].killed_by = (uint32_t)m->self + 1;
	point_end_result(m, pt, kill(pid, SIGKILL));
	errno = saved;
}

noreturn void leave(struct machine *m, int status)
{
	canary_read(m);
	point_begin(m, POINT_EXIT);
	point_end_result(m, POINT_EXIT, status);
	__atomic_store_n(&m->lane->state, LANE_ENDED, __ATOMIC_SEQ_CST);
	/* No exit handlers: they belong to libc, whose state may be shared here. */
	_exit(status);
}
