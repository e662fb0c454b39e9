// SPDX-License-Identifier: GPL-2.0-or-later
#include "seen.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache.h"
#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "xalloc.h"

static char *seen_path(const char *sha256)
{
	return cache_path("seen", sha256);
}

/* How its variants came out, and which issues they met, into @seen. */
static void add_outcomes(const json_t *records, const char *kernel, json_t *seen)
{
	json_t *outcomes = json_object(), *known = json_object(), *r, *v;
	const char *id;
	size_t i;

	json_array_foreach (records, i, r) {
		const char *outcome = jstr(r, "outcome", "?");

		if (strcmp(jstr(r, "type", ""), "variant") ||
		    strcmp(jstr(r, "kernel", ""), kernel) || strcmp(jstr(r, "control", ""), "none"))
			continue;
		json_object_set_new(outcomes, outcome,
				    json_integer(jint(outcomes, outcome, 0) + 1));
		if (*jstr(r, "known", ""))
			json_object_set_new(known, jstr(r, "known", ""), json_true());
	}
	json_object_set_new(seen, "outcomes", outcomes);
	json_object_set_new(seen, "known", json_array());
	json_object_foreach (known, id, v)
		json_array_append_new(json_object_get(seen, "known"), json_string(id));
	json_decref(known);
}

static int save_one(const json_t *records, const json_t *boot, const char *dir, struct err *err)
{
	_cleanup_free_ char *path = seen_path(jstr(boot, "sha256", "")), *text = NULL;
	const json_t *hello = json_object_get(boot, "hello");
	char when[32];
	time_t now = time(NULL);
	struct tm tm;

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	_cleanup_json_ json_t *seen = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:O?, s:O?}", "kernel", jstr(boot, "kernel", ""),
		"release", jstr(boot, "release", ""), "when", when, "results", dir, "end",
		jstr(boot, "end", ""), "features", json_object_get(hello, "features"), "modules",
		json_object_get(hello, "modules"));

	if (!path || !seen)
		return 0;
	add_outcomes(records, jstr(boot, "kernel", ""), seen);
	text = json_dumps(seen, JSON_INDENT(2));
	return text ? publish_buffer(path, text, strlen(text), err) : 0;
}

int seen_save(const json_t *records, const char *dir, struct err *err)
{
	_cleanup_free_ char *real = realpath(dir, NULL);
	json_t *r;
	size_t i;
	int ret = 0;

	json_array_foreach (records, i, r) {
		if (strcmp(jstr(r, "type", ""), "boot") || !*jstr(r, "sha256", "") ||
		    !json_is_object(json_object_get(r, "hello")))
			continue;
		ret = save_one(records, r, real ? real : dir, err);
		if (ret < 0)
			break;
	}
	return ret;
}

json_t *seen_read(const char *sha256)
{
	_cleanup_free_ char *path = seen_path(sha256);

	return path ? json_load_file(path, JSON_REJECT_DUPLICATES, NULL) : NULL;
}
