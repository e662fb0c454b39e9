// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nsexec.h"

#define LOG_MSG	 512
#define LOG_LINE (2 * LOG_MSG + 64) /* every character of the message may need a backslash */

static const char *const level_names[] = {
	[LOG_FATAL] = "fatal", [LOG_ERROR] = "error", [LOG_WARNING] = "warning",
	[LOG_INFO] = "info",   [LOG_DEBUG] = "debug",
};

/* @msg as the inside of a JSON string; control characters have no business in it. */
static size_t put_escaped(char *out, const char *msg)
{
	size_t n = 0;

	for (const char *s = msg; *s; s++) {
		if (*s == '"' || *s == '\\')
			out[n++] = '\\';
		out[n++] = (unsigned char)*s < ' ' ? ' ' : *s;
	}
	return n;
}

static void put_line(int fd, enum log_level level, const char *msg)
{
	char line[LOG_LINE];
	size_t n = (size_t)snprintf(line, sizeof(line), "{\"level\":\"%s\",\"msg\":\"",
				    level_names[level]);

	n += put_escaped(line + n, msg);
	memcpy(line + n, "\"}\n", 3);
	n += 3;
	/* A log pipe that is gone is nothing the machine could report. */
	if (write(fd, line, n) < 0)
		return;
}

static void vwrite_log(struct machine *m, enum log_level level, int errnum, const char *fmt,
		       va_list ap)
{
	struct ctl_event e = {.fd = -1, .is_load = 1};
	char msg[LOG_MSG];
	size_t n;

	point_begin(m, POINT_LOAD_STAGE);
	load_globals(m, &e);
	e.result = e.value[GLOBAL_STAGE];
	point_end(m, POINT_LOAD_STAGE, &e);
	if (e.value[GLOBAL_LOGFD] < 0 || (int)level > e.value[GLOBAL_LOGLEVEL])
		return;

	n = (size_t)snprintf(msg, sizeof(msg), "nsexec-%d[%d]: ", e.value[GLOBAL_STAGE], getpid());
	vsnprintf(msg + n, sizeof(msg) - n, fmt, ap);
	n = strlen(msg);
	if (errnum >= 0)
		snprintf(msg + n, sizeof(msg) - n, ": %s", strerror(errnum));
	put_line(e.value[GLOBAL_LOGFD], level, msg);
}

void write_log(struct machine *m, enum log_level level, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	vwrite_log(m, level, -1, fmt, ap);
	va_end(ap);
	errno = saved;
}

noreturn void die(struct machine *m, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	vwrite_log(m, LOG_FATAL, saved, fmt, ap);
	va_end(ap);
	leave(m, 1);
}
