// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cleanup.h"
#include "kconfig.h"
#include "paths.h"
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

	_cleanup_kconfig_notes_ struct kconfig_notes notes = {0};

	*err = (struct err)ERR_INIT;
	strv_add(&fragments, f);
	return kconfig_check(&fragments, c, test_dir(), &notes, err);
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
	_cleanup_kconfig_notes_ struct kconfig_notes notes = {0};
	struct err err = ERR_INIT;

	strv_add(&fragments, a);
	strv_add(&fragments, b);
	ck_assert_msg(kconfig_check(&fragments, c, test_dir(), &notes, &err) == 0, "%s", err.msg);
}
END_TEST

static char *joined(const struct strv *v)
{
	return strv_join(v, " ");
}

/* What a series does not have yet is no mistake; what it has and cannot be set is one. */
START_TEST(what_a_source_does_not_have_is_told_apart)
{
	_cleanup_strv_ struct strv fragments = {0};
	_cleanup_kconfig_notes_ struct kconfig_notes notes = {.unknown_noted = true};
	_cleanup_free_ char *f = file("fragment", "CONFIG_NET=y\nCONFIG_NEW=y\n"
						  "# optional\nCONFIG_NEWER=y\n"
						  "CONFIG_OLD=n\nCONFIG_UNIX=y\n");
	_cleanup_free_ char *c = file("config", "CONFIG_UNIX=y\nCONFIG_OLD=y\n");
	_cleanup_free_ char *tree = xasprintf("%s/tree/net", test_dir());
	struct err err = ERR_INIT;

	ck_assert_int_eq(make_dirs(tree, &err), 0);
	free(file("tree/Kconfig", "menuconfig  NETWORK\n\tbool\nconfig OLD\n"));
	free(file("tree/net/Kconfig.new", "# config NEW\n\thelp\n\t  configure NEW\n"));
	free(file("tree/Makefile", "config NEW\n"));
	strv_add(&fragments, f);
	*strrchr(tree, '/') = '\0';
	ck_assert_int_lt(kconfig_check(&fragments, c, tree, &notes, &err), 0);
	ck_assert_str_eq(err.msg, "this kernel cannot be configured with CONFIG_OLD=n");
	_cleanup_free_ char *unknown = joined(&notes.unknown);

	ck_assert_str_eq(unknown, "CONFIG_NET CONFIG_NEW");
	ck_assert_uint_eq(notes.not_taken.n, 0);

	err = (struct err)ERR_INIT;
	free(file("tree/net/Kconfig", "\tmenuconfig NET\n"));
	ck_assert_int_lt(kconfig_check(&fragments, c, tree, &notes, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "with CONFIG_NET=y, CONFIG_OLD=n"));
}
END_TEST

/* An optional option is spoken of where the source has it, and it was not taken all the same. */
START_TEST(optional_options_that_are_there_are_told_of)
{
	_cleanup_strv_ struct strv fragments = {0};
	_cleanup_kconfig_notes_ struct kconfig_notes notes = {0};
	_cleanup_free_ char *f =
		file("fragment", "# optional\nCONFIG_GONE=y\n# optional\nCONFIG_REFUSED=y\n"
				 "# optional\nCONFIG_TAKEN=y\n");
	_cleanup_free_ char *c = file("config", "CONFIG_TAKEN=y\n");
	_cleanup_free_ char *tree = xasprintf("%s/tree", test_dir());
	struct err err = ERR_INIT;

	ck_assert_int_eq(make_dirs(tree, &err), 0);
	free(file("tree/Kconfig", "config REFUSED\nconfig TAKEN\n"));
	strv_add(&fragments, f);
	ck_assert_msg(kconfig_check(&fragments, c, tree, &notes, &err) == 0, "%s", err.msg);
	_cleanup_free_ char *not_taken = joined(&notes.not_taken);

	ck_assert_str_eq(not_taken, "CONFIG_REFUSED=y");
	ck_assert_uint_eq(notes.unknown.n, 0);
}
END_TEST

/* No option of 4.9: either it has it always, or not yet. */
static bool is_in_4_9(const char *line)
{
	static const char *const not_there[] = {
		"CONFIG_POSIX_TIMERS=",	  "CONFIG_MEMFD_CREATE=",
		"CONFIG_TIME_NS=",	  "CONFIG_UNWINDER_FRAME_POINTER=",
		"CONFIG_KCMP=",		  "CONFIG_PROC_MEM_ALWAYS_FORCE=",
		"CONFIG_RSEQ=",		  "CONFIG_X86_IOPL_IOPERM=",
		"CONFIG_STACKPROTECTOR=", "CONFIG_PVH=",
	};

	for (size_t i = 0; i < sizeof(not_there) / sizeof(*not_there); i++)
		if (!strncmp(line, not_there[i], strlen(not_there[i])))
			return false;
	return !strstr(line, "=n");
}

static void add_fragment(const char *name, struct strv *fragments, struct strv *config)
{
	_cleanup_free_ char *rel = xasprintf("kernels/config/%s", name);
	_cleanup_free_ char *path = paths_data(rel), *text = NULL;
	_cleanup_strv_ struct strv lines = {0};
	struct err err = ERR_INIT;

	ck_assert_int_eq(read_file(path, 1 << 20, &text, NULL, &err), 0);
	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++)
		if (is_in_4_9(lines.v[i]))
			strv_add(config, lines.v[i]);
	strv_add(fragments, path);
}

/* The fragments as they are shipped: an old kernel's builder complains of nothing, and is right. */
START_TEST(shipped_fragments_fit_an_old_kernel)
{
	_cleanup_strv_ struct strv fragments = {0}, config = {0};
	_cleanup_kconfig_notes_ struct kconfig_notes notes = {0};
	struct err err = ERR_INIT;

	add_fragment("base.config", &fragments, &config);
	add_fragment("x86_64.config", &fragments, &config);
	_cleanup_free_ char *text = strv_join(&config, "\n"), *c = file("config", text);

	ck_assert_msg(kconfig_check(&fragments, c, test_dir(), &notes, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(notes.not_taken.n, 0);
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
	tcase_add_test(tc, what_a_source_does_not_have_is_told_apart);
	tcase_add_test(tc, optional_options_that_are_there_are_told_of);
	tcase_add_test(tc, shipped_fragments_fit_an_old_kernel);
	tcase_add_test(tc, append_keeps_the_order);
	suite_add_tcase(s, tc);
	return s;
}
