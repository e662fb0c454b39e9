// SPDX-License-Identifier: GPL-2.0-or-later
#include "guest_test.h"

#include <limits.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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

/* Root of a user namespace is shown no page frames. */
static bool is_initial_userns(void)
{
	FILE *f = fopen("/proc/self/uid_map", "r");
	unsigned inside = 1, outside = 1, n = 0;
	bool found = f && fscanf(f, "%u %u %u", &inside, &outside, &n) == 3;

	if (f)
		fclose(f);
	return !found || (!inside && !outside && n == ~0u);
}

/* A new pid namespace needs more than a uid of 0. */
static const char *cannot_run(void)
{
	int status = -1;
	pid_t pid;

	if (geteuid() || !is_initial_userns())
		return "not root, or not of the initial user namespace";
	pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) ? 1 : 0);
	waitpid(pid, &status, 0);
	return status ? "no namespaces here" : NULL;
}

/* SM_GUEST_DIR, or the build's guest/ beside the directory that this program is in. */
const char *test_guest_dir(void)
{
	static char dir[PATH_MAX + 8];
	const char *env = getenv("SM_GUEST_DIR");
	ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);

	if (env || n <= 0)
		return env;
	dir[n] = '\0';
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(dir, '/');

		if (slash)
			*slash = '\0';
	}
	strcat(dir, "/guest");
	return dir;
}

void test_filter(const struct sock_fprog *prog)
{
	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, prog), 0);
}

bool test_no_machine(void)
{
	const char *why = cannot_run();

	if (!why && !test_guest_dir())
		why = "SM_GUEST_DIR is not set";
	if (!why)
		return false;
	ck_assert_msg(!getenv("MUST_RUN"), "must run, but: %s", why);
	fprintf(stderr, "skipped: machine: %s\n", why);
	return true;
}
