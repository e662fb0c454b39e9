// SPDX-License-Identifier: GPL-2.0-or-later
#include "matrix.h"

#include <errno.h>
#include <stdbool.h>
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

#define NOT_IN_NAMES "/ \t*?[]"

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
					    "modules",	"config",  "patches", "release"};
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
		if (find(m, section))
			return err_set(err, ERR_USER, 0, "kernel %s is listed twice", section);
		add_spec(m, section);
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

/* "6.1" as one number that sorts; -1 when it is no series. */
static long series_number(const char *s)
{
	unsigned major, minor;
	int end = 0;

	if (!s || sscanf(s, "%u.%u%n", &major, &minor, &end) != 2 || s[end])
		return -1;
	return major * 1000L + minor;
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
	*m = (struct matrix){0};
	int ret = ini_load(path, on_line, m, err);

	if (ret < 0)
		return ret;
	for (size_t i = 0; !ret && i < m->n; i++)
		ret = check_spec(&m->v[i], err);
	if (!ret && !m->n)
		ret = err_set(err, ERR_USER, 0, "it lists no kernel");
	if (ret < 0)
		err_context(err, "%s", path);
	return ret;
}

/* What one word of the command line stands for. */
struct word {
	const char *text;
	bool range;
	long from, to; /* series, if it is a range */
};

static struct word parse_word(const char *text)
{
	struct word w = {.text = text};
	const char *dots = strstr(text, "..");

	if (dots) {
		_cleanup_free_ char *from = xstrndup(text, dots - text);

		w.range = true;
		w.from = series_number(from);
		w.to = series_number(dots + 2);
	}
	return w;
}

static bool means(const struct word *w, const struct kernel_spec *s)
{
	long n = series_number(s->series);

	if (w->range)
		return n >= 0 && n >= w->from && n <= w->to;
	return strv_contains(&s->tags, w->text) || (s->series && !strcmp(s->series, w->text));
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

static int bad_range(const struct word *w, struct err *err)
{
	if (w->from < 0 || w->to < 0)
		return err_set(err, ERR_USER, 0, "'%s' is no range; one looks like 5.10..6.1",
			       w->text);
	if (w->from > w->to)
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

/* The kernel that an earlier word made of this path, or NULL. */
static struct kernel_spec *find_path(const struct matrix *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++) {
		const char *image = spec_get(&m->v[i], "image");

		if (!strcmp(m->v[i].provider, "file") && image && !strcmp(image, path))
			return &m->v[i];
	}
	return NULL;
}

/* A name that names a folder, of the last part of @path. Caller frees. */
static char *name_of_path(const char *path)
{
	_cleanup_free_ char *copy = xstrdup(path);
	size_t n = strlen(copy);

	while (n && copy[n - 1] == '/')
		copy[--n] = '\0';
	const char *slash = strrchr(copy, '/');
	char *name = xstrdup(slash ? slash + 1 : copy);

	for (char *c = name; *c; c++)
		if (strchr(NOT_IN_NAMES, *c) || (c == name && *c == '.'))
			*c = '_';
	if (*name)
		return name;
	free(name);
	return xstrdup("kernel");
}

/* An image file joins the matrix under its own name; the same path twice is one kernel. */
static size_t add_path(struct matrix *m, const char *path)
{
	const struct kernel_spec *known = find_path(m, path);
	_cleanup_free_ char *base = name_of_path(path), *name = xstrdup(base);

	if (known)
		return known - m->v;
	for (unsigned i = 2; find(m, name); i++) {
		free(name);
		name = xasprintf("%s-%u", base, i);
	}
	struct kernel_spec *s = add_spec(m, name);

	s->provider = xstrdup("file");
	s->arch = xstrdup("x86_64");
	strv_add(&s->keys, "image");
	strv_add(&s->values, path);
	return m->n - 1;
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
			chosen[add_path(m, words[i])] = true;
		else if (!mark(m, &w, chosen))
			return w.range ? bad_range(&w, err) : unknown(m, words[i], err);
	}
	*sel = xcalloc(m->n, sizeof(**sel));
	*nsel = 0;
	for (size_t i = 0; i < m->n; i++)
		if (chosen[i])
			(*sel)[(*nsel)++] = i;
	return 0;
}
