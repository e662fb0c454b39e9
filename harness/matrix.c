// SPDX-License-Identifier: GPL-2.0-or-later
#include "matrix.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "ini_util.h"
#include "matrix_internal.h"
#include "near.h"
#include "paths.h"
#include "series.h"
#include "settings.h"

static void spec_free(struct kernel_spec *s)
{
	free(s->name);
	free(s->provider);
	free(s->arch);
	free(s->series);
	strv_free(&s->tags);
	strv_free(&s->keys);
	strv_free(&s->values);
	free(s->word);
}

void matrix_free(struct matrix *m)
{
	for (size_t i = 0; i < m->n; i++)
		spec_free(&m->v[i]);
	free(m->v);
	*m = (struct matrix){0};
}

const char *spec_get(const struct kernel_spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->keys.n; i++)
		if (!strcmp(spec->keys.v[i], key))
			return spec->values.v[i];
	return NULL;
}

struct kernel_spec *matrix_find(const struct matrix *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->v[i].name, name))
			return &m->v[i];
	return NULL;
}

struct kernel_spec *matrix_add(struct matrix *m, const char *name)
{
	m->v = xreallocarray(m->v, m->n + 1, sizeof(*m->v));
	m->v[m->n] = (struct kernel_spec){.name = xstrdup(name)};
	return &m->v[m->n++];
}

static int set_once(char **field, const char *key, const char *value, struct err *err)
{
	if (*field)
		return err_set(err, ERR_USER, 0, "%s is given twice", key);
	*field = xstrdup(value);
	return 0;
}

/* A name becomes a folder of results. */
static bool valid_name(const char *name)
{
	return *name && *name != '.' && !strpbrk(name, NOT_IN_NAMES);
}

/* All that providers ask for: a mistyped key would otherwise just have no effect. */
static int check_key(const char *key, struct err *err)
{
	static const char *const known[] = {"provider", "arch",	   "series",  "tags",
					    "suites",	"package", "version", "image",
					    "modules",	"config",  "patches", "release",
					    "tarball",	"tree",	   "dsc",     "fixed"};
	_cleanup_strv_ struct strv names = {0};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (!strcmp(key, known[i]))
			return 0;
		strv_add(&names, known[i]);
	}
	_cleanup_free_ char *near = near_matches(key, &names);

	return err_set(err, ERR_USER, 0, "no key is called '%s'%s%s%s", key,
		       near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

static int on_line(void *arg, const char *section, const char *key, const char *value,
		   struct err *err)
{
	struct matrix *m = arg;
	struct kernel_spec *s = m->n ? &m->v[m->n - 1] : NULL;

	if (!key) {
		if (!valid_name(section))
			return err_set(err, ERR_USER, 0, "'%s' cannot be a kernel's name", section);
		if (matrix_find(m, section))
			return err_set(err, ERR_USER, 0, "kernel %s is listed twice", section);
		matrix_add(m, section);
		return 0;
	}
	int ret = check_key(key, err);

	if (ret < 0)
		return ret;
	if (!strcmp(key, "provider"))
		return set_once(&s->provider, key, value, err);
	if (!strcmp(key, "arch"))
		return set_once(&s->arch, key, value, err);
	if (!strcmp(key, "series"))
		return set_once(&s->series, key, value, err);
	if (!strcmp(key, "tags")) {
		strv_split(&s->tags, value, " \t\n");
		return 0;
	}
	if (spec_get(s, key))
		return err_set(err, ERR_USER, 0, "%s is given twice", key);
	strv_add(&s->keys, key);
	strv_add(&s->values, value);
	return 0;
}

int matrix_rename(const struct matrix *m, struct kernel_spec *spec, const char *name,
		  struct err *err)
{
	if (!valid_name(name))
		return err_set(err, ERR_USER, 0, "'%s' cannot be a kernel's name", name);
	if (strcmp(name, spec->name) && matrix_find(m, name))
		return err_set(err, ERR_USER, 0, "there is a kernel %s already", name);
	free(spec->name);
	spec->name = xstrdup(name);
	return 0;
}

static int check_spec(const struct kernel_spec *s, struct err *err)
{
	if (!s->provider || !s->arch)
		return err_set(err, ERR_USER, 0, "kernel %s needs a provider and an arch", s->name);
	if (s->series && series_number(s->series) < 0)
		return err_set(err, ERR_USER, 0, "kernel %s: '%s' is no series such as 6.1",
			       s->name, s->series);
	return 0;
}

int matrix_load(const char *path, struct matrix *m, struct err *err)
{
	size_t before = m->n;
	int ret = ini_load(path, on_line, m, err);

	if (ret < 0)
		return ret;
	for (size_t i = before; !ret && i < m->n; i++)
		ret = check_spec(&m->v[i], err);
	if (!ret && m->n == before)
		ret = err_set(err, ERR_USER, 0, "it lists no kernel");
	if (ret < 0)
		err_context(err, "%s", path);
	return ret;
}

int matrix_open(struct matrix *m, struct err *err)
{
	_cleanup_free_ char *shipped = paths_data("kernels/matrix.conf");
	_cleanup_free_ char *own = settings_path("matrix.conf");
	int ret = matrix_load(shipped, m, err);

	if (!ret && own && access(own, F_OK) == 0)
		ret = matrix_load(own, m, err);
	return ret;
}

/* What one word of the command line stands for. */
struct word {
	const char *text;
	bool range;
	struct series_range series; /* if it is a range */
};

static struct word parse_word(const char *text)
{
	struct word w = {.text = text};

	w.range = series_range(text, &w.series);
	return w;
}

static bool means(const struct word *w, const struct kernel_spec *s)
{
	long n = series_number(s->series);

	if (w->range)
		return n >= 0 && n >= w->series.from && n <= w->series.to;
	return strv_contains(&s->tags, w->text) || (s->series && !strcmp(s->series, w->text));
}

/* A kernel with exactly this name keeps others of its series out: "6.1" is one kernel. */
static size_t mark(const struct matrix *m, const struct word *w, bool *chosen)
{
	size_t hits = 0;
	const struct kernel_spec *exact = matrix_find(m, w->text);

	if (exact) {
		chosen[exact - m->v] = true;
		return 1;
	}
	for (size_t i = 0; i < m->n; i++) {
		if (!means(w, &m->v[i]))
			continue;
		chosen[i] = true;
		hits++;
	}
	return hits;
}

static int bad_range(const struct word *w, struct err *err)
{
	if (w->series.from < 0 || w->series.to < 0)
		return err_set(err, ERR_USER, 0, "'%s' is no range; one looks like 5.10..6.1",
			       w->text);
	if (w->series.from > w->series.to)
		return err_set(err, ERR_USER, 0, "'%s' is empty: the older series comes first",
			       w->text);
	return err_set(err, ERR_USER, 0,
		       "no kernel of the matrix is of a series in %s; see `kernels list`", w->text);
}

static int unknown(const struct matrix *m, const char *word, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};

	for (size_t i = 0; i < m->n; i++) {
		strv_add(&names, m->v[i].name);
		for (size_t j = 0; j < m->v[i].tags.n; j++)
			if (!strv_contains(&names, m->v[i].tags.v[j]))
				strv_add(&names, m->v[i].tags.v[j]);
	}
	_cleanup_free_ char *near = near_matches(word, &names);

	return err_set(
		err, ERR_USER, 0,
		"no kernel is called '%s'%s%s%s; see `kernels list`, or name an image by a path "
		"with a /",
		word, near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

int matrix_select(struct matrix *m, char *const *words, size_t nwords, size_t **sel, size_t *nsel,
		  struct err *err)
{
	static char *const fallback[] = {(char *)"default"};

	if (!nwords) {
		words = fallback;
		nwords = 1;
	}
	_cleanup_free_ bool *chosen = xcalloc(m->n + nwords, sizeof(*chosen));

	for (size_t i = 0; i < nwords; i++) {
		struct word w = parse_word(words[i]);

		if (strchr(words[i], '/'))
			chosen[matrix_add_path(m, words[i])] = true;
		else if (mark(m, &w, chosen))
			continue;
		else if (w.range)
			return bad_range(&w, err);
		else if (!strchr(words[i], FAULT_SIGN))
			return unknown(m, words[i], err);
		else if (matrix_add_fault(m, words[i], err) < 0)
			return -EINVAL;
		else
			chosen[m->n - 1] = true;
	}
	*sel = xcalloc(m->n, sizeof(**sel));
	*nsel = 0;
	for (size_t i = 0; i < m->n; i++)
		if (chosen[i])
			(*sel)[(*nsel)++] = i;
	return 0;
}
