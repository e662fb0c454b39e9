// SPDX-License-Identifier: GPL-2.0-or-later
#include "mutants.h"

#include <string.h>

#include "cleanup.h"
#include "ini_util.h"
#include "near.h"
#include "paths.h"
#include "series.h"

#define BLANKS " \t\n"

static void mutant_free(struct mutant *m)
{
	free(m->name);
	free(m->text);
	free(m->ref);
	strv_free(&m->patches);
	for (size_t i = 0; i < m->nmust; i++) {
		free(m->must[i].variant);
		free(m->must[i].assertion);
		free(m->must[i].text);
	}
	free(m->must);
	strv_free(&m->also);
}

void mutants_free(struct mutants *m)
{
	for (size_t i = 0; i < m->n; i++)
		mutant_free(&m->v[i]);
	free(m->v);
	*m = (struct mutants){0};
}

static int set_once(char **field, const char *key, const char *value, struct err *err)
{
	if (*field)
		return err_set(err, ERR_USER, 0, "%s is given twice", key);
	*field = xstrdup(value);
	return 0;
}

/* The next word of *s, which then points behind it and its blanks. NULL at the end. */
static char *take_word(const char **s)
{
	*s += strspn(*s, BLANKS);
	size_t len = strcspn(*s, BLANKS);
	char *word = len ? xstrndup(*s, len) : NULL;

	*s += len;
	*s += strspn(*s, BLANKS);
	return word;
}

/* "seal/0x4 seal-grow grow with*". */
static int add_detector(struct mutant *m, const char *s, struct err *err)
{
	const char *rest = s;
	struct detector d = {.variant = take_word(&rest), .assertion = take_word(&rest)};

	m->must = xreallocarray(m->must, m->nmust + 1, sizeof(*m->must));
	if (*rest)
		d.text = xstrdup(rest);
	m->must[m->nmust++] = d;
	if (d.assertion && strchr(d.variant, '/'))
		return 0;
	return err_set(err, ERR_USER, 0, "caught-by takes CASE/VARIANT ASSERTION [TEXT], not '%s'",
		       s);
}

static int add_detectors(struct mutant *m, const char *value, struct err *err)
{
	_cleanup_strv_ struct strv each = {0};
	int ret = 0;

	strv_split(&each, value, ",");
	for (size_t i = 0; !ret && i < each.n; i++)
		ret = add_detector(m, each.v[i], err);
	return ret;
}

static int on_line(void *arg, const char *section, const char *key, const char *value,
		   struct err *err)
{
	struct mutants *all = arg;

	if (!key) {
		all->v = xreallocarray(all->v, all->n + 1, sizeof(*all->v));
		all->v[all->n++] = (struct mutant){.name = xstrdup(section)};
		return 0;
	}
	struct mutant *m = &all->v[all->n - 1];

	if (!strcmp(key, "text"))
		return set_once(&m->text, key, value, err);
	if (!strcmp(key, "ref"))
		return set_once(&m->ref, key, value, err);
	if (!strcmp(key, "caught-by"))
		return add_detectors(m, value, err);
	if (!strcmp(key, "patches"))
		strv_split(&m->patches, value, BLANKS);
	else if (!strcmp(key, "also"))
		strv_split(&m->also, value, BLANKS);
	else
		return err_set(err, ERR_USER, 0, "unknown key '%s'", key);
	return 0;
}

static int check(const struct mutant *m, struct err *err)
{
	if (!m->text || !m->ref || !m->patches.n || !m->nmust)
		return err_set(err, ERR_USER, 0, "[%s] needs text, ref, patches and caught-by",
			       m->name);
	for (size_t i = 0; i < m->patches.n; i++) {
		const char *colon = strchr(m->patches.v[i], ':');
		_cleanup_free_ char *range =
			colon ? xstrndup(m->patches.v[i], colon - m->patches.v[i]) : xstrdup("");
		struct series_range r;

		if (!series_range(range, &r) || r.from < 0 || r.from > r.to || !colon[1])
			return err_set(
				err, ERR_USER, 0,
				"[%s]: patches takes RANGE:FILE, as in 5.10..6.1:patches/a.patch, "
				"not '%s'",
				m->name, m->patches.v[i]);
	}
	return 0;
}

int mutants_load(const char *path, struct mutants *m, struct err *err)
{
	*m = (struct mutants){0};
	int ret = ini_load(path, on_line, m, err);

	if (ret < 0)
		return ret;
	for (size_t i = 0; !ret && i < m->n; i++)
		ret = check(&m->v[i], err);
	if (ret < 0)
		err_context(err, "%s", path);
	return ret;
}

int mutants_open(struct mutants *m, struct err *err)
{
	_cleanup_free_ char *path = paths_data("kernels/mutants.conf");

	return mutants_load(path, m, err);
}

int mutants_find(const struct mutants *m, const char *name, const struct mutant **out,
		 struct err *err)
{
	_cleanup_strv_ struct strv names = {0};

	for (size_t i = 0; i < m->n; i++) {
		*out = &m->v[i];
		if (!strcmp(m->v[i].name, name))
			return 0;
		strv_add(&names, m->v[i].name);
	}
	_cleanup_free_ char *near = near_matches(name, &names);

	return err_set(err, ERR_USER, 0, "no fault is called '%s'%s%s%s; see `mutants --list`",
		       name, near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

const char *mutant_patch(const struct mutant *m, const char *series)
{
	for (size_t i = 0; i < m->patches.n; i++) {
		const char *colon = strchr(m->patches.v[i], ':');
		_cleanup_free_ char *range = xstrndup(m->patches.v[i], colon - m->patches.v[i]);

		if (series_within(series, range))
			return colon + 1;
	}
	return NULL;
}
