// SPDX-License-Identifier: GPL-2.0-or-later
#include "kconfig.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "publish.h"

#define CONFIG_LIMIT (4 << 20)

/* The value of @option in the text of a .config: up to the end of the line, or NULL when not set.
 */
static const char *value_in(const char *config, const char *option, size_t len)
{
	for (const char *p = config; (p = strstr(p, option)); p += len)
		if ((p == config || p[-1] == '\n') && p[len] == '=')
			return p + len + 1;
	return NULL;
}

static bool survived(const char *config, const char *option, size_t len, const char *want)
{
	_cleanup_free_ char *name = xstrndup(option, len);
	const char *value = value_in(config, name, len);

	if (!strcmp(want, "n"))
		return !value;
	return value && !strncmp(value, want, strlen(want)) && value[strlen(want)] == '\n';
}

/* Names of the lost ones are added to @lost. */
static int check_one(const char *fragment, const char *config, struct strv *lost, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	bool optional = false;
	int ret = read_file(fragment, CONFIG_LIMIT, &text, NULL, err);

	for (char *rest = text, *line; !ret && (line = strsep(&rest, "\n"));) {
		char *eq = strchr(line, '=');

		if (!strcmp(line, "# optional")) {
			optional = true;
			continue;
		}
		if (*line == '#' || !eq)
			continue;
		if (!optional && !survived(config, line, eq - line, eq + 1))
			strv_add(lost, line);
		optional = false;
	}
	return ret;
}

int kconfig_check(const struct strv *fragments, const char *config, struct err *err)
{
	_cleanup_strv_ struct strv lost = {0};
	_cleanup_free_ char *text = NULL, *names = xstrdup("");
	int ret = read_file(config, CONFIG_LIMIT, &text, NULL, err);

	for (size_t i = 0; !ret && i < fragments->n; i++)
		ret = check_one(fragments->v[i], text, &lost, err);
	if (ret < 0 || !lost.n)
		return ret;
	for (size_t i = 0; i < lost.n; i++) {
		char *more = xasprintf("%s%s%s", names, i ? ", " : "", lost.v[i]);

		free(names);
		names = more;
	}
	return err_set(err, ERR_USER, 0, "this kernel cannot be configured with %s", names);
}

int kconfig_append(const struct strv *fragments, const char *config, struct err *err)
{
	_cleanup_fclose_ FILE *f = fopen(config, "ae");
	int ret = f ? 0 : err_set(err, ERR_INFRA, errno, "open %s", config);

	for (size_t i = 0; !ret && i < fragments->n; i++) {
		_cleanup_free_ char *text = NULL;

		ret = read_file(fragments->v[i], CONFIG_LIMIT, &text, NULL, err);
		if (!ret)
			fputs(text, f);
	}
	if (!ret && fflush(f) == EOF)
		ret = err_set(err, ERR_INFRA, errno, "write %s", config);
	return ret;
}
