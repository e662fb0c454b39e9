// SPDX-License-Identifier: GPL-2.0-or-later
#include "settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "ini_util.h"
#include "near.h"
#include "xalloc.h"

static const struct {
	const char *key, *env;
} known[] = {
	{"mirror", "SEALMATRIX_MIRROR"},     {"security-mirror", "SEALMATRIX_SECURITY_MIRROR"},
	{"snapshot", "SEALMATRIX_SNAPSHOT"}, {"keyring", "SEALMATRIX_KEYRING"},
	{"sources", "SEALMATRIX_SOURCES"},
};

#define NKNOWN (sizeof(known) / sizeof(*known))

char *settings_path(const char *rel)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	/* The specification says that a relative path is to be ignored. */
	if (xdg && *xdg == '/')
		return xasprintf("%s/sealmatrix/%s", xdg, rel);
	return home && *home == '/' ? xasprintf("%s/.config/sealmatrix/%s", home, rel) : NULL;
}

static int unknown(const char *key, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};

	for (size_t i = 0; i < NKNOWN; i++)
		strv_add(&names, known[i].key);
	_cleanup_free_ char *near = near_matches(key, &names);

	return err_set(err, ERR_USER, 0, "no setting is called '%s'%s%s%s", key,
		       near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

static int on_line(void *arg, const char *section, const char *key, const char *value,
		   struct err *err)
{
	(void)arg;
	if (!key)
		return *section ? err_set(err, ERR_USER, 0, "there are no sections in this file")
				: 0;
	for (size_t i = 0; i < NKNOWN; i++) {
		if (strcmp(known[i].key, key))
			continue;
		const char *now = getenv(known[i].env);

		if (!now || !*now)
			setenv(known[i].env, value, 1);
		return 0;
	}
	return unknown(key, err);
}

int settings_load(struct err *err)
{
	_cleanup_free_ char *path = settings_path("sealmatrix.conf");

	return path && access(path, F_OK) == 0 ? ini_load(path, on_line, NULL, err) : 0;
}
