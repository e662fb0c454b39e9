// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "cmd_kernels.h"
#include "hash.h"
#include "json_util.h"
#include "known.h"
#include "paths.h"
#include "provider.h"
#include "seen.h"

/* Names of features that are, or are not, there. Caller frees. */
static char *features_that(const json_t *features, bool ok)
{
	char *out = xstrdup("");
	const char *name;
	json_t *v;

	json_object_foreach ((json_t *)features, name, v) {
		if (jbool(v, "ok", 0) != ok)
			continue;
		char *more = xasprintf("%s%s%s", out, *out ? " " : "", name);

		free(out);
		out = more;
	}
	return out;
}

static json_t *issues_of(const struct kernel_spec *spec, const char *release, struct err *err)
{
	_cleanup_known_ struct known *known = NULL;
	_cleanup_free_ char *path = paths_data("kernels/known-issues.conf");
	_cleanup_free_ char *series = spec->series ? xasprintf("%s.0", spec->series) : NULL;

	if (known_load(path, &known, err) < 0)
		return NULL;
	return known_about(known, spec->name, release ? release : series);
}

static void print_seen(const json_t *seen)
{
	_cleanup_free_ char *has = features_that(json_object_get(seen, "features"), true);
	_cleanup_free_ char *lacks = features_that(json_object_get(seen, "features"), false);
	const json_t *outcomes = json_object_get(seen, "outcomes");
	const char *name;
	json_t *v;

	if (!seen) {
		puts("  seen      never booted here");
		return;
	}
	printf("  seen      %s, as %s: %s;", jstr(seen, "when", "?"), jstr(seen, "release", "?"),
	       jstr(seen, "end", "?"));
	json_object_foreach ((json_t *)outcomes, name, v)
		printf(" %" JSON_INTEGER_FORMAT " %s", json_integer_value(v), name);
	printf("\n  records   %s\n  supports  %s\n  lacks     %s\n", jstr(seen, "results", "?"),
	       has, *lacks ? lacks : "nothing that is probed");
}

static void print_all(const json_t *o)
{
	static const struct {
		const char *key, *title;
	} lines[] = {{"about", "from"},	     {"why", "missing"},     {"where", "here"},
		     {"version", "version"}, {"release", "release"}, {"sha256", "sha256"},
		     {"tags", "tags"}};
	json_t *issue;
	size_t i;

	printf("%s\n", jstr(o, "name", "?"));
	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (*jstr(o, lines[i].key, ""))
			printf("  %-9s %s\n", lines[i].title, jstr(o, lines[i].key, ""));
	print_seen(json_object_get(o, "seen"));
	json_array_foreach (json_object_get(o, "known"), i, issue)
		printf("  known     %s: %s\n            %s\n", jstr(issue, "id", "?"),
		       jstr(issue, "text", ""), jstr(issue, "ref", ""));
}

/* What lies here is read; nothing is fetched or built for an answer. */
static int read_kernel(const struct kernel_spec *spec, struct kernel *k, json_t *o, struct err *err)
{
	_cleanup_json_ json_t *seen = NULL;
	int ret = kernel_get(spec, NULL, k, err);

	if (ret < 0)
		return ret;
	seen = seen_read(k->sha256);
	json_object_update_new(o,
			       json_pack("{s:s?, s:s?, s:s, s:s}", "version", k->version, "release",
					 k->release, "image", k->image, "sha256", k->sha256));
	if (seen)
		json_object_set(o, "seen", seen);
	return 0;
}

int kernels_why(const struct kernel_spec *spec, json_t *all, struct err *err)
{
	_cleanup_free_ char *about = NULL, *where = NULL;
	_cleanup_kernel_ struct kernel k = {0};
	struct err missing = ERR_INIT;
	int ret = kernel_describe(spec, &about, &where, &missing);

	if (ret < 0 && ret != KERNEL_NOT_AVAILABLE) {
		*err = missing;
		return ret;
	}
	_cleanup_free_ char *tags = strv_join(&spec->tags, " ");
	_cleanup_json_ json_t *o = json_pack(
		"{s:s, s:s, s:s, s:s?, s:s, s:s, s:s?, s:s?, s:b}", "name", spec->name, "provider",
		spec->provider, "arch", spec->arch, "series", spec->series, "tags", tags, "about",
		about, "where", where, "why", ret ? missing.msg : NULL, "available", ret == 0);

	ret = where ? read_kernel(spec, &k, o, err) : 0;
	if (ret < 0)
		return ret;
	json_t *issues = issues_of(spec, k.release, err);

	if (!issues)
		return -EINVAL;
	json_object_set_new(o, "known", issues);
	if (all)
		return json_array_append(all, o);
	print_all(o);
	return 0;
}
