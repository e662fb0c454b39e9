// SPDX-License-Identifier: GPL-2.0-or-later
#include "mechanism.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "ini_util.h"
#include "json_util.h"
#include "xalloc.h"

#define SEALS "{seals}"

void mechanisms_free(struct mechanisms *ms)
{
	for (size_t i = 0; i < ms->n; i++) {
		struct mechanism *m = &ms->v[i];
		char *own[] = {m->id, m->finding, m->text, m->fix, m->fixed_in, m->since};

		for (size_t k = 0; k < sizeof(own) / sizeof(*own); k++)
			free(own[k]);
	}
	free(ms->v);
	*ms = (struct mechanisms){0};
}

static int on_line(void *arg, const char *section, const char *key, const char *value,
		   struct err *err)
{
	struct mechanisms *ms = arg;

	if (!key) {
		ms->v = xreallocarray(ms->v, ms->n + 1, sizeof(*ms->v));
		ms->v[ms->n++] = (struct mechanism){.id = xstrdup(section)};
		return 0;
	}
	struct mechanism *m = &ms->v[ms->n - 1];
	const struct {
		const char *key;
		char **field;
	} fields[] = {{"finding", &m->finding},
		      {"text", &m->text},
		      {"fix", &m->fix},
		      {"fixed-in", &m->fixed_in},
		      {"since", &m->since}};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (strcmp(fields[i].key, key))
			continue;
		if (*fields[i].field)
			return err_set(err, ERR_USER, 0, "%s is given twice", key);
		*fields[i].field = xstrdup(value);
		return 0;
	}
	return err_set(err, ERR_USER, 0, "[%s] has no key '%s'", section, key);
}

int mechanisms_load(const char *path, struct mechanisms *ms, struct err *err)
{
	int ret = ini_load(path, on_line, ms, err);

	for (size_t i = 0; !ret && i < ms->n; i++)
		if (!ms->v[i].finding || !ms->v[i].text)
			ret = err_set(err, ERR_USER, 0, "%s: [%s] needs finding and text", path,
				      ms->v[i].id);
	if (ret < 0)
		mechanisms_free(ms);
	return ret;
}

const struct mechanism *mechanism_match(const struct mechanisms *ms, const json_t *record,
					const char **finding)
{
	json_t *f;
	size_t i;

	for (size_t k = 0; k < ms->n; k++)
		json_array_foreach (json_object_get(record, "findings"), i, f) {
			*finding = jstr(f, "text", "");
			if (fnmatch(ms->v[k].finding, *finding, 0) == 0)
				return &ms->v[k];
		}
	return NULL;
}

char *mechanism_text(const struct mechanism *m, const json_t *record)
{
	const json_t *seals = json_object_get(json_object_get(record, "observed"), "seals");
	const char *at = strstr(m->text, SEALS);
	_cleanup_free_ char *mask =
		json_is_integer(seals)
			? xasprintf("%#llx", (long long)json_integer_value(seals))
			: xstrdup(jstr(json_object_get(record, "params"), "seals", "?"));

	return at ? xasprintf("%.*s%s%s", (int)(at - m->text), m->text, mask, at + strlen(SEALS))
		  : xstrdup(m->text);
}
