// SPDX-License-Identifier: GPL-2.0-or-later
#include "paths.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "xalloc.h"

/* The directory this program lies in. */
static char *exe_dir(void)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return xstrdup(".");
	exe[n] = '\0';
	char *slash = strrchr(exe, '/');

	if (slash)
		*slash = '\0';
	return xstrdup(exe);
}

/* The nearest directory at or above @dir that holds @probe. */
static char *find_above(const char *dir, const char *probe)
{
	_cleanup_free_ char *d = xstrdup(dir);

	for (;;) {
		_cleanup_free_ char *p = xasprintf("%s/%s", d, probe);

		if (access(p, R_OK) == 0)
			return steal_ptr(d);
		char *slash = strrchr(d, '/');

		if (!slash || slash == d)
			return NULL;
		*slash = '\0';
	}
}

#define DATA  "share/sealmatrix/"
#define GUEST "lib/sealmatrix/guest/"

/* @rel below @dir, which holds @probe, where it was installed: wherever that was moved to since. */
static char *installed(const char *exe, const char *dir, const char *probe, const char *rel)
{
	_cleanup_free_ char *path = xasprintf("%s%s", dir, probe);
	_cleanup_free_ char *prefix = find_above(exe, path);

	return xasprintf("%s/%s%s", prefix ? prefix : SM_PREFIX, dir, rel);
}

char *paths_data(const char *rel)
{
	const char *env = getenv("SEALMATRIX_ROOT");

	if (env && *env)
		return xasprintf("%s/%s", env, rel);

	_cleanup_free_ char *exe = exe_dir();
	_cleanup_free_ char *root = find_above(exe, "kernels/matrix.conf");

	if (!root) { /* an out-of-tree build directory, run from within the tree */
		_cleanup_free_ char *cwd = getcwd(NULL, 0);

		root = cwd ? find_above(cwd, "kernels/matrix.conf") : NULL;
	}
	return root ? xasprintf("%s/%s", root, rel)
		    : installed(exe, DATA, "kernels/matrix.conf", rel);
}

char *paths_guest(const char *rel)
{
	const char *env = getenv("SEALMATRIX_GUEST");

	if (env && *env)
		return xasprintf("%s/%s", env, rel);

	/* build/sealmatrix and build/tests/unit both lie at or below the directory with guest/. */
	_cleanup_free_ char *exe = exe_dir();
	_cleanup_free_ char *dir = find_above(exe, "guest/agent");

	return dir ? xasprintf("%s/guest/%s", dir, rel) : installed(exe, GUEST, "agent", rel);
}
