// SPDX-License-Identifier: GPL-2.0-or-later
/* Closures of modules, in trees of each shape: made here, of ELF files that the compiler makes. */
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "modules_kept.h"
#include "proc.h"
#include "publish.h"
#include "test.h"

#define REL  "5.3.9-1-amd64"
#define TREE "lib/modules/" REL

static char *path_of(const char *rel)
{
	return xasprintf("%s/%s", test_dir(), rel);
}

static void must_run(char *const argv[])
{
	struct err err = ERR_INIT;

	ck_assert_msg(proc_run(argv, NULL, &err) == 0, "%s", err.msg);
}

/* A module that exports NAME_sym and needs that of @needs, as depmod looks at it. */
static void compile(const char *name, const char *needs, const char *object)
{
	_cleanup_free_ char *source = path_of("m.c");
	_cleanup_free_ char *use =
		needs ? xasprintf("extern int %s_sym; int *use_%s = &%s_sym;\n", needs, name, needs)
		      : xstrdup("");
	_cleanup_free_ char *text = xasprintf(
		"static const char info[] __attribute__((section(\".modinfo\"), used)) = "
		"\"name=%s\\0license=GPL\\0depends=%s\";\n"
		"static const char e[] __attribute__((section(\"__ksymtab_strings\"), used)) "
		"= \"%s_sym\";\nint %s_sym;\n%s",
		name, needs ? needs : "", name, name, use);
	struct err err = ERR_INIT;

	ck_assert_int_eq(publish_buffer(source, text, strlen(text), &err), 0);
	must_run((char *[]){"gcc", "-c", "-fno-pic", "-o", (char *)object, source, NULL});
}

/* The file @from through one of libarchive's filters. */
static void compress_file(int filter, const char *from, const char *to)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	_cleanup_free_ char *data = NULL;
	struct err err = ERR_INIT;
	size_t len;

	ck_assert_int_eq(read_file(from, 1 << 20, &data, &len, &err), 0);
	archive_write_set_format_raw(a);
	archive_write_add_filter(a, filter);
	ck_assert_int_eq(archive_write_open_filename(a, to), ARCHIVE_OK);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_write_header(a, e);
	ck_assert_int_eq(archive_write_data(a, data, len), (la_ssize_t)len);
	archive_entry_free(e);
	archive_write_close(a);
	archive_write_free(a);
}

static const struct shape {
	const char *ext;
	int filter;
} shapes[] = {
	{".ko", ARCHIVE_FILTER_NONE},
	{".ko.gz", ARCHIVE_FILTER_GZIP},
	{".ko.xz", ARCHIVE_FILTER_XZ},
	{".ko.zst", ARCHIVE_FILTER_ZSTD},
};

/* fs/top needs lib/middle, which needs lib/low. */
static void make_tree(const struct shape *s)
{
	static const char *const modules[][3] = {{"low", NULL, "kernel/lib"},
						 {"middle", "low", "kernel/lib"},
						 {"top", "middle", "kernel/fs"}};
	_cleanup_free_ char *object = path_of("m.o");
	struct err err = ERR_INIT;

	for (size_t i = 0; i < 3; i++) {
		_cleanup_free_ char *dir = xasprintf("%s/" TREE "/%s", test_dir(), modules[i][2]);
		_cleanup_free_ char *to = xasprintf("%s/%s%s", dir, modules[i][0], s->ext);

		ck_assert_int_eq(make_dirs(dir, &err), 0);
		compile(modules[i][0], modules[i][1], object);
		compress_file(s->filter, object, to);
	}
}

static void depmod(void)
{
	must_run((char *[]){"sh", "-c", "PATH=$PATH:/sbin:/usr/sbin depmod -b \"$1\" " REL, "sh",
			    (char *)test_dir(), NULL});
}

/* What it takes to load top, in order, from wherever the tree is. */
static void check_closure(const char *root)
{
	_cleanup_module_set_ struct module_set set = {0};
	_cleanup_strv_ struct strv wanted = {0};
	struct err err = ERR_INIT;

	strv_add(&wanted, "top");
	strv_add(&wanted, "absent");
	ck_assert_msg(modules_closure(root, REL, &wanted, &set, &err) == 0, "%s", err.msg);
	_cleanup_free_ char *names = strv_join(&set.names, " ");

	ck_assert_str_eq(names, "low middle top");
	ck_assert_uint_eq(set.missing.n, 1);
	ck_assert_str_eq(set.missing.v[0], "absent");
	for (size_t i = 0; i < set.files.n; i++) {
		_cleanup_free_ char *data = NULL;
		size_t len;

		ck_assert_msg(module_read(set.files.v[i], &data, &len, &err) == 0, "%s", err.msg);
		ck_assert_int_eq(memcmp(data, "\177ELF", 4), 0);
	}
}

START_TEST(plain_and_compressed_with_an_index)
{
	make_tree(&shapes[_i]);
	depmod();
	check_closure(test_dir());
}
END_TEST

/* As unpacked from a package: the index is made aside, and nothing is written to the tree. */
START_TEST(without_an_index)
{
	_cleanup_free_ char *dep = path_of(TREE "/modules.dep");

	make_tree(&shapes[_i]);
	check_closure(test_dir());
	ck_assert_int_ne(access(dep, F_OK), 0);
}
END_TEST

/* One that was made before a module came. */
START_TEST(stale_index_is_not_believed)
{
	_cleanup_free_ char *top = path_of(TREE "/kernel/fs/top.ko"), *aside = path_of("top.ko");

	make_tree(&shapes[0]);
	ck_assert_int_eq(rename(top, aside), 0);
	depmod();
	ck_assert_int_eq(rename(aside, top), 0);
	check_closure(test_dir());
}
END_TEST

/* An installed system: /lib is a link to usr/lib. */
START_TEST(lib_is_a_link)
{
	_cleanup_free_ char *lib = path_of("lib"), *usr = path_of("usr"), *to = path_of("usr/lib");

	make_tree(&shapes[_i]);
	if (_i % 2)
		depmod();
	ck_assert_int_eq(mkdir(usr, 0777), 0);
	ck_assert_int_eq(rename(lib, to), 0);
	ck_assert_int_eq(symlink("usr/lib", lib), 0);
	check_closure(test_dir());
}
END_TEST

/* --- remembered ------------------------------------------------------------------------------- */

/* Entry: a copy of the tree. */
static int fill(const char *dir, void *arg, struct err *err)
{
	_cleanup_free_ char *lib = path_of("lib");

	(void)arg;
	return proc_run((char *[]){"cp", "-a", lib, (char *)dir, NULL}, NULL, err);
}

/* Caller frees. */
static char *cached_tree(void)
{
	struct err err = ERR_INIT;
	char *entry = NULL;

	setenv("XDG_CACHE_HOME", test_dir(), 1);
	make_tree(&shapes[0]);
	ck_assert_msg(cache_get("kernel", "0123", fill, NULL, &entry, &err) == 0, "%s", err.msg);
	return entry;
}

/* What modules_of() says of the tree, as words; NULL when it had to look and could not. */
static char *closure_of_kernel(const char *entry, const char *modules, bool with_tools)
{
	_cleanup_module_set_ struct module_set set = {0};
	_cleanup_free_ char *path = xstrdup(getenv("PATH"));
	_cleanup_strv_ struct strv wanted = {0};
	const struct kernel k = {
		.entry = (char *)entry, .modules = (char *)modules, .release = REL};
	struct err err = ERR_INIT;

	strv_add(&wanted, "top");
	strv_add(&wanted, "absent");
	if (!with_tools)
		setenv("PATH", test_dir(), 1);
	int ret = modules_of(&k, &wanted, &set, &err);

	setenv("PATH", path, 1);
	if (ret < 0)
		return NULL;
	_cleanup_free_ char *files = strv_join(&set.files, " "),
			    *missing = strv_join(&set.missing, " ");

	return xasprintf("%s; %s", files, missing);
}

START_TEST(modules_of_the_cache_are_remembered)
{
	_cleanup_free_ char *entry = cached_tree();

	ck_assert_ptr_null(closure_of_kernel(entry, entry, false));
	_cleanup_free_ char *found = closure_of_kernel(entry, entry, true);
	_cleanup_free_ char *kept = closure_of_kernel(entry, entry, false);

	ck_assert_ptr_nonnull(found);
	ck_assert_ptr_nonnull(kept);
	ck_assert_str_eq(kept, found);
	ck_assert_msg(strstr(kept, "top.ko; absent") != NULL, "%s", kept);
}
END_TEST

/* Somebody's own tree may be another one the next time. */
START_TEST(other_modules_are_not)
{
	setenv("XDG_CACHE_HOME", test_dir(), 1);
	make_tree(&shapes[0]);
	_cleanup_free_ char *found = closure_of_kernel(NULL, test_dir(), true);

	ck_assert_ptr_nonnull(found);
	ck_assert_ptr_null(closure_of_kernel(NULL, test_dir(), false));
	ck_assert_ptr_null(closure_of_kernel("/elsewhere", test_dir(), false));
}
END_TEST

/* What is damaged, or names files that are gone, is found out again. */
START_TEST(damaged_memory_is_not_believed)
{
	_cleanup_free_ char *entry = cached_tree();
	_cleanup_free_ char *low = xasprintf("%s/" TREE "/kernel/lib/low.ko", entry);
	_cleanup_free_ char *aside = path_of("low.ko");
	_cleanup_free_ char *damage =
		xasprintf("for f in '%s'/sealmatrix/closure/*; do echo '%s' >\"$f\"; done",
			  test_dir(), _i ? "{\"files\":[7]}" : "{\"files\":[\"");
	_cleanup_free_ char *found = closure_of_kernel(entry, entry, true);

	must_run((char *[]){"sh", "-c", damage, NULL});
	ck_assert_ptr_null(closure_of_kernel(entry, entry, false));
	_cleanup_free_ char *again = closure_of_kernel(entry, entry, true);

	ck_assert_str_eq(again, found);
	ck_assert_int_eq(rename(low, aside), 0);
	ck_assert_ptr_null(closure_of_kernel(entry, entry, false));
}
END_TEST

/* One byte of the module itself, whether its closure is remembered or not. */
START_TEST(damaged_module_is_not_loaded)
{
	_cleanup_free_ char *entry = cached_tree();
	_cleanup_free_ char *top = xasprintf("%s/" TREE "/kernel/fs/top.ko", entry);
	const struct kernel k = {.entry = entry, .modules = entry, .release = REL};
	_cleanup_module_set_ struct module_set set = {0};
	_cleanup_strv_ struct strv wanted = {0};
	struct err err = ERR_INIT;

	if (_i)
		free(closure_of_kernel(entry, entry, true));
	int fd = open(top, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, "X", 1, 10), 1); /* padding behind the ELF identification */
	close(fd);
	strv_add(&wanted, "top");
	strv_add(&wanted, "absent");
	ck_assert_int_lt(modules_of(&k, &wanted, &set, &err), 0);
	ck_assert_msg(strstr(err.msg, "fs/top.ko is damaged") != NULL, "%s", err.msg);
	ck_assert_int_ne(access(entry, F_OK), 0); /* made anew the next time */
}
END_TEST

TEST_SUITE(modules)
{
	Suite *s = suite_create("modules");
	TCase *tc = tcase_create("modules");
	int n = sizeof(shapes) / sizeof(*shapes);

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, plain_and_compressed_with_an_index, 0, n);
	tcase_add_loop_test(tc, without_an_index, 0, n);
	tcase_add_test(tc, stale_index_is_not_believed);
	tcase_add_loop_test(tc, lib_is_a_link, 0, n);
	tcase_add_test(tc, modules_of_the_cache_are_remembered);
	tcase_add_test(tc, other_modules_are_not);
	tcase_add_loop_test(tc, damaged_memory_is_not_believed, 0, 2);
	tcase_add_loop_test(tc, damaged_module_is_not_loaded, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
