// SPDX-License-Identifier: GPL-2.0-or-later
#include "matrix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ini_util.h"
#include "near.h"

static void spec_free(struct kernel_spec *s)
{
	free(s->name);
	free(s->provider);
	free(s->arch);
	free(s->series);
	strv_free(&s->tags);
	strv_free(&s->keys);
	strv_free(&s->values);
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

static struct kernel_spec *find(const struct matrix *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->v[i].name, name))
			return &m->v[i];
	return NULL;
}

static struct kernel_spec *add_spec(struct matrix *m, const char *name)
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
	return *name && *name != '.' && !strpbrk(name, "/ \t*?[]");
}

static int on_line(void *arg, const char *section, const char *key, const char *value,
		   struct err *err)
{
	struct matrix *m = arg;
	struct kernel_spec *s = m->n ? &m->v[m->n - 1] : NULL;

	if (!key) {
		if (!valid_name(section))
			return err_set(err, ERR_USER, 0, "'%s' cannot be a kernel's name", section);
		if (find(m, section))
			return err_set(err, ERR_USER, 0, "kernel %s is listed twice", section);
		add_spec(m, section);
		return 0;
	}
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

int matrix_load(const char *path, struct matrix *m, struct err *err)
{
	*m = (struct matrix){0};
	int ret = ini_load(path, on_line, m, err);

	for (size_t i = 0; !ret && i < m->n; i++) {
		if (!m->v[i].provider || !m->v[i].arch)
			ret = err_set(err, ERR_USER, 0,
				      "%s: kernel %s needs a provider and an arch", path,
				      m->v[i].name);
	}
	if (!ret && !m->n)
		ret = err_set(err, ERR_USER, 0, "%s lists no kernel", path);
	return ret;
}

/* "6.1" as one number that sorts; -1 when it is no series. */
static long series_number(const char *s)
{
	unsigned major, minor;
	int end = 0;

	if (!s || sscanf(s, "%u.%u%n", &major, &minor, &end) != 2 || s[end])
		return -1;
	return major * 1000L + minor;
}

/* What one word of the command line stands for. */
struct word {
	const char *text;
	long from, to; /* a range of series, or -1 */
};

static struct word parse_word(const char *text)
{
	struct word w = {.text = text, .from = -1, .to = -1};
	const char *dots = strstr(text, "..");

	if (dots) {
		_cleanup_free_ char *from = xstrndup(text, dots - text);

		w.from = series_number(from);
		w.to = series_number(dots + 2);
	}
	return w;
}

static bool means(const struct word *w, const struct kernel_spec *s)
{
	long n = series_number(s->series);

	if (!strcmp(s->name, w->text) || strv_contains(&s->tags, w->text))
		return true;
	if (w->from >= 0 && w->to >= 0)
		return n >= w->from && n <= w->to;
	return s->series && !strcmp(s->series, w->text);
}

/* A kernel with exactly this name keeps others of its series out: "6.1" is one kernel. */
static size_t mark(const struct matrix *m, const struct word *w, bool *chosen)
{
	size_t hits = 0;
	const struct kernel_spec *exact = find(m, w->text);

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

/* An image file joins the matrix under its own name. */
static void add_path(struct matrix *m, const char *path)
{
	const char *base = strrchr(path, '/') + 1;
	_cleanup_free_ char *name = xstrdup(*base ? base : "kernel");

	for (char *c = name; *c; c++)
		if (strchr(" \t*?[]", *c))
			*c = '_';
	for (unsigned i = 2; find(m, name); i++) {
		free(name);
		name = xasprintf("%s-%u", base, i);
	}
	struct kernel_spec *s = add_spec(m, name);

	s->provider = xstrdup("file");
	s->arch = xstrdup("x86_64");
	strv_add(&s->keys, "image");
	strv_add(&s->values, path);
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

		if (strchr(words[i], '/')) {
			add_path(m, words[i]);
			chosen[m->n - 1] = true;
		} else if (!mark(m, &w, chosen)) {
			return unknown(m, words[i], err);
		}
	}
	*sel = xcalloc(m->n, sizeof(**sel));
	*nsel = 0;
	for (size_t i = 0; i < m->n; i++)
		if (chosen[i])
			(*sel)[(*nsel)++] = i;
	return 0;
}
