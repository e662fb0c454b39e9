// SPDX-License-Identifier: GPL-2.0-or-later
#include "ini_util.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "xalloc.h"

struct load {
	ini_line_fn *fn;
	void *arg;
	struct err *err;
	char *section;
	int ret;
};

static int on_line(void *user, const char *section, const char *key, const char *value)
{
	struct load *l = user;

	if (!l->section || strcmp(l->section, section)) {
		free(l->section);
		l->section = xstrdup(section);
		l->ret = l->fn(l->arg, section, NULL, NULL, l->err);
	}
	if (!l->ret)
		l->ret = l->fn(l->arg, section, key, value, l->err);
	return !l->ret; /* 0 is inih's word for an error */
}

/*
 * The library reads lines of 200 bytes and takes the rest of a longer one for another line: such a
 * file must not be half understood.
 */
#define LINE_BYTES 198

static int check_lines(const char *path, FILE *f, struct err *err)
{
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	ssize_t len;

	for (int nr = 1; (len = getline(&line, &room, f)) >= 0; nr++)
		if (len > LINE_BYTES)
			return err_set(err, ERR_USER, 0,
				       "%s:%d: longer than %d bytes; go on in an indented line",
				       path, nr, LINE_BYTES);
	rewind(f);
	return 0;
}

int ini_load(const char *path, ini_line_fn *fn, void *arg, struct err *err)
{
	struct load l = {.fn = fn, .arg = arg, .err = err};
	_cleanup_fclose_ FILE *f = fopen(path, "re");

	if (!f)
		return err_set(err, ERR_USER, errno, "open %s", path);
	int ret = check_lines(path, f, err);

	if (ret < 0)
		return ret;
	int line = ini_parse_file(f, on_line, &l);

	free(l.section);
	if (line == 0)
		return 0;
	if (l.ret < 0) {
		err_context(err, "%s:%d", path, line);
		return l.ret;
	}
	return err_set(err, ERR_USER, 0, "%s:%d: not a [section] and not 'key = value'", path,
		       line);
}
