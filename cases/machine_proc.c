// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine.h"

/* A small file of /proc as a string; -1 when it cannot be had. */
static ssize_t slurp(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static ssize_t slurp(char *buf, size_t size, const char *fmt, ...)
{
	char path[64];
	va_list ap;
	int fd;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;

	ssize_t n = read(fd, buf, size - 1);

	close(fd);
	buf[n < 0 ? 0 : n] = '\0';
	return n;
}

static uint64_t field(const char *text, const char *name)
{
	const char *p = strstr(text, name);

	return p ? strtoull(p + strlen(name), NULL, 10) : 0;
}

static void look_status(pid_t pid, struct look_stage *s)
{
	char buf[4096];
	const char *p;

	s->state = '?';
	s->switches = 0;
	if (slurp(buf, sizeof(buf), "/proc/%d/status", pid) <= 0)
		return;
	p = strstr(buf, "\nState:\t");
	s->state = p ? p[8] : '?';
	s->switches = field(buf, "\nvoluntary_ctxt_switches:\t") +
		      field(buf, "\nnonvoluntary_ctxt_switches:\t");
}

/* "NR ARG0 …" while blocked in a system call; "running"; "-1 …" blocked elsewhere. */
static void look_syscall(pid_t pid, struct look_stage *s)
{
	char buf[256], *end;

	s->call = CALL_UNKNOWN;
	s->nr = -1;
	s->fd = -1;
	if (slurp(buf, sizeof(buf), "/proc/%d/syscall", pid) <= 0)
		return;
	s->call = CALL_NONE;
	s->nr = strtol(buf, &end, 10);
	if (end == buf || s->nr < 0)
		return;
	s->call = s->nr == SYS_read ? CALL_READ : s->nr == SYS_futex ? CALL_FUTEX : CALL_OTHER;
	if (s->call == CALL_READ)
		s->fd = (int)strtol(end, NULL, 16);
}

/* 0: no socket, or no longer there. False when that cannot be seen. */
static bool socket_ino(pid_t pid, const char *fd, uint64_t *ino)
{
	char path[64], target[64];
	ssize_t n;

	*ino = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd/%.12s", pid, fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return errno == ENOENT;
	target[n] = '\0';
	if (!strncmp(target, "socket:[", 8))
		*ino = strtoull(target + 8, NULL, 10);
	return true;
}

static enum end end_of(uint64_t ino, const uint64_t end_ino[ENDS])
{
	for (int e = 0; e < ENDS; e++) {
		if (ino && end_ino[e] == ino)
			return (enum end)e;
	}
	return END_NONE;
}

bool proc_holds(pid_t pid, const uint64_t end_ino[ENDS], unsigned *holds)
{
	bool known = true;
	char path[64];
	DIR *dir;

	*holds = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	for (const struct dirent *d; (d = readdir(dir));) {
		uint64_t ino;

		if (d->d_name[0] == '.')
			continue;
		known &= socket_ino(pid, d->d_name, &ino);
		if (end_of(ino, end_ino) != END_NONE)
			*holds |= 1u << end_of(ino, end_ino);
	}
	closedir(dir);
	return known;
}

void proc_look(pid_t pid, struct look_stage *s)
{
	look_status(pid, s);
	look_syscall(pid, s);
}

void proc_look_fds(pid_t pid, const uint64_t end_ino[ENDS], struct look_stage *s)
{
	s->end = END_NONE;
	s->ino = 0;
	if (s->call == CALL_READ) {
		char fd[16];

		snprintf(fd, sizeof(fd), "%d", s->fd);
		socket_ino(pid, fd, &s->ino);
		s->end = end_of(s->ino, end_ino);
	}
	s->fds_known = proc_holds(pid, end_ino, &s->holds);
}

bool proc_is_dead(pid_t pid)
{
	struct look_stage s;

	look_status(pid, &s);
	return s.state == 'Z' || s.state == 'X' || s.state == '?';
}

/* The long way: every process whose parent is this one. */
static int scan_children(pid_t *pids, int max)
{
	DIR *dir = opendir("/proc");
	int n = 0;

	if (!dir)
		return -1;
	for (const struct dirent *d; (d = readdir(dir)) && n < max;) {
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);
		char buf[4096];

		if (pid > 0 && slurp(buf, sizeof(buf), "/proc/%d/status", pid) > 0 &&
		    field(buf, "\nPPid:\t") == (uint64_t)getpid())
			pids[n++] = pid;
	}
	closedir(dir);
	return n;
}

int proc_children(pid_t *pids, int max)
{
	char buf[1024], *end;
	int n = 0;

	/* Only there with CONFIG_PROC_CHILDREN. */
	if (slurp(buf, sizeof(buf), "/proc/self/task/%d/children", (int)syscall(SYS_gettid)) < 0)
		return scan_children(pids, max);
	for (char *p = buf; n < max; p = end) {
		pid_t pid = (pid_t)strtol(p, &end, 10);

		if (end == p)
			break;
		pids[n++] = pid;
	}
	return n;
}
