// SPDX-License-Identifier: GPL-2.0-or-later
#include "progress.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/*
 * One message is one line, "S text\n" and so on (S: state, T: tick, N: note, E: expected), written
 * at once: up to PIPE_BUF bytes a pipe does not mix them with others'.
 */
static void say(struct progress *pg, char kind, const char *fmt, va_list ap)
{
	char buf[PIPE_BUF];

	if (!pg || pg->fd < 0)
		return;
	buf[0] = kind;
	buf[1] = ' ';
	int n = vsnprintf(buf + 2, sizeof(buf) - 3, fmt, ap);

	if (n < 0)
		return;
	size_t len = (size_t)n < sizeof(buf) - 3 ? (size_t)n : sizeof(buf) - 4;

	for (size_t i = 2; i < len + 2; i++)
		if (iscntrl((unsigned char)buf[i]))
			buf[i] = ' ';
	buf[len + 2] = '\n';
	while (write(pg->fd, buf, len + 3) < 0 && errno == EINTR)
		;
}

#define SAY(kind)                       \
	do {                            \
		va_list ap;             \
                                        \
		va_start(ap, fmt);      \
		say(pg, kind, fmt, ap); \
		va_end(ap);             \
	} while (0)

void progress_state(struct progress *pg, const char *fmt, ...)
{
	SAY('S');
}

void progress_tick(struct progress *pg, const char *fmt, ...)
{
	SAY('T');
}

void progress_note(struct progress *pg, const char *fmt, ...)
{
	SAY('N');
}

void progress_expected(struct progress *pg, const char *fmt, ...)
{
	SAY('E');
}
