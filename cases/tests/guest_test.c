// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *test_bin_dir(void)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	return path;
}

json_t *test_run_case(case_fn *fn, const char *seals)
{
	struct case_env env = {.bin_dir = test_bin_dir(), .deadline_ms = 10000};
	json_t *params = json_pack("{s:s}", "seals", seals);
	json_t *facts = json_object();

	fn(&env, params, facts);
	json_decref(params);
	return facts;
}

json_t *test_member(const json_t *o, const char *path)
{
	json_t *v = (json_t *)o;
	char name[64];

	while (v && *path) {
		size_t n = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		v = json_object_get(v, name);
		path += n + (path[n] == '.');
	}
	return v;
}

void test_skip(const char *why)
{
	const char *must = getenv("MUST_RUN");

	if (must && !strcmp(must, "1"))
		ck_abort_msg("skipped: %s", why);
	fprintf(stderr, "skipped: %s\n", why);
}
