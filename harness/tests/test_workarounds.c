// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cleanup.h"
#include "paths.h"
#include "publish.h"
#include "test.h"
#include "workarounds.h"

#define N(a) ((int)(sizeof(a) / sizeof(*(a))))

static int load(const char *text, const char *series, const char *compiler, struct workarounds *w,
		struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/a.conf", test_dir());

	*err = (struct err)ERR_INIT;
	ck_assert_msg(!publish_buffer(path, text, strlen(text), err), "%s", err->msg);
	return workarounds_load(path, series, compiler, w, err);
}

#define WHY "reason = r\ntried = t\n"
#define TABLE                                                                                  \
	"[a]\nseries = 4.9..5.4\ncompiler = 10\nhostcflags = -fcommon\nmake = A=1 B=2\n" WHY   \
	"[b]\nseries = 5.4..5.5\nhostcflags = -w\nkcflags = -k\npatch = patches/b.patch\n" WHY \
	"[c]\nseries = 4.9..6.13\ncompiler = 15\ncc = -std=gnu11\nld = -z x\n" WHY

static const struct {
	const char *series, *compiler, *names, *hostcflags;
} rows[] = {
	{"4.9", "gcc (Debian 12.2.0-14) 12.2.0", "a", "-fcommon"},
	{"4.9", "gcc (GCC) 9.4.0", "", ""},
	{"5.4", "gcc (GCC) 10.1.0", "a b", "-fcommon -w"},
	{"5.4", "gcc (GCC) 9.4.0", "b", "-w"},
	{"5.4", "gcc (Debian 15.2.0-4) 15.2.0", "a b c", "-fcommon -w"},
	{"5.10", "gcc (Debian 12.2.0-14) 12.2.0", "", ""},
	{"6.14", "gcc (Debian 15.2.0-4) 15.2.0", "", ""},
	{NULL, "gcc (Debian 15.2.0-4) 15.2.0", "", ""},
};

START_TEST(series_and_compiler_decide)
{
	_cleanup_workarounds_ struct workarounds w;
	struct err err;

	ck_assert_msg(load(TABLE, rows[_i].series, rows[_i].compiler, &w, &err) == 0, "%s",
		      err.msg);
	_cleanup_free_ char *names = strv_join(&w.names, " ");

	ck_assert_str_eq(names, rows[_i].names);
	ck_assert_str_eq(w.hostcflags ? w.hostcflags : "", rows[_i].hostcflags);
	ck_assert_int_eq(w.patches.n, strchr(names, 'b') != NULL);
	ck_assert_int_eq(w.make.n, strchr(names, 'a') ? 2 : 0);
	ck_assert_int_eq(w.cc != NULL, strchr(names, 'c') != NULL);
	ck_assert_int_eq(w.ld != NULL, strchr(names, 'c') != NULL);
	ck_assert_int_eq(w.unknown_noted, !rows[_i].series);
}
END_TEST

static const struct {
	const char *text, *said;
} mistakes[] = {
	{"[a]\nseries = 4.9..5.4\ntried = t\n", "[a] needs series, reason and tried"},
	{"[a]\nseries = 5.4\n" WHY, "'5.4' is no range"},
	{"[a]\nseries = 5.4..4.9\n" WHY, "'5.4..4.9' is no range"},
	{"[a]\nseries = 4.9..5.4\ncompiler = gcc\n" WHY, "not 'gcc'"},
	{"[a]\nseries = 4.9..5.4\nunknown-options = yes\n" WHY, "can be noted, not 'yes'"},
	{"[a]\nseries = 4.9..5.4\nflags = -w\n" WHY, "unknown key 'flags'"},
	{"[a]\nseries = 4.9..5.4\nseries = 4.9..5.4\n" WHY, "series is given twice"},
};

START_TEST(mistakes_are_named)
{
	_cleanup_workarounds_ struct workarounds w;
	struct err err;

	ck_assert_int_lt(load(mistakes[_i].text, "4.9", "gcc 12.2.0", &w, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, mistakes[_i].said) != NULL, "%s", err.msg);
}
END_TEST

/* What is built in every run of the tests needs none, and says so. */
START_TEST(shipped_table)
{
	_cleanup_free_ char *path = paths_data("kernels/workarounds.conf");
	_cleanup_workarounds_ struct workarounds none, old, newer;
	struct err err = ERR_INIT;

	ck_assert_msg(workarounds_load(path, "5.10", "gcc 12.2.0", &none, &err) == 0, "%s",
		      err.msg);
	ck_assert_uint_eq(none.names.n, 0);
	ck_assert(!none.unknown_noted);
	ck_assert_int_eq(workarounds_load(path, "4.9", "gcc 12.2.0", &old, &err), 0);
	ck_assert(strv_contains(&old.names, "pie"));
	ck_assert(strv_contains(&old.names, "yylloc-old"));
	ck_assert(!strv_contains(&old.names, "yylloc"));
	ck_assert(old.unknown_noted);
	/* Before 4.16 nothing tells ld what the unpacker needs. */
	ck_assert_str_eq(old.ld, "-z max-page-size=0x200000");
	ck_assert_int_eq(workarounds_load(path, "4.16", "gcc 12.2.0", &newer, &err), 0);
	ck_assert_ptr_null(newer.ld);
}
END_TEST

TEST_SUITE(workarounds_suite)
{
	Suite *s = suite_create("workarounds");
	TCase *tc = tcase_create("workarounds");

	tcase_add_loop_test(tc, series_and_compiler_decide, 0, N(rows));
	tcase_add_loop_test(tc, mistakes_are_named, 0, N(mistakes));
	tcase_add_test(tc, shipped_table);
	suite_add_tcase(s, tc);
	return s;
}
