// SPDX-License-Identifier: GPL-2.0-or-later
/* ci/deps.sh on this machine's packages, with one thing different, and without a way to install. */
#include <string.h>

#include "cleanup.h"
#include "paths.h"
#include "proc.h"
#include "test.h"
#include "xalloc.h"

/* $1: deps.sh, $2: an awk program that changes dpkg's list, whose paragraphs are records. */
static const char script[] = "mkdir db db/info db/updates bin && "
			     "awk -v RS= -v ORS='\\n\\n' \"$2\" /var/lib/dpkg/status >db/status && "
			     "for p in apt-get sudo; do printf '#!/bin/sh\\nexit 7\\n' >bin/$p; "
			     "chmod +x bin/$p; done && "
			     "DPKG_ADMINDIR=$PWD/db PATH=$PWD/bin:$PATH sh \"$1\"";

static const struct {
	const char *change;
	bool complete;
} rows[] = {
	{"1", true},
	{"{ sub(/Status: install ok/, \"Status: hold ok\") } 1", true},
	{"1; /^Package: zlib1g-dev\\n/ { sub(/Architecture: [a-z0-9]*/, \"Architecture: s390x\"); "
	 "print }",
	 true},
	{"/^Package: zlib1g-dev\\n/ { sub(/Status: [a-z ]*/, \"Status: deinstall ok "
	 "config-files\") } 1",
	 false},
	{"!/^Package: zlib1g-dev\\n/", false},
};

START_TEST(what_is_installed_is_known)
{
	_cleanup_free_ char *deps = paths_data("ci/deps.sh");
	char *argv[] = {"sh", "-c", (char *)script, "sh", deps, (char *)rows[_i].change, NULL};
	const struct proc_opts opts = {.cwd = test_dir()};
	struct err err = ERR_INIT;

	ck_assert_msg((proc_run(argv, &opts, &err) == 0) == rows[_i].complete, "%s", err.msg);
	ck_assert_msg(rows[_i].complete || strstr(err.msg, "zlib1g-dev"), "%s", err.msg);
}
END_TEST

TEST_SUITE(deps)
{
	Suite *s = suite_create("deps");
	TCase *tc = tcase_create("deps");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, what_is_installed_is_known, 0, sizeof(rows) / sizeof(*rows));
	suite_add_tcase(s, tc);
	return s;
}
