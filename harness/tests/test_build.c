// SPDX-License-Identifier: GPL-2.0-or-later
/* The builder on a made-up tree whose Makefile does what kbuild's does, in no time. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "cleanup.h"
#include "publish.h"
#include "test.h"

/* tinyconfig starts one; olddefconfig drops what it does not know; bzImage is a copy of the source.
 */
static const char makefile[] =
	"tinyconfig:\n\techo CONFIG_TINY=y > $(O)/.config\n"
	"olddefconfig:\n\tgrep -v UNKNOWN $(O)/.config > $(O)/new; mv $(O)/new $(O)/.config\n"
	"bzImage:\n\tmkdir -p $(O)/arch/x86/boot\n\techo '  CC      main.o'\n"
	"\tcat main.c > $(O)/arch/x86/boot/bzImage\n"
	"\ttouch $(O)/System.map $(O)/vmlinux\n"
	"\t! grep -q BROKEN main.c || { echo 'main.c:1: error: broken';"
	" seq -f 'another job, line %g' 50; exit 1; }\n"
	".PHONY: tinyconfig olddefconfig bzImage\n";

static const char good_patch[] = "--- a/main.c\n+++ b/main.c\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n";
static const char stale_patch[] = "--- a/main.c\n+++ b/main.c\n@@ -1,2 +1,2 @@\n eins\n-zwei\n+2\n";

struct tree {
	char *src, *dir;
	struct build b;
};

static char *put(const char *dir, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", dir, name);
	struct err err = ERR_INIT;

	ck_assert_msg(publish_buffer(path, text, strlen(text), &err) == 0, "%s", err.msg);
	return path;
}

/* kbuild takes no blank in a path, and the builder says so; these go where there is none. */
static struct tree tree_new(const char *main_c, const char *config, const char *patch)
{
	static char base[] = "/tmp/sealmatrix-test-build.XXXXXX";
	struct tree t = {.b = {.name = "test", .arch = "x86_64", .release = "test"}};
	struct err err = ERR_INIT;

	setenv("XDG_CACHE_HOME", test_dir(), 1);
	unsetenv("TMPDIR");
	ck_assert_ptr_nonnull(mkdtemp(base));
	t.src = xasprintf("%s/tree", base);
	t.dir = xasprintf("%s/entry", base);
	ck_assert_int_eq(make_dirs(t.dir, &err), 0);
	free(put(t.src, "Makefile", makefile));
	free(put(t.src, "main.c", main_c));
	_cleanup_free_ char *fragment = put(base, "fragment", config);

	strv_add(&t.b.fragments, fragment);
	if (patch) {
		_cleanup_free_ char *p = put(base, "fix.patch", patch);

		strv_add(&t.b.patches, p);
	}
	return t;
}

static void tree_free(struct tree *t)
{
	struct err err = ERR_INIT;

	*strrchr(t->src, '/') = '\0';
	ck_assert_int_eq(remove_tree(t->src, &err), 0);
	free(t->src);
	free(t->dir);
	strv_free(&t->b.fragments);
	strv_free(&t->b.patches);
}

static char *slurp(const char *dir, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	struct err err = ERR_INIT;
	char *text = NULL;

	read_file(path, 1 << 20, &text, NULL, &err);
	return text;
}

START_TEST(built_from_a_patched_copy)
{
	_cleanup_(tree_free) struct tree t = tree_new("one\ntwo\n", "CONFIG_A=y\n", good_patch);
	struct err err = ERR_INIT;

	ck_assert_msg(build_kernel(&t.b, t.src, NULL, t.dir, NULL, &err) == 0, "%s", err.msg);
	_cleanup_free_ char *image = slurp(t.dir, "vmlinuz"), *config = slurp(t.dir, "config");
	_cleanup_free_ char *source = slurp(t.src, "main.c");

	ck_assert_str_eq(image, "one\n2\n");
	ck_assert_str_eq(config, "CONFIG_TINY=y\nCONFIG_A=y\n");
	ck_assert_str_eq(source, "one\ntwo\n"); /* the pristine tree is as it was */
}
END_TEST

static const struct {
	const char *main_c, *config, *patch, *said;
} failures[] = {
	{"one\ntwo\n", "CONFIG_A=y\n", stale_patch, "does not apply"},
	{"one\ntwo\n", "CONFIG_UNKNOWN=y\n", NULL, "CONFIG_UNKNOWN=y"},
	{"BROKEN\n", "CONFIG_A=y\n", NULL, "error: broken"},
};

START_TEST(failures_say_why_and_keep_nothing)
{
	_cleanup_(tree_free) struct tree t =
		tree_new(failures[_i].main_c, failures[_i].config, failures[_i].patch);
	struct err err = ERR_INIT;

	ck_assert_int_lt(build_kernel(&t.b, t.src, NULL, t.dir, NULL, &err), 0);
	ck_assert_msg(strstr(err.msg, failures[_i].said) != NULL, "%s", err.msg);
	/* The result directory holds neither an image nor the remains of the work. */
	ck_assert_int_eq(rmdir(t.dir), 0);
}
END_TEST

/* What an old kernel does not have cannot be asked of it; what it has must survive all the same. */
START_TEST(an_old_source_need_not_have_every_option)
{
	_cleanup_(tree_free) struct tree t =
		tree_new("one\n", "CONFIG_A=y\nCONFIG_UNKNOWN=y\n", NULL);
	struct err err = ERR_INIT;

	free(put(t.src, "Kconfig", "config A\n\tbool\n"));
	t.b.workarounds.unknown_noted = true;
	ck_assert_msg(build_kernel(&t.b, t.src, NULL, t.dir, NULL, &err) == 0, "%s", err.msg);
	free(put(t.src, "Kconfig", "config A\n\tbool\nconfig UNKNOWN\n\tbool\n"));
	ck_assert_int_lt(build_kernel(&t.b, t.src, NULL, t.dir, NULL, &err), 0);
	ck_assert_msg(strstr(err.msg, "CONFIG_UNKNOWN=y") != NULL, "%s", err.msg);
}
END_TEST

START_TEST(missing_tools_are_named)
{
	struct err err = ERR_INIT;

	setenv("PATH", "/nonexistent", 1);
	ck_assert_int_lt(build_check_tools(&err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "install: gcc make"));
}
END_TEST

TEST_SUITE(build)
{
	Suite *s = suite_create("build");
	TCase *tc = tcase_create("build");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, built_from_a_patched_copy);
	tcase_add_loop_test(tc, failures_say_why_and_keep_nothing, 0,
			    sizeof(failures) / sizeof(*failures));
	tcase_add_test(tc, an_old_source_need_not_have_every_option);
	tcase_add_test(tc, missing_tools_are_named);
	suite_add_tcase(s, tc);
	return s;
}
