// SPDX-License-Identifier: GPL-2.0-or-later
#include "sysrq.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "publish.h"
#include "watchdog.h"
#include "xalloc.h"

#define ANSWER_MAX (16 << 20)

/* What a key's answer begins with, from 4.9 to today. */
static const struct {
	char key;
	const char *answer;
} keys[] = {
	{'9', "Loglevel set to"}, /* or `quiet` would hide the rest */
	{'l', "Show backtrace of"}, {'w', "Show Blocked State"},
	{'t', "Show State"},	    {'h', "HELP :"}, /* the end of the one before */
};

#define KEYS ((int)(sizeof(keys) / sizeof(*keys)))

struct line {
	struct qmp *q;
	char *dir;	      /* holds the socket */
	int listen, fd, file; /* file: what was said */
	char *said;
	size_t len;
	int ms;
};

static void line_close(struct line *l)
{
	struct err ignored = ERR_INIT;

	if (l->dir)
		remove_tree(l->dir, &ignored);
	free(l->dir);
	free(l->said);
	closep(&l->listen);
	closep(&l->fd);
	closep(&l->file);
}

static int hmp(struct line *l, const char *command, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int ret = qmp_hmp(l->q, command, l->ms, &text, err);

	/* The monitor's commands say what is wrong, and nothing when all is well. */
	if (!ret && *text)
		ret = err_set(err, ERR_INFRA, 0, "QEMU: %s: %.200s", command, text);
	return ret;
}

/* Put a socket in the place of the console's file. */
static int take_console(struct line *l, struct err *err)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_cleanup_free_ char *command = NULL;

	l->dir = xstrdup("/tmp/sealmatrix-sysrq.XXXXXX");
	if (!mkdtemp(l->dir)) {
		free(steal_ptr(l->dir));
		return err_set(err, ERR_INFRA, errno, "make a directory in /tmp");
	}
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/console", l->dir);
	l->listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->listen < 0 || bind(l->listen, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(l->listen, 1) < 0)
		return err_set(err, ERR_INFRA, errno, "make the socket %s", sa.sun_path);
	command = xasprintf("chardev-change console socket,path=%s", sa.sun_path);
	int ret = hmp(l, command, err);

	if (ret < 0)
		return ret;
	struct pollfd p = {.fd = l->listen, .events = POLLIN};

	if (poll(&p, 1, l->ms) <= 0)
		return err_set(err, ERR_INFRA, ETIMEDOUT, "take the console over");
	l->fd = accept4(l->listen, NULL, NULL, SOCK_CLOEXEC);
	return l->fd < 0 ? err_set(err, ERR_INFRA, errno, "take the console over") : 0;
}

/* False when nothing came within @ms, or will ever. */
static bool read_more(struct line *l, long ms)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN};
	char buf[16384];

	if (ms <= 0 || poll(&p, 1, ms) <= 0)
		return false;
	ssize_t n = read(l->fd, buf, sizeof(buf));

	if (n <= 0 || l->len + n > ANSWER_MAX || write(l->file, buf, n) != n)
		return false;
	l->said = xreallocarray(l->said, l->len + n + 1, 1);
	memcpy(l->said + l->len, buf, n);
	l->len += n;
	l->said[l->len] = '\0';
	return true;
}

/*
 * Break and key go into the UART while the machine stands still: a guest that skips idle time could
 * see the seconds pass in which the key must follow.
 */
static int press(struct line *l, char key, struct err *err)
{
	long until = watchdog_now_ms() + l->ms;
	int left = 1, ret = hmp(l, "stop", err);

	if (!ret)
		ret = hmp(l, "chardev-send-break console", err);
	if (!ret && write(l->fd, &key, 1) != 1)
		ret = err_set(err, ERR_INFRA, errno, "write to the console");
	while (!ret && left > 0 && watchdog_now_ms() < until) {
		if (ioctl(l->fd, SIOCOUTQ, &left) < 0)
			left = 0;
		usleep(1000);
	}
	return ret ? ret : hmp(l, "cont", err);
}

static void inject_nmi(struct line *l)
{
	struct err ignored = ERR_INIT;

	if (hmp(l, "nmi", &ignored) == 0)
		while (read_more(l, l->ms / 4))
			;
}

static bool is_answered(const struct line *l, int key)
{
	return l->said && strstr(l->said, keys[key].answer);
}

static int ask_all(struct line *l, struct err *err)
{
	int done = 0;

	for (; done < KEYS; done++) {
		long until = watchdog_now_ms() + l->ms;
		int ret = press(l, keys[done].key, err);

		if (ret < 0)
			return ret;
		while (!is_answered(l, done) && read_more(l, until - watchdog_now_ms()))
			;
		if (!is_answered(l, done))
			break;
	}
	/* The rest of the last line. */
	while (done && read_more(l, l->ms / 100 + 1))
		;
	if (done < KEYS)
		inject_nmi(l);
	return done;
}

int sysrq_ask(struct qmp *q, const char *path, int ms, struct err *err)
{
	_cleanup_(line_close) struct line l = {
		.q = q, .listen = -1, .fd = -1, .file = -1, .ms = ms};

	l.file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (l.file < 0)
		return err_set(err, ERR_INFRA, errno, "create %s", path);
	int ret = take_console(&l, err);

	return ret ? ret : ask_all(&l, err);
}
