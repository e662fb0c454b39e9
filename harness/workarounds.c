// SPDX-License-Identifier: GPL-2.0-or-later
#include "workarounds.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ini_util.h"
#include "paths.h"
#include "series.h"

#define BLANKS " \t\n"

/* One section; how its keys are called is in fields[]. */
struct entry {
	char *name, *series, *compiler, *cc, *ld, *kcflags, *hostcflags, *make, *patch, *unknown,
		*reason, *tried;
};

static const struct {
	const char *key;
	size_t at;
} fields[] = {
	{"series", offsetof(struct entry, series)},
	{"compiler", offsetof(struct entry, compiler)},
	{"cc", offsetof(struct entry, cc)},
	{"ld", offsetof(struct entry, ld)},
	{"kcflags", offsetof(struct entry, kcflags)},
	{"hostcflags", offsetof(struct entry, hostcflags)},
	{"make", offsetof(struct entry, make)},
	{"patch", offsetof(struct entry, patch)},
	{"unknown-options", offsetof(struct entry, unknown)},
	{"reason", offsetof(struct entry, reason)},
	{"tried", offsetof(struct entry, tried)},
};

#define NFIELDS (sizeof(fields) / sizeof(*fields))

struct table {
	struct entry *v;
	size_t n;
};

static char **field(struct entry *e, size_t i)
{
	return (char **)((char *)e + fields[i].at);
}

static void table_free(struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].name);
		for (size_t k = 0; k < NFIELDS; k++)
			free(*field(&t->v[i], k));
	}
	free(t->v);
}

void workarounds_free(struct workarounds *w)
{
	strv_free(&w->names);
	free(w->cc);
	free(w->ld);
	free(w->kcflags);
	free(w->hostcflags);
	strv_free(&w->make);
	strv_free(&w->patches);
	*w = (struct workarounds){0};
}

static int on_line(void *arg, const char *section, const char *key, const char *value,
		   struct err *err)
{
	struct table *t = arg;

	if (!key) {
		t->v = xreallocarray(t->v, t->n + 1, sizeof(*t->v));
		t->v[t->n++] = (struct entry){.name = xstrdup(section)};
		return 0;
	}
	for (size_t i = 0; i < NFIELDS; i++) {
		char **f = field(&t->v[t->n - 1], i);

		if (strcmp(fields[i].key, key))
			continue;
		if (*f)
			return err_set(err, ERR_USER, 0, "%s is given twice", key);
		*f = xstrdup(value);
		return 0;
	}
	return err_set(err, ERR_USER, 0, "unknown key '%s'", key);
}

static int check(const struct entry *e, struct err *err)
{
	struct series_range r;

	if (!e->series || !e->reason || !e->tried)
		return err_set(err, ERR_USER, 0, "[%s] needs series, reason and tried", e->name);
	if (!series_range(e->series, &r) || r.from < 0 || r.from > r.to)
		return err_set(err, ERR_USER, 0, "[%s]: '%s' is no range; one looks like 4.9..5.4",
			       e->name, e->series);
	if (e->unknown && strcmp(e->unknown, "noted"))
		return err_set(err, ERR_USER, 0, "[%s]: unknown-options can be noted, not '%s'",
			       e->name, e->unknown);
	if (e->compiler && atoi(e->compiler) <= 0)
		return err_set(err, ERR_USER, 0, "[%s]: compiler is a major version, not '%s'",
			       e->name, e->compiler);
	return 0;
}

/* 12 of "gcc (Debian 12.2.0-14) 12.2.0"; 0 when there is no number. */
static int major_version(const char *compiler)
{
	const char *last = strrchr(compiler, ' ');

	return atoi(last ? last + 1 : compiler);
}

static void append(char **all, const char *more)
{
	char *both;

	if (!more)
		return;
	both = xasprintf("%s%s%s", *all ? *all : "", *all ? " " : "", more);
	free(*all);
	*all = both;
}

static void take(const struct entry *e, struct workarounds *w)
{
	strv_add(&w->names, e->name);
	append(&w->cc, e->cc);
	append(&w->ld, e->ld);
	append(&w->kcflags, e->kcflags);
	append(&w->hostcflags, e->hostcflags);
	if (e->make)
		strv_split(&w->make, e->make, BLANKS);
	w->unknown_noted |= e->unknown != NULL;
	if (e->patch) {
		_cleanup_free_ char *rel = xasprintf("kernels/%s", e->patch);
		_cleanup_free_ char *path = paths_data(rel);

		strv_add(&w->patches, path);
	}
}

int workarounds_load(const char *path, const char *series, const char *compiler,
		     struct workarounds *w, struct err *err)
{
	_cleanup_(table_free) struct table t = {0};
	int ret = ini_load(path, on_line, &t, err);

	*w = (struct workarounds){.unknown_noted = !series};
	for (size_t i = 0; !ret && i < t.n; i++) {
		const struct entry *e = &t.v[i];

		ret = check(e, err);
		if (ret < 0)
			err_context(err, "%s", path);
		else if (series_within(series, e->series) &&
			 (!e->compiler || major_version(compiler) >= atoi(e->compiler)))
			take(e, w);
	}
	return ret;
}
