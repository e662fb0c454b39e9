// SPDX-License-Identifier: GPL-2.0-or-later
/* The machine's own log: does each line's stage fit the process that wrote it? */
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "machine.h"

/* Which stage has that pid, as its own pid namespace shows it; STAGES when none has. */
static int owner(const struct control *ctl, int pid)
{
	for (int s = 0; s < STAGES; s++) {
		if (ctl->lane[s].pid == pid)
			return s;
	}
	return STAGES;
}

static const char *name_of(int stage, char *buf, size_t size)
{
	if (stage >= 0 && stage < STAGES)
		return stage_names[stage];
	snprintf(buf, size, "%d", stage);
	return buf;
}

static void check_line(const struct control *ctl, const char *msg, int stage, int pid,
		       json_t *mismatches)
{
	int real = owner(ctl, pid);
	char buf[2][16];

	/* Before the first store P's stage is none yet. */
	if (stage == real || (stage == STAGE_SETUP && real == STAGE_PARENT))
		return;
	json_array_append_new(
		mismatches,
		json_pack("{s:i, s:s, s:s, s:s}", "pid", pid, "stage",
			  name_of(stage, buf[0], sizeof(buf[0])), "real",
			  real == STAGES ? "none" : name_of(real, buf[1], sizeof(buf[1])), "msg",
			  msg));
}

/* Where the text ends that starts at @s and has nothing in it that JSON escapes. */
static char *plain_end(char *s, const char *end)
{
	while (s < end && *s >= ' ' && *s <= '~' && *s != '"' && *s != '\\')
		s++;
	return s;
}

static bool starts_with(const char *s, const char *end, const char *what)
{
	size_t len = strlen(what);

	return (size_t)(end - s) >= len && !memcmp(s, what, len);
}

/*
 * Nearly every line is what nsexec/log.c puts together around a plain text. A parser that builds
 * objects of it would be nearly a third of what the agent executes in a run of the machine; it gets
 * the others, which are left as they are.
 */
static bool plain_line(char *line, const char *end, const char **level, const char **msg)
{
	static const char head[] = "{\"level\":\"", mid[] = "\",\"msg\":\"", tail[] = "\"}";

	if (!starts_with(line, end, head))
		return false;
	char *l = line + strlen(head), *l_end = plain_end(l, end);

	if (!starts_with(l_end, end, mid))
		return false;
	char *m = l_end + strlen(mid), *m_end = plain_end(m, end);

	if (end - m_end != (ptrdiff_t)strlen(tail) || !starts_with(m_end, end, tail))
		return false;
	*l_end = *m_end = '\0';
	*level = l;
	*msg = m;
	return true;
}

/* False when the line is none of the machine's. */
static bool take_line(const struct control *ctl, char *line, size_t len, json_t *mismatches,
		      json_t *fatal)
{
	_cleanup_json_ json_t *o = NULL;
	const char *level, *msg;
	int stage, pid;

	if (!plain_line(line, line + len, &level, &msg)) {
		o = json_loadb(line, len, 0, NULL);
		level = json_string_value(json_object_get(o, "level"));
		msg = json_string_value(json_object_get(o, "msg"));
	}
	if (!level || !msg || sscanf(msg, "nsexec-%d[%d]: ", &stage, &pid) != 2)
		return false;
	check_line(ctl, msg, stage, pid, mismatches);
	if (!strcmp(level, "fatal"))
		json_array_append_new(fatal, json_string(msg));
	return true;
}

void facts_log(const struct machine_run *run, json_t *facts)
{
	json_t *mismatches = json_array(), *fatal = json_array();
	char *p = run->log, *end = run->log + run->log_len;
	int lines = 0, bad = run->log_flood;

	while (p < end) {
		char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);

		lines++;
		bad += !nl || !take_line(run->ctl, p, len, mismatches, fatal);
		p += len + 1;
	}
	json_object_set_new(facts, "log",
			    json_pack("{s:i, s:o, s:i, s:b, s:o}", "lines", lines, "mismatches",
				      mismatches, "bad_lines", bad, "eof", run->log_eof, "fatal",
				      fatal));
}
