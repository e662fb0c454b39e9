// SPDX-License-Identifier: GPL-2.0-or-later
#include "kconfig_tree.h"

#include <errno.h>
#include <fts.h>
#include <stdbool.h>
#include <string.h>

#include "cleanup.h"
#include "publish.h"

#define KCONFIG_MAX (4 << 20)
#define BLANKS	    " \t"

static void close_fts(FTS **fts)
{
	if (*fts)
		fts_close(*fts);
}

/* NET of "config NET" or "menuconfig NET". */
static const char *defined_by(const char *line, size_t *len)
{
	static const char *const words[] = {"config", "menuconfig"};

	line += strspn(line, BLANKS);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t n = strlen(words[i]);

		if (strncmp(line, words[i], n) || !strspn(line + n, BLANKS))
			continue;
		line += n + strspn(line + n, BLANKS);
		*len = strcspn(line, BLANKS "\r");
		return line;
	}
	return NULL;
}

static int read_kconfig(const char *path, const struct strv *options, struct strv *known,
			struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int ret = read_file(path, KCONFIG_MAX, &text, NULL, err);

	for (char *rest = text, *line; !ret && (line = strsep(&rest, "\n"));) {
		size_t len = 0;
		const char *name = defined_by(line, &len);
		_cleanup_free_ char *option =
			name ? xasprintf("CONFIG_%.*s", (int)len, name) : NULL;

		if (name && strv_contains(options, option) && !strv_contains(known, option))
			strv_add(known, option);
	}
	return ret;
}

int kconfig_tree_defines(const char *tree, const struct strv *options, struct strv *known,
			 struct err *err)
{
	char *roots[] = {(char *)tree, NULL};
	_cleanup_(close_fts) FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	int ret = fts ? 0 : err_set(err, ERR_INFRA, errno, "read %s", tree);

	for (FTSENT *e; !ret && (e = fts_read(fts));)
		if (e->fts_info == FTS_F && !strncmp(e->fts_name, "Kconfig", strlen("Kconfig")))
			ret = read_kconfig(e->fts_path, options, known, err);
	return ret;
}
