// SPDX-License-Identifier: GPL-2.0-or-later
#include "cases.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ini_util.h"
#include "json_util.h"

#define VARIANTS_MAX 4096 /* of one section; more is a slip of the pen */

struct axis {
	char *name;
	struct strv values;
};

/* One section as it was read. */
struct section {
	char *case_name; /* or "defaults" */
	char *group;	 /* or the kind */
	char *kind, *doc, *name;
	struct strv suites;
	enum control control;
	struct axis *axes;
	size_t naxes;
};

struct table {
	struct section *v;
	size_t n;
};

static const char *const controls[] = {
	[CONTROL_NONE] = "none",
	[CONTROL_CLEAN] = "clean",
	[CONTROL_CAUGHT_ERROR] = "caught-error",
	[CONTROL_CAUGHT_HANG] = "caught-hang",
};

#define NCONTROLS (sizeof(controls) / sizeof(*controls))

const char *control_name(enum control c)
{
	return controls[c];
}

static void table_free(struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct section *s = &t->v[i];

		free(s->case_name);
		free(s->group);
		free(s->kind);
		free(s->doc);
		free(s->name);
		strv_free(&s->suites);
		for (size_t k = 0; k < s->naxes; k++) {
			free(s->axes[k].name);
			strv_free(&s->axes[k].values);
		}
		free(s->axes);
	}
	free(t->v);
}

void variants_free(struct variants *vs)
{
	for (size_t i = 0; i < vs->n; i++) {
		free(vs->v[i].case_name);
		free(vs->v[i].name);
		free(vs->v[i].kind);
		free(vs->v[i].doc);
		free(vs->v[i].asked);
		json_decref(vs->v[i].params);
		strv_free(&vs->v[i].suites);
	}
	free(vs->v);
	*vs = (struct variants){0};
}

/* --- reading ---------------------------------------------------------------------------------- */

static int begin_section(struct table *t, const char *title, struct err *err)
{
	_cleanup_strv_ struct strv words = {0};

	strv_split(&words, title, " ");
	if (words.n != 2)
		return err_set(err, ERR_USER, 0,
			       "[%s]: a section is [CASE GROUP] or [defaults KIND]", title);
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->v[i].case_name, words.v[0]) && !strcmp(t->v[i].group, words.v[1]))
			return err_set(err, ERR_USER, 0, "[%s] is there twice", title);
	t->v = xreallocarray(t->v, t->n + 1, sizeof(*t->v));
	t->v[t->n++] =
		(struct section){.case_name = xstrdup(words.v[0]), .group = xstrdup(words.v[1])};
	return 0;
}

static int add_value(struct axis *a, const char *value, struct err *err)
{
	unsigned from, to;
	int end = 0;

	if (sscanf(value, "%x..%x%n", &from, &to, &end) != 2 || value[end]) {
		strv_add(&a->values, value);
		return 0;
	}
	if (from > to || to - from >= VARIANTS_MAX)
		return err_set(err, ERR_USER, 0, "'%s' is no range", value);
	for (unsigned i = from; i <= to; i++)
		strv_addf(&a->values, "0x%x", i);
	return 0;
}

static int add_axis(struct section *s, const char *key, const char *value, struct err *err)
{
	_cleanup_strv_ struct strv words = {0};
	int ret = 0;

	for (size_t i = 0; i < s->naxes; i++)
		if (!strcmp(s->axes[i].name, key))
			return err_set(err, ERR_USER, 0, "%s is given twice", key);
	s->axes = xreallocarray(s->axes, s->naxes + 1, sizeof(*s->axes));
	struct axis *a = &s->axes[s->naxes++];

	*a = (struct axis){.name = xstrdup(key)};
	strv_split(&words, value, " \t\n");
	for (size_t i = 0; !ret && i < words.n; i++)
		ret = add_value(a, words.v[i], err);
	if (!ret && !a->values.n)
		ret = err_set(err, ERR_USER, 0, "%s has no value", key);
	return ret;
}

static int set_control(struct section *s, const char *value, struct err *err)
{
	for (size_t i = 0; i < NCONTROLS; i++) {
		if (strcmp(controls[i], value))
			continue;
		s->control = i;
		return 0;
	}
	return err_set(err, ERR_USER, 0, "control is clean, caught-error or caught-hang, not '%s'",
		       value);
}

static int set_text(char **field, const char *key, const char *value, struct err *err)
{
	if (*field)
		return err_set(err, ERR_USER, 0, "%s is given twice", key);
	*field = xstrdup(value);
	return 0;
}

static int on_line(void *arg, const char *title, const char *key, const char *value,
		   struct err *err)
{
	struct table *t = arg;

	if (!key)
		return begin_section(t, title, err);
	struct section *s = &t->v[t->n - 1];

	if (!strcmp(key, "kind"))
		return set_text(&s->kind, key, value, err);
	if (!strcmp(key, "doc"))
		return set_text(&s->doc, key, value, err);
	if (!strcmp(key, "name"))
		return set_text(&s->name, key, value, err);
	if (!strcmp(key, "control"))
		return set_control(s, value, err);
	if (!strcmp(key, "suites")) {
		strv_split(&s->suites, value, " \t\n");
		return 0;
	}
	return add_axis(s, key, value, err);
}

/* --- expanding -------------------------------------------------------------------------------- */

static bool is_defaults(const struct section *s)
{
	return !strcmp(s->case_name, "defaults");
}

static const struct section *defaults_of(const struct table *t, const char *kind)
{
	for (size_t i = 0; i < t->n; i++)
		if (is_defaults(&t->v[i]) && !strcmp(t->v[i].group, kind))
			return &t->v[i];
	return NULL;
}

/* "memfd-{seals}" with the values put in. Caller frees; NULL for an unknown axis. */
static char *fill_name(const char *template, const json_t *params)
{
	char *out = xstrdup("");

	while (*template) {
		size_t plain = strcspn(template, "{");
		size_t axis = strcspn(template + plain, "}");
		char *more;

		if (!template[plain]) {
			more = xasprintf("%s%s", out, template);
			template += plain;
		} else {
			_cleanup_free_ char *key = xstrndup(template + plain + 1, axis - 1);
			const char *value = jstr(params, key, NULL);

			if (!value || !template[plain + axis]) {
				free(out);
				return NULL;
			}
			more = xasprintf("%s%.*s%s", out, (int)plain, template, value);
			template += plain + axis + 1;
		}
		free(out);
		out = more;
	}
	return out;
}

/* The same variant from two sections is one variant in more suites, if it really is the same. */
static int merge(struct variant *old, const struct section *s, const json_t *params,
		 struct err *err)
{
	if (!json_equal(old->params, params) || strcmp(old->kind, s->kind))
		return err_set(err, ERR_USER, 0, "two different variants are called %s/%s",
			       old->case_name, old->name);
	for (size_t i = 0; i < s->suites.n; i++)
		if (!strv_contains(&old->suites, s->suites.v[i]))
			strv_add(&old->suites, s->suites.v[i]);
	return 0;
}

static int add_variant(struct variants *vs, const struct section *s, json_t *params,
		       struct err *err)
{
	_cleanup_free_ char *name = fill_name(s->name, params);

	if (!name)
		return err_set(err, ERR_USER, 0, "[%s %s]: the name %s speaks of an unknown axis",
			       s->case_name, s->group, s->name);
	for (size_t i = 0; i < vs->n; i++)
		if (!strcmp(vs->v[i].case_name, s->case_name) && !strcmp(vs->v[i].name, name))
			return merge(&vs->v[i], s, params, err);
	vs->v = xreallocarray(vs->v, vs->n + 1, sizeof(*vs->v));
	struct variant *v = &vs->v[vs->n++];

	*v = (struct variant){.case_name = xstrdup(s->case_name),
			      .name = steal_ptr(name),
			      .kind = xstrdup(s->kind),
			      .doc = xstrdup(s->doc),
			      .params = json_incref(params),
			      .control = s->control};
	for (size_t i = 0; i < s->suites.n; i++)
		strv_add(&v->suites, s->suites.v[i]);
	return 0;
}

/* Every element of the product of @s's axes, the last axis fastest. */
static int expand(struct variants *vs, const struct section *s, json_t *params, size_t axis,
		  struct err *err)
{
	int ret = 0;

	if (axis == s->naxes)
		return add_variant(vs, s, params, err);
	for (size_t i = 0; !ret && i < s->axes[axis].values.n; i++) {
		_cleanup_json_ json_t *copy = json_copy(params);

		json_object_set_new(copy, s->axes[axis].name,
				    json_string(s->axes[axis].values.v[i]));
		ret = expand(vs, s, copy, axis + 1, err);
	}
	return ret;
}

static int expand_section(struct variants *vs, const struct table *t, const struct section *s,
			  struct err *err)
{
	const struct section *d = s->kind ? defaults_of(t, s->kind) : NULL;
	_cleanup_json_ json_t *params = json_object();

	if (!d)
		return err_set(err, ERR_USER, 0, "[%s %s] needs a kind that has defaults",
			       s->case_name, s->group);
	if (!s->doc || !s->name || !s->suites.n)
		return err_set(err, ERR_USER, 0, "[%s %s] needs doc, name and suites", s->case_name,
			       s->group);
	for (size_t i = 0; i < d->naxes; i++)
		json_object_set_new(params, d->axes[i].name, json_string(d->axes[i].values.v[0]));
	for (size_t i = 0; i < s->naxes; i++)
		if (!json_object_get(params, s->axes[i].name))
			return err_set(err, ERR_USER, 0, "[%s %s]: kind %s has no axis '%s'",
				       s->case_name, s->group, s->kind, s->axes[i].name);
	return expand(vs, s, params, 0, err);
}

int cases_load(const char *path, struct variants *out, struct err *err)
{
	_cleanup_(table_free) struct table t = {0};
	int ret = ini_load(path, on_line, &t, err);

	*out = (struct variants){0};
	for (size_t i = 0; !ret && i < t.n; i++) {
		if (is_defaults(&t.v[i]))
			continue;
		ret = expand_section(out, &t, &t.v[i], err);
		if (ret < 0)
			err_context(err, "%s", path);
	}
	return ret;
}
