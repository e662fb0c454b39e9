// SPDX-License-Identifier: GPL-2.0-or-later
/* A path as a kernel of the matrix. */
#include <fnmatch.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "file_kernel.h"
#include "matrix_internal.h"

/* The kernel that an earlier word made of this path, or NULL. */
static const struct kernel_spec *find_word(const struct matrix *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].word && !strcmp(m->v[i].word, path))
			return &m->v[i];
	return NULL;
}

/* A name that names a folder, of the last part of @path. Caller frees. */
static char *name_of_path(const char *path)
{
	_cleanup_free_ char *copy = xstrdup(path);
	size_t n = strlen(copy);

	while (n && copy[n - 1] == '/')
		copy[--n] = '\0';
	const char *slash = strrchr(copy, '/');
	char *name = xstrdup(slash ? slash + 1 : copy);

	for (char *c = name; *c; c++)
		if (strchr(NOT_IN_NAMES, *c) || (c == name && *c == '.'))
			*c = '_';
	if (*name)
		return name;
	free(name);
	return xstrdup("kernel");
}

static bool is_source_tree(const char *path)
{
	_cleanup_free_ char *kconfig = xasprintf("%s/Kconfig", path);

	return access(kconfig, R_OK) == 0 && !file_is_tree(path);
}

/* Which provider takes it, and under which key. A slip is the file provider's to tell of. */
static void classify(const char *path, const char **provider, const char **key)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	*provider = "file";
	*key = "image";
	if (access(path, F_OK) < 0)
		return;
	if (!fnmatch("*.tar.*", base, 0) || !fnmatch("*.tar", base, 0) ||
	    !fnmatch("linux-source-*.deb", base, 0))
		*key = "tarball";
	else if (!fnmatch("*.dsc", base, 0))
		*key = "dsc";
	else if (is_source_tree(path))
		*key = "tree";
	else
		return;
	*provider = "source";
}

size_t matrix_add_path(struct matrix *m, const char *path)
{
	const struct kernel_spec *known = find_word(m, path);
	_cleanup_free_ char *base = name_of_path(path), *name = xstrdup(base);
	_cleanup_free_ char *real = realpath(path, NULL);
	const char *provider, *key;

	if (known)
		return known - m->v;
	for (unsigned i = 2; matrix_find(m, name); i++) {
		free(name);
		name = xasprintf("%s-%u", base, i);
	}
	struct kernel_spec *s = matrix_add(m, name);

	classify(path, &provider, &key);
	s->provider = xstrdup(provider);
	s->arch = xstrdup("x86_64");
	s->word = xstrdup(path);
	strv_add(&s->keys, key);
	/* A relative one would be looked for where the user keeps sources. */
	strv_add(&s->values, real && strcmp(provider, "file") ? real : path);
	return m->n - 1;
}
