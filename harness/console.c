// SPDX-License-Identifier: GPL-2.0-or-later
#include "console.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "xalloc.h"

#define TAIL_MAX 16384 /* a line may be as long as the whole log */

/* How kernels of the supported architectures begin such a report. */
static const struct {
	const char *text;
	enum console_event event;
} signs[] = {
	{"Kernel panic - not syncing", CONSOLE_PANIC},
	{"BUG: unable to handle ", CONSOLE_OOPS},     /* x86 page faults */
	{"BUG: kernel NULL pointer ", CONSOLE_OOPS},  /* … from 5.1 on */
	{"BUG: stack guard page was ", CONSOLE_OOPS}, /* kernel stack overflow */
	{"BUG: KASAN: ", CONSOLE_OOPS},		      /* memory is corrupted all the same */
	{"kernel BUG at ", CONSOLE_OOPS},	      /* BUG() */
	{"Oops: ", CONSOLE_OOPS},		      /* x86, die() */
	{"general protection fault", CONSOLE_OOPS},   /* x86 before 6.9 without "Oops: " */
	{"traps: PANIC: double fault", CONSOLE_OOPS}, /* x86 */
	{"PANIC: double fault", CONSOLE_OOPS},	      /* … older */
	{"Unable to handle kernel ", CONSOLE_OOPS},   /* arm64 page faults */
	{"Internal error: ", CONSOLE_OOPS},	      /* arm64, die() */
};

static const char *skip(const char *s, const char *end, const char *set)
{
	while (s < end && *s && strchr(set, *s))
		s++;
	return s;
}

/* The text after "[    1.234567] " at @s, or after "[    1.234567][    T1] "; NULL: no stamp. */
static const char *after_stamp(const char *s, const char *end)
{
	static const char digits[] = "0123456789";
	const char *sec = skip(s + 1, end, " "), *dot = skip(sec, end, digits);

	if (s == end || *s != '[' || dot == sec || dot == end || *dot != '.')
		return NULL;
	const char *close = skip(dot + 1, end, digits);

	if (close != dot + 7 || close == end || *close != ']')
		return NULL;
	s = close + 1;
	if (s < end && *s == '[') { /* CONFIG_PRINTK_CALLER: a task or a CPU */
		close = skip(skip(s + 1, end, " TC"), end, digits);
		if (close < end && *close == ']')
			s = close + 1;
	}
	return skip(s, end, " ");
}

/*
 * Where in the line the kernel's message begins, or NULL when the line is not the kernel's. A
 * program's unfinished line may stand before the stamp.
 */
static const char *find_stamp(const char *s, const char *end)
{
	while (s < end && (s = memchr(s, '[', end - s))) {
		const char *p = after_stamp(s, end);

		if (p)
			return p;
		s++;
	}
	return NULL;
}

/* "divide error: 0000 [#1]": so begins every die() of x86, whatever the trap is called. */
static bool is_die(const char *s, const char *end)
{
	const char *name = s;

	while (s < end && (isalnum((unsigned char)*s) || (*s && strchr(" (),", *s))))
		s++;
	if (s == name || end - s < 2 || memcmp(s, ": ", 2))
		return false;
	const char *hex = s + 2, *p = skip(hex, end, "0123456789abcdef");

	return p - hex >= 4 && end - p > 3 && !memcmp(p, " [#", 3) && isdigit((unsigned char)p[3]);
}

/* The sign must begin the message: the same words quoted further on are not a report. */
static enum console_event scan_message(const char *s, const char *end)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		size_t len = strlen(signs[i].text);

		if ((size_t)(end - s) >= len && !memcmp(s, signs[i].text, len))
			return signs[i].event;
	}
	return is_die(s, end) ? CONSOLE_OOPS : CONSOLE_QUIET;
}

static bool has_stamps(const char *s, const char *end)
{
	while (s < end) {
		const char *nl = memchr(s, '\n', end - s), *stop = nl ? nl : end;

		if (after_stamp(s, stop))
			return true;
		s = stop + 1;
	}
	return false;
}

enum console_event console_scan(const char *text, size_t len, char **line)
{
	enum console_event worst = CONSOLE_QUIET;
	const char *end = text + len;
	/* Where the kernel stamps its lines, one without a stamp is a program's. */
	bool stamped = has_stamps(text, end);

	if (line)
		*line = NULL;
	for (const char *s = text; s < end;) {
		const char *nl = memchr(s, '\n', end - s), *stop = nl ? nl : end;
		const char *message = find_stamp(s, stop);

		if (!message && !stamped)
			message = s;
		enum console_event ev = message ? scan_message(message, stop) : CONSOLE_QUIET;

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
	size_t start = len, first = len > TAIL_MAX ? len - TAIL_MAX : 0;

	while (lines && start > first && (text[start - 1] != '\n' || --lines))
		start--;
	char *out = xcalloc(4 * (len - start) + 1, 1), *p = out;

	for (size_t i = start; i < len; i++) {
		unsigned char c = text[i];

		if (c == '\r' && i + 1 < len && text[i + 1] == '\n')
			continue;
		p += sprintf(p, isprint(c) || c == '\n' || c == '\t' ? "%c" : "\\x%02x", c);
	}
	return out;
}
