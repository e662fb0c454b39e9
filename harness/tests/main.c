// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs every suite, or those named on the command line. MUST_RUN=1 makes a skip a failure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "publish.h"
#include "test.h"
#include "xalloc.h"

extern test_suite_fn *const __start_sm_suites[], *const __stop_sm_suites[];

static char *dir;
static pid_t dir_owner;

static void remove_dir(void)
{
	struct err err = ERR_INIT;

	if (dir && getpid() == dir_owner && remove_tree(dir, &err) < 0)
		fprintf(stderr, "%s\n", err.msg);
}

const char *test_dir(void)
{
	if (dir && getpid() == dir_owner)
		return dir;
	const char *tmp = getenv("TMPDIR");

	dir = xasprintf("%s/sealmatrix test.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir)) {
		perror(dir);
		exit(1);
	}
	dir_owner = getpid();
	atexit(remove_dir);
	return dir;
}

int main(int argc, char **argv)
{
	SRunner *runner = srunner_create(NULL);

	for (test_suite_fn *const *s = __start_sm_suites; s < __stop_sm_suites; s++)
		srunner_add_suite(runner, (*s)());
	srunner_run(runner, argc > 1 ? argv[1] : NULL, NULL, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? 1 : 0;
}
