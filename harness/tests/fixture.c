// SPDX-License-Identifier: GPL-2.0-or-later
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "paths.h"
#include "test.h"
#include "xalloc.h"

json_t *fixture(const char *name)
{
	_cleanup_free_ char *rel = xasprintf("harness/tests/data/%s", name);
	_cleanup_free_ char *path = paths_data(rel);
	json_error_t err;
	json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, &err);

	ck_assert_msg(o, "%s: %s", path, err.text);
	return o;
}

static json_t *step_into(json_t *at, const char *name)
{
	return json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10))
				 : json_object_get(at, name);
}

/* @value is taken over. */
static int set_member(json_t *at, const char *name, json_t *value)
{
	size_t i = strtoul(name, NULL, 10);

	if (!json_is_array(at))
		return value ? json_object_set_new(at, name, value) : json_object_del(at, name);
	if (!value)
		return json_array_remove(at, i);
	return i < json_array_size(at) ? json_array_set_new(at, i, value)
				       : json_array_append_new(at, value);
}

void plant(json_t *record, const char *path, const char *value)
{
	_cleanup_strv_ struct strv names = {0};
	json_t *at = record, *v = NULL;
	json_error_t err;

	if (value) {
		v = json_loads(value, JSON_DECODE_ANY, &err);
		ck_assert_msg(v, "%s: %s", value, err.text);
	}
	strv_split(&names, path, "/");
	for (size_t i = 0; i + 1 < names.n; i++) {
		at = step_into(at, names.v[i]);
		ck_assert_msg(at, "%s: there is no %s", path, names.v[i]);
	}
	ck_assert_msg(!set_member(at, names.v[names.n - 1], v), "%s cannot be set", path);
}

json_t *fixture_seals(const char *kind, int mask, json_t *observed)
{
	_cleanup_free_ char *seals = mask < 0 ? xstrdup("none") : xasprintf("%#x", mask);

	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:{s:s}, s:o}", "type",
			 "variant", "kernel", "k", "boot", 1, "case", kind, "variant", seals,
			 "kind", kind, "control", "none", "state", "ran", "params", "seals", seals,
			 "observed", observed);
}
