// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cleanup.h"
#include "kconfig.h"
#include "publish.h"
#include "test.h"

static char *file(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", test_dir(), name);
	struct err err = ERR_INIT;

	ck_assert_msg(publish_buffer(path, text, strlen(text), &err) == 0, "%s", err.msg);
	return path;
}

static int check(const char *fragment, const char *config, struct err *err)
{
	_cleanup_strv_ struct strv fragments = {0};
	_cleanup_free_ char *f = file("fragment", fragment), *c = file("config", config);

	*err = (struct err)ERR_INIT;
	strv_add(&fragments, f);
	return kconfig_check(&fragments, c, err);
}

static const struct {
	const char *fragment, *config;
	const char *lost; /* NULL: nothing */
} checks[] = {
	{"CONFIG_A=y\n", "CONFIG_A=y\n", NULL},
	{"CONFIG_A=y\n", "# CONFIG_A is not set\n", "CONFIG_A=y"},
	{"CONFIG_A=y\n", "CONFIG_A=m\n", "CONFIG_A=y"},
	{"CONFIG_A=y\n", "CONFIG_AB=y\nXCONFIG_A=y\n", "CONFIG_A=y"},
	{"CONFIG_A=64\n", "CONFIG_A=640\n", "CONFIG_A=64"},
	{"CONFIG_A=n\n", "# CONFIG_A is not set\n", NULL},
	{"CONFIG_A=n\n", "", NULL},
	{"CONFIG_A=n\n", "CONFIG_A=y\n", "CONFIG_A=n"},
	{"# optional\nCONFIG_A=y\n", "", NULL},
	{"# optional\nCONFIG_A=y\nCONFIG_B=y\n", "", "CONFIG_B=y"},
	{"CONFIG_A=y\nCONFIG_B=y\n", "", "CONFIG_A=y, CONFIG_B=y"},
	{"# CONFIG_A=y in a comment\n", "", NULL},
	{"# CONFIG_A is not set\n", "CONFIG_A=y\n", "CONFIG_A=n"},
	{"# CONFIG_A is not set\n", "# CONFIG_A is not set\n", NULL},
	{"CONFIG_A=y\nCONFIG_A=n\n", "", NULL}, /* the last one wins */
	{"CONFIG_A=n\nCONFIG_A=y\n", "", "CONFIG_A=y"},
	{"# optional\nCONFIG_A=y\nCONFIG_A=y\n", "", "CONFIG_A=y"},
	{"CONFIG_A=y\nCONFIG_B\n", "CONFIG_A=y\n", "fragment:2: "},
	{"CONFIG_A = y\n", "CONFIG_A=y\n", "fragment:1: "},
	{"CONFIG_A=y", "CONFIG_A=y", NULL}, /* last lines without an end */
};

START_TEST(lost_options_are_named)
{
	struct err err;
	int ret = check(checks[_i].fragment, checks[_i].config, &err);

	ck_assert_int_eq(ret < 0, checks[_i].lost != NULL);
	if (checks[_i].lost)
		ck_assert_ptr_nonnull(strstr(err.msg, checks[_i].lost));
}
END_TEST

START_TEST(later_fragments_win)
{
	_cleanup_strv_ struct strv fragments = {0};
	_cleanup_free_ char *a = file("a", "CONFIG_A=y\n"), *b = file("b", "CONFIG_A=n\n");
	_cleanup_free_ char *c = file("config", "# CONFIG_A is not set\n");
	struct err err = ERR_INIT;

	strv_add(&fragments, a);
	strv_add(&fragments, b);
	ck_assert_msg(kconfig_check(&fragments, c, &err) == 0, "%s", err.msg);
}
END_TEST

START_TEST(append_keeps_the_order)
{
	_cleanup_strv_ struct strv fragments = {0};
	_cleanup_free_ char *a = file("a", "CONFIG_A=y"), *b = file("b", "CONFIG_A=n\n");
	_cleanup_free_ char *c = file("config", "CONFIG_Z=y\n"), *text = NULL;
	struct err err = ERR_INIT;

	strv_add(&fragments, a);
	strv_add(&fragments, b);
	ck_assert_int_eq(kconfig_append(&fragments, c, &err), 0);
	ck_assert_int_eq(read_file(c, 1000, &text, NULL, &err), 0);
	ck_assert_str_eq(text, "CONFIG_Z=y\nCONFIG_A=y\nCONFIG_A=n\n");
}
END_TEST

TEST_SUITE(kconfig)
{
	Suite *s = suite_create("kconfig");
	TCase *tc = tcase_create("kconfig");

	tcase_add_loop_test(tc, lost_options_are_named, 0, sizeof(checks) / sizeof(*checks));
	tcase_add_test(tc, later_fragments_win);
	tcase_add_test(tc, append_keeps_the_order);
	suite_add_tcase(s, tc);
	return s;
}
