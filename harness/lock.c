// SPDX-License-Identifier: GPL-2.0-or-later
#include "lock.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "hash.h"
#include "json_util.h"
#include "publish.h"

static int lock_path(const struct kernel_spec *spec, char **path, struct err *err)
{
	const char *root = cache_root(err);

	if (!root)
		return -EINVAL;
	/* A fault is seeded into the source that its base is built from (BASE+FAULT). */
	*path = xasprintf("%s/locks/%.*s.json", root, (int)strcspn(spec->name, "+"), spec->name);
	return 0;
}

/* What is made of the packages has nothing to do with which they are. */
static bool is_question(const char *key)
{
	return strcmp(key, "config") && strcmp(key, "patches") && strcmp(key, "release");
}

/* A changed section of the matrix is another question. */
static void spec_hash(const struct kernel_spec *spec, char hex[SHA256_HEX])
{
	struct hash_key *k = hash_key_new();

	hash_key_add(k, spec->provider);
	hash_key_add(k, spec->arch);
	for (size_t i = 0; i < spec->keys.n; i++) {
		if (!is_question(spec->keys.v[i]))
			continue;
		hash_key_add(k, spec->keys.v[i]);
		hash_key_add(k, spec->values.v[i]);
	}
	hash_key_end(k, hex);
}

/* A lock that something else than lock_write() has been at is no lock. */
static bool is_whole(const json_t *packages)
{
	static const char *const members[] = {"name", "version", "suite", "sha256"};
	const json_t *p;
	size_t i;

	json_array_foreach (packages, i, p)
		for (size_t j = 0; j < sizeof(members) / sizeof(*members); j++)
			if (!*jstr(p, members[j], ""))
				return false;
	return json_array_size(packages) > 0;
}

json_t *lock_read(const struct kernel_spec *spec)
{
	_cleanup_free_ char *path = NULL;
	struct err ignored = ERR_INIT;
	char hex[SHA256_HEX];

	if (lock_path(spec, &path, &ignored) < 0)
		return NULL;
	_cleanup_json_ json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	json_t *packages = json_object_get(o, "packages");

	spec_hash(spec, hex);
	if (strcmp(jstr(o, "spec", ""), hex) || !is_whole(packages))
		return NULL;
	return json_incref(packages);
}

int lock_write(const struct kernel_spec *spec, const json_t *packages, struct err *err)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	char hex[SHA256_HEX];
	int ret = lock_path(spec, &path, err);

	if (ret < 0)
		return ret;
	spec_hash(spec, hex);
	_cleanup_json_ json_t *o = json_pack("{s:s, s:s, s:O}", "kernel", spec->name, "spec", hex,
					     "packages", packages);

	text = json_dumps(o, JSON_INDENT(2));
	if (!text)
		return err_set(err, ERR_INFRA, 0, "what %s was resolved to is no UTF-8",
			       spec->name);
	return publish_buffer(path, text, strlen(text), err);
}

int lock_drop(const struct kernel_spec *spec, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	int ret = lock_path(spec, &path, err);

	if (!ret && unlink(path) < 0 && errno != ENOENT)
		ret = err_set(err, ERR_INFRA, errno, "remove %s", path);
	return ret;
}

void lock_key(const json_t *packages, const char *format, char hex[SHA256_HEX])
{
	struct hash_key *k = hash_key_new();
	json_t *p;
	size_t i;

	hash_key_add(k, format);
	json_array_foreach (packages, i, p)
		hash_key_add(k, jstr(p, "sha256", ""));
	hash_key_end(k, hex);
}
