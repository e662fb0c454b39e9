// SPDX-License-Identifier: GPL-2.0-or-later
#include "qmp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "json_util.h"
#include "watchdog.h"
#include "xalloc.h"

#define LINE_MAX_BYTES (1 << 20) /* a longer answer is cut off: nothing here asks for one */

struct qmp {
	int fd;
	char *buf;
	size_t have;
	char *shutdown, *migration;
	bool stopped;
	bool ready;	/* capabilities were negotiated */
	json_int_t id;	/* of the last request; an answer to an earlier one comes too late */
	json_t *answer; /* to that request, or NULL */
};

struct qmp *qmp_new(int fd)
{
	struct qmp *q = xcalloc(1, sizeof(*q));

	q->fd = fd;
	q->buf = xcalloc(1, LINE_MAX_BYTES);
	return q;
}

void qmp_free(struct qmp **q)
{
	if (!*q)
		return;
	close((*q)->fd);
	free((*q)->buf);
	free((*q)->shutdown);
	free((*q)->migration);
	json_decref((*q)->answer);
	free(*q);
	*q = NULL;
}

int qmp_fd(const struct qmp *q)
{
	return q->fd;
}

/* A descriptor (-1: none) travels with the first bytes. */
static int send_all(int fd, const char *text, int passed)
{
	size_t len = strlen(text), done = 0;
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};

	while (done < len) {
		struct iovec iov = {.iov_base = (char *)text + done, .iov_len = len - done};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

		if (passed >= 0) {
			msg.msg_control = control.buf;
			msg.msg_controllen = sizeof(control.buf);
			struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(c), &passed, sizeof(int));
		}
		ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += n;
		passed = -1;
	}
	return 0;
}

static void take_line(struct qmp *q, const char *line, size_t len)
{
	_cleanup_json_ json_t *o = json_loadb(line, len, 0, NULL);
	const char *event = jstr(o, "event", "");

	if (json_object_get(o, "QMP")) {
		send_all(q->fd, "{\"execute\":\"qmp_capabilities\",\"id\":0}\n", -1);
	} else if (!strcmp(event, "SHUTDOWN")) {
		free(q->shutdown);
		q->shutdown = xstrdup(jstr(json_object_get(o, "data"), "reason", "unknown"));
	} else if (!strcmp(event, "MIGRATION")) {
		free(q->migration);
		q->migration = xstrdup(jstr(json_object_get(o, "data"), "status", "unknown"));
	} else if (!strcmp(event, "STOP")) {
		q->stopped = true;
	} else if (json_object_get(o, "return") || json_object_get(o, "error")) {
		q->ready = true;
		if (q->id == 0 || jint(o, "id", 0) != q->id)
			return;
		json_decref(q->answer);
		q->answer = json_incref(o);
	}
}

int qmp_read(struct qmp *q)
{
	ssize_t n = recv(q->fd, q->buf + q->have, LINE_MAX_BYTES - q->have, MSG_DONTWAIT);
	char *nl;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return 0;
	q->have += n;
	while ((nl = memchr(q->buf, '\n', q->have))) {
		size_t used = nl + 1 - q->buf;

		take_line(q, q->buf, used - 1);
		memmove(q->buf, nl + 1, q->have -= used);
	}
	if (q->have == LINE_MAX_BYTES)
		q->have = 0;
	return 1;
}

const char *qmp_shutdown_reason(const struct qmp *q)
{
	return q->shutdown;
}

bool qmp_stopped(const struct qmp *q)
{
	return q->stopped;
}

const char *qmp_migration(const struct qmp *q)
{
	return q->migration;
}

void qmp_migration_forget(struct qmp *q)
{
	free(q->migration);
	q->migration = NULL;
}

int qmp_wait(struct qmp *q, int ms)
{
	struct pollfd p = {.fd = q->fd, .events = POLLIN};

	return poll(&p, 1, ms) > 0 ? qmp_read(q) : 1;
}

static bool is_ready(const struct qmp *q)
{
	return q->ready;
}

static bool is_answered(const struct qmp *q)
{
	return q->answer;
}

static int wait_for(struct qmp *q, bool (*done)(const struct qmp *q), long until)
{
	while (!done(q)) {
		struct pollfd p = {.fd = q->fd, .events = POLLIN};
		long left = until - watchdog_now_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(&p, 1, left) < 0 && errno != EINTR)
			return -errno;
		if (p.revents && !qmp_read(q))
			return -EPIPE;
	}
	return 0;
}

static int ask(struct qmp *q, const char *command, json_t *args, int fd, long until)
{
	int ret = wait_for(q, is_ready, until);

	if (ret < 0)
		return ret;
	json_decref(q->answer);
	q->answer = NULL;
	_cleanup_json_ json_t *request = json_pack("{s:s, s:I}", "execute", command, "id", ++q->id);

	if (args)
		json_object_set(request, "arguments", args);
	_cleanup_free_ char *text = json_dumps(request, JSON_COMPACT);
	_cleanup_free_ char *line = xasprintf("%s\n", text);

	ret = send_all(q->fd, line, fd);
	return ret < 0 ? ret : wait_for(q, is_answered, until);
}

/* @what is what the messages call it. */
static int command(struct qmp *q, const char *name, json_t *args, int fd, int ms, const char *what,
		   struct err *err)
{
	int ret = ask(q, name, args, fd, watchdog_now_ms() + ms);
	const char *refused = jstr(json_object_get(q->answer, "error"), "desc", NULL);

	if (ret < 0)
		return err_set(err, ERR_INFRA, -ret, "ask QEMU for '%s'", what);
	if (refused)
		return err_set(err, ERR_INFRA, 0, "ask QEMU for '%s': %s", what, refused);
	return 0;
}

int qmp_command(struct qmp *q, const char *name, json_t *args, int ms, json_t **answer,
		struct err *err)
{
	int ret = command(q, name, args, -1, ms, name, err);

	if (!ret && answer)
		*answer = json_incref(json_object_get(q->answer, "return"));
	return ret;
}

int qmp_pass_fd(struct qmp *q, const char *name, int fd, int ms, struct err *err)
{
	_cleanup_json_ json_t *args = json_pack("{s:s}", "fdname", name);

	return command(q, "getfd", args, fd, ms, "getfd", err);
}

int qmp_hmp(struct qmp *q, const char *line, int ms, char **text, struct err *err)
{
	_cleanup_json_ json_t *args = json_pack("{s:s}", "command-line", line);
	int ret = command(q, "human-monitor-command", args, -1, ms, line, err);

	if (!ret)
		*text = xstrdup(jstr(q->answer, "return", ""));
	return ret;
}
