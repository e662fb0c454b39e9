// SPDX-License-Identifier: GPL-2.0-or-later
#include "console.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "xalloc.h"

/* How kernels of the supported architectures begin such a report. */
static const struct {
	const char *text;
	enum console_event event;
} signs[] = {
	{"Kernel panic - not syncing", CONSOLE_PANIC},
	{"BUG: unable to handle", CONSOLE_OOPS},
	{"BUG: kernel NULL pointer", CONSOLE_OOPS},
	{"kernel BUG at ", CONSOLE_OOPS},
	{"Oops: ", CONSOLE_OOPS},
	{"general protection fault, ", CONSOLE_OOPS},
	{"general protection fault: ", CONSOLE_OOPS},
	{"invalid opcode: ", CONSOLE_OOPS},
	{"Unable to handle kernel ", CONSOLE_OOPS},
	{"Internal error: ", CONSOLE_OOPS},
};

/* The text after "[    1.234567] " or "[    1.234567][    T1] ", where printk puts one. */
static const char *skip_stamp(const char *s, const char *end)
{
	while (s < end && *s == '[') {
		const char *p = s + 1;

		while (p < end && (isdigit((unsigned char)*p) || strchr(" .CT", *p)))
			p++;
		if (p == end || *p != ']')
			break;
		s = p + 1;
		while (s < end && *s == ' ')
			s++;
	}
	return s;
}

/*
 * What one line announces. The sign must begin the message: the same words quoted inside a line of
 * some program are not the kernel's. x86 puts a word or two in front of "Oops:" since 6.x.
 */
static enum console_event scan_line(const char *s, const char *end)
{
	s = skip_stamp(s, end);
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		size_t len = strlen(signs[i].text);

		if ((size_t)(end - s) >= len && !memcmp(s, signs[i].text, len))
			return signs[i].event;
	}
	return CONSOLE_QUIET;
}

enum console_event console_scan(const char *text, size_t len, char **line)
{
	enum console_event worst = CONSOLE_QUIET;
	const char *end = text + len;

	if (line)
		*line = NULL;
	for (const char *s = text; s < end;) {
		const char *nl = memchr(s, '\n', end - s);
		const char *stop = nl ? nl : end;
		enum console_event ev = scan_line(s, stop);

		/* The first line is the cause; a panic that follows an oops is its consequence. */
		if (ev != CONSOLE_QUIET && line && !*line)
			*line = console_tail(s, stop - s, 1);
		if (ev > worst)
			worst = ev;
		s = stop + 1;
	}
	return worst;
}

char *console_tail(const char *text, size_t len, size_t lines)
{
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	size_t start = len;

	while (start && (text[start - 1] != '\n' || --lines))
		start--;
	char *out = xcalloc(4 * (len - start) + 1, 1), *p = out;

	for (size_t i = start; i < len; i++) {
		unsigned char c = text[i];

		if (c == '\r')
			continue;
		p += sprintf(p, isprint(c) || c == '\n' || c == '\t' ? "%c" : "\\x%02x", c);
	}
	return out;
}
