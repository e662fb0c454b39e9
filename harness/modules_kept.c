// SPDX-License-Identifier: GPL-2.0-or-later
#include "modules_kept.h"

#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "hash.h"
#include "json_util.h"
#include "publish.h"

#define KIND   "closure"
#define FORMAT "closure 1" /* to be changed with what is kept, or how it is found out */

/*
 * Where it is kept; NULL for modules that anybody may change under us. An entry of the cache is
 * named by its content.
 */
static char *kept_path(const struct kernel *k, const struct strv *wanted)
{
	char key[SHA256_HEX];

	if (!k->entry || !k->modules || !k->release ||
	    strncmp(k->modules, k->entry, strlen(k->entry)))
		return NULL;
	struct hash_key *h = hash_key_new();

	hash_key_add(h, FORMAT);
	hash_key_add(h, k->modules);
	hash_key_add(h, k->release);
	for (size_t i = 0; i < wanted->n; i++)
		hash_key_add(h, wanted->v[i]);
	hash_key_end(h, key);
	return cache_path(KIND, key);
}

static bool take_list(const json_t *o, const char *name, struct strv *out)
{
	const json_t *list = json_object_get(o, name), *v;
	size_t i;

	if (!json_is_array(list))
		return false;
	json_array_foreach (list, i, v) {
		if (!json_is_string(v))
			return false;
		strv_add(out, json_string_value(v));
	}
	return true;
}

/* Is it whole, and are the files still there? Else it is found out again. */
static bool load(const char *path, struct module_set *out)
{
	_cleanup_json_ json_t *o = json_load_file(path, 0, NULL);
	bool good = take_list(o, "files", &out->files) && take_list(o, "names", &out->names) &&
		    take_list(o, "builtin", &out->builtin) &&
		    take_list(o, "missing", &out->missing) && out->files.n == out->names.n;

	for (size_t i = 0; good && i < out->files.n; i++)
		good = access(out->files.v[i], R_OK) == 0;
	if (!good)
		module_set_free(out);
	return good;
}

static json_t *as_list(const struct strv *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n; i++)
		json_array_append_new(list, json_string(v->v[i]));
	return list;
}

/* If it cannot be kept, it is found out again the next time. */
static void keep(const char *path, const struct module_set *s)
{
	_cleanup_json_ json_t *o = json_pack("{s:o, s:o, s:o, s:o}", "files", as_list(&s->files),
					     "names", as_list(&s->names), "builtin",
					     as_list(&s->builtin), "missing", as_list(&s->missing));
	_cleanup_free_ char *text = json_dumps(o, JSON_INDENT(1));
	struct err ignored = ERR_INIT;

	if (text)
		publish_buffer(path, text, strlen(text), &ignored);
}

/* What is about to be loaded is what was cached, to the last byte. Others' modules are theirs. */
static int verify(const struct kernel *k, const struct module_set *s, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && k->entry && i < s->files.n; i++) {
		_cleanup_free_ char *rel = path_below(k->entry, s->files.v[i]);

		if (rel)
			ret = cache_check(k->entry, rel, err);
	}
	return ret;
}

int modules_of(const struct kernel *k, const struct strv *wanted, struct module_set *out,
	       struct err *err)
{
	_cleanup_free_ char *path = kept_path(k, wanted);

	*out = (struct module_set){0};
	if (path && load(path, out))
		return verify(k, out, err);
	int ret = modules_closure(k->modules, k->release, wanted, out, err);

	if (!ret)
		ret = verify(k, out, err);
	if (!ret && path)
		keep(path, out);
	return ret;
}
