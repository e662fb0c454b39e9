// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs every suite, or the one named on the command line. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "publish.h"
#include "test.h"
#include "xalloc.h"

extern test_suite_fn *const __start_sm_suites[], *const __stop_sm_suites[];

/* Made and removed by the runner, so that a test that is killed leaves nothing behind. */
static char *base;

static void make_base(void)
{
	const char *tmp = getenv("TMPDIR");

	base = xasprintf("%s/sealmatrix test.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(base)) {
		perror(base);
		exit(1);
	}
}

const char *test_dir(void)
{
	static char *dir;
	static pid_t owner; /* every test is a process of its own, with a directory of its own */

	if (dir && owner == getpid())
		return dir;
	dir = xasprintf("%s/%d", base, (int)getpid());
	if (mkdir(dir, 0777) < 0 && errno != EEXIST) {
		perror(dir);
		exit(1);
	}
	owner = getpid();
	return dir;
}

int main(int argc, char **argv)
{
	SRunner *runner = srunner_create(NULL);
	struct err err = ERR_INIT;

	/* A shell's background jobs ignore it, and tests send it; SIGHUP is left to nohup. */
	signal(SIGINT, SIG_DFL);
	make_base();
	for (test_suite_fn *const *s = __start_sm_suites; s < __stop_sm_suites; s++)
		srunner_add_suite(runner, (*s)());
	srunner_run(runner, argc > 1 ? argv[1] : NULL, NULL, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	if (remove_tree(base, &err) < 0)
		fprintf(stderr, "%s\n", err.msg);
	free(base);
	return failed ? 1 : 0;
}
