// SPDX-License-Identifier: GPL-2.0-or-later
#include "packages.h"

#include <errno.h>
#include <string.h>

#include "apt.h"
#include "cleanup.h"
#include "json_util.h"
#include "lock.h"

static int spec_need(const struct kernel_spec *spec, const char *key, const char **value,
		     struct err *err)
{
	*value = spec_get(spec, key);
	return *value ? 0
		      : err_set(err, ERR_USER, 0, "its entry in the matrix needs the key '%s'",
				key);
}

static json_t *package_json(const struct apt_package *p)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "name", p->name, "version", p->version, "suite",
			 p->suite, "sha256", p->sha256);
}

static bool is_listed(const json_t *packages, const char *name)
{
	const json_t *p;
	size_t i;

	json_array_foreach (packages, i, p)
		if (!strcmp(jstr(p, "name", ""), name))
			return true;
	return false;
}

/*
 * Dependencies that are part of the same thing: same suite, exactly the same version. Mirrors drop
 * the modules of superseded kernels before their images: what is missing is said, and whether the
 * rest is of use is for the provider to see.
 */
static int add_followed(const struct apt_package *p, bool (*follow)(const char *name),
			struct progress *pg, json_t *out, struct err *err)
{
	_cleanup_strv_ struct strv suite = {0};
	int ret = 0;

	strv_add(&suite, p->suite);
	for (size_t i = 0; !ret && follow && i < p->depends.n; i++) {
		_cleanup_apt_package_ struct apt_package dep = {0};

		if (!follow(p->depends.v[i]) || is_listed(out, p->depends.v[i]))
			continue;
		ret = apt_find(&suite, p->depends.v[i], p->version, pg, &dep, err);
		if (ret == -ENOPKG) {
			progress_note(pg, "%s is without a part of it: %s", p->name, err->msg);
			*err = (struct err)ERR_INIT;
			ret = 0;
			continue;
		}
		if (ret < 0)
			break;
		json_array_append_new(out, package_json(&dep));
		/* An image's binary package may ask for its modules in turn. */
		ret = add_followed(&dep, follow, pg, out, err);
	}
	return ret;
}

static int resolve(const struct kernel_spec *spec, bool (*follow)(const char *name),
		   struct progress *pg, json_t **packages, struct err *err)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	_cleanup_strv_ struct strv suites = {0};
	_cleanup_json_ json_t *out = json_array();
	const char *name, *where;
	int ret = spec_need(spec, "package", &name, err);

	if (!ret)
		ret = spec_need(spec, "suites", &where, err);
	if (ret < 0)
		return ret;
	progress_state(pg, "looking for %s", name);
	strv_split(&suites, where, " \t\n");
	ret = apt_find(&suites, name, spec_get(spec, "version"), pg, &p, err);
	if (ret < 0)
		return ret;
	json_array_append_new(out, package_json(&p));
	ret = add_followed(&p, follow, pg, out, err);
	if (!ret)
		ret = lock_write(spec, out, err);
	if (!ret)
		*packages = json_incref(out);
	return ret;
}

int packages_resolve(const struct kernel_spec *spec, bool (*follow)(const char *name),
		     struct progress *pg, json_t **packages, struct err *err)
{
	*packages = lock_read(spec);
	return *packages ? 0 : resolve(spec, follow, pg, packages, err);
}

int packages_fetch(const json_t *package, const char *dir, struct progress *pg, char **path,
		   struct err *err)
{
	struct apt_package p = {
		.name = (char *)jstr(package, "name", ""),
		.version = (char *)jstr(package, "version", ""),
		.suite = (char *)jstr(package, "suite", ""),
		.sha256 = (char *)jstr(package, "sha256", ""),
	};
	_cleanup_apt_package_ struct apt_package now = {0};
	_cleanup_strv_ struct strv suite = {0};

	/* The lists may be gone while the lock is still there; and is it still carried at all? */
	strv_add(&suite, p.suite);
	int ret = apt_find(&suite, p.name, p.version, pg, &now, err);

	if (ret == -ENOPKG)
		err_context(err, "what was locked is gone");
	return ret ? ret : apt_fetch(&p, dir, pg, path, err);
}

char *packages_origin(const json_t *packages)
{
	const json_t *p = json_array_get(packages, 0);

	return xasprintf("Debian %s %s (%s)", jstr(p, "name", "?"), jstr(p, "version", "?"),
			 jstr(p, "suite", "?"));
}

char *packages_describe(const struct kernel_spec *spec)
{
	_cleanup_json_ json_t *locked = lock_read(spec);
	const char *version = spec_get(spec, "version");

	if (locked)
		return packages_origin(locked);
	return xasprintf("Debian %s%s%s in %s",
			 spec_get(spec, "package") ? spec_get(spec, "package") : "?",
			 version ? " " : "", version ? version : "",
			 spec_get(spec, "suites") ? spec_get(spec, "suites") : "?");
}

int packages_possible(const struct kernel_spec *spec, struct err *err)
{
	_cleanup_strv_ struct strv suites = {0};
	const char *where = spec_get(spec, "suites"), *name = spec_get(spec, "package");

	strv_split(&suites, where ? where : "", " \t\n");
	return apt_check_past(&suites, name ? name : "?", err);
}
