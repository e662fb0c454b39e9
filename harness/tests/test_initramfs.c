// SPDX-License-Identifier: GPL-2.0-or-later
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cleanup.h"
#include "initramfs.h"
#include "proto.h"
#include "publish.h"
#include "test.h"

static char *put(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", test_dir(), name);
	struct err err = ERR_INIT;

	ck_assert_msg(publish_buffer(path, text, strlen(text), &err) == 0, "%s", err.msg);
	return path;
}

static int write_list(const char *list, const char *out, struct err *err)
{
	_cleanup_free_ char *l = put("list", list), *path = xasprintf("%s/%s", test_dir(), out);
	struct initramfs_opts opts = {.list = l, .plan = "plan\n"};

	*err = (struct err)ERR_INIT;
	setenv("SEALMATRIX_ROOT", test_dir(), 1);
	free(put("init", "#!/bin/sh\n"));
	return initramfs_write(path, &opts, err);
}

static const char good[] = "# a comment\n"
			   "dir /dev 0755\n"
			   "dir /sealmatrix 0755\n"
			   "node /dev/console 0600 c 5 1\n"
			   "file /init 0755 @data@/init # why\n"
			   "link /sh init\n";

/* "name type mode" of each member, and the content of files. Caller frees. */
static char *listing(const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", test_dir(), name);
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	char *out = xstrdup("");

	archive_read_support_format_cpio(a);
	ck_assert_int_eq(archive_read_open_filename(a, path, 4096), ARCHIVE_OK);
	while (archive_read_next_header(a, &e) == ARCHIVE_OK) {
		char data[128] = "";
		ssize_t n = archive_read_data(a, data, sizeof(data) - 1);
		const char *link = archive_entry_symlink(e);
		char *more = xasprintf("%s%s %o %s%.*s\n", out, archive_entry_pathname(e),
				       archive_entry_mode(e), link ? link : "", n > 0 ? (int)n : 0,
				       data);

		ck_assert_int_eq(archive_entry_uid(e), 0);
		ck_assert_int_eq(archive_entry_mtime(e), 0);
		free(out);
		out = more;
	}
	archive_read_free(a);
	return out;
}

START_TEST(holds_what_the_list_says)
{
	struct err err;

	ck_assert_msg(write_list(good, "out", &err) == 0, "%s", err.msg);
	_cleanup_free_ char *members = listing("out");

	ck_assert_str_eq(members, "dev 40755 \n"
				  "sealmatrix 40755 \n"
				  "dev/console 20600 \n"
				  "init 100755 #!/bin/sh\n\n"
				  "sh 120777 init\n"
				  "lib 40755 \n"
				  "lib/modules 40755 \n"
				  "sealmatrix/modules 100644 \n"
				  "sealmatrix/plan.jsonl 100600 plan\n\n");
}
END_TEST

START_TEST(same_inputs_give_the_same_bytes)
{
	_cleanup_free_ char *a = xasprintf("%s/a", test_dir()), *b = xasprintf("%s/b", test_dir());
	_cleanup_free_ char *ta = NULL, *tb = NULL;
	size_t na, nb;
	struct err err;

	ck_assert_int_eq(write_list(good, "a", &err), 0);
	/* Another clock, zone and umask, and files made anew. */
	setenv("TZ", "Asia/Kathmandu", 1);
	tzset();
	umask(0);
	struct timespec later = {.tv_nsec = 20 * 1000 * 1000};

	nanosleep(&later, NULL);
	ck_assert_int_eq(write_list(good, "b", &err), 0);
	ck_assert_int_eq(read_file(a, 1 << 20, &ta, &na, &err), 0);
	ck_assert_int_eq(read_file(b, 1 << 20, &tb, &nb, &err), 0);
	ck_assert(na == nb && !memcmp(ta, tb, na));
}
END_TEST

static const struct {
	const char *list, *said;
} bad[] = {
	{"file /init 0755 @data@/missing\n", "missing"},
	{"dir /sealmatrix 0755\nfile /init 0755 /etc/passwd\n", ":2: a source begins with"},
	{"dir /a/b 0755\n", ":1: the parent"},
	{"dir a 0755\n", ":1: a path must be absolute"},
	{"dir /a\n", ":1: wrong number"},
	{"pipe /a 0755\n", ":1: a line begins with"},
	{"dir /dev 0755\nnode /dev/sda 0600 b 8 0\n", ":2: only character devices"},
};

START_TEST(mistakes_are_named_and_leave_nothing)
{
	_cleanup_free_ char *path = xasprintf("%s/out", test_dir());
	struct stat st;
	struct err err;

	ck_assert_int_lt(write_list(bad[_i].list, "out", &err), 0);
	ck_assert_msg(strstr(err.msg, bad[_i].said) != NULL, "%s", err.msg);
	ck_assert_int_ne(stat(path, &st), 0);
}
END_TEST

static const char both[] = "dir /sealmatrix 0755\n"
			   "case /agent 0755 @data@/init\n"
			   "load /loader 0755 @data@/init\n"
			   "file /init 0755 @data@/init\n";

START_TEST(a_template_has_a_loader_in_place_of_the_cases)
{
	_cleanup_strv_ struct strv guest = {0}, host = {0};
	struct err err;

	ck_assert_msg(write_list(both, "whole", &err) == 0, "%s", err.msg);
	_cleanup_free_ char *whole = listing("whole"), *l = put("list", both);
	_cleanup_free_ char *path = xasprintf("%s/template", test_dir());
	struct initramfs_opts opts = {.list = l};

	ck_assert_ptr_nonnull(strstr(whole, "agent "));
	ck_assert_ptr_null(strstr(whole, "loader "));
	ck_assert_ptr_nonnull(strstr(whole, "plan"));

	ck_assert_int_eq(initramfs_write(path, &opts, &err), 0);
	_cleanup_free_ char *template = listing("template");

	ck_assert_ptr_null(strstr(template, "agent "));
	ck_assert_ptr_nonnull(strstr(template, "loader "));
	ck_assert_ptr_null(strstr(template, "plan"));

	ck_assert_int_eq(initramfs_cases(l, &guest, &host, &err), 0);
	ck_assert_uint_eq(guest.n, 1);
	ck_assert_uint_eq(host.n, 1);
	ck_assert_str_eq(guest.v[0], "/agent");
	ck_assert_int_eq(*host.v[0], '/');
}
END_TEST

/* A module that says as little as one can, and behind it a signature of one byte each. */
static char *put_module(const char *name, bool is_signed)
{
	static const char signature[] = "SKs"
					"\0\4\2\1\1\0\0\0\0\0\0\1"
					"~Module signature appended~\n";
	char data[sizeof(Elf64_Ehdr) + sizeof(signature) - 1] = {0};
	char *path = xasprintf("%s/%s", test_dir(), name);
	struct err err = ERR_INIT;
	Elf64_Ehdr h = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB}};

	memcpy(data, &h, sizeof(h));
	memcpy(data + sizeof(h), signature, sizeof(signature) - 1);
	ck_assert_int_eq(publish_buffer(path, data, is_signed ? sizeof(data) : sizeof(h), &err), 0);
	return path;
}

START_TEST(signature_comes_as_a_file_of_its_own)
{
	_cleanup_free_ char *l = put("list", "dir /sealmatrix 0755\n");
	_cleanup_free_ char *out = xasprintf("%s/out", test_dir());
	_cleanup_module_set_ struct module_set mods = {0};
	struct initramfs_opts opts = {.list = l, .plan = "plan\n", .mods = &mods};
	struct err err = ERR_INIT;

	_cleanup_free_ char *one = put_module("one.ko", true), *two = put_module("two.ko", false);

	strv_add(&mods.files, one);
	strv_add(&mods.files, two);
	strv_add(&mods.names, "one");
	strv_add(&mods.names, "two");
	ck_assert_msg(initramfs_write(out, &opts, &err) == 0, "%s", err.msg);
	_cleanup_free_ char *members = listing("out");

	ck_assert_ptr_nonnull(strstr(members, "lib/modules/one.ko 100644 \177ELF"));
	ck_assert_ptr_nonnull(strstr(members, "lib/modules/one.ko.sig 100644 SKs"));
	ck_assert_ptr_nonnull(strstr(members, "lib/modules/two.ko 100644 \177ELF"));
	ck_assert_ptr_null(strstr(members, "two.ko.sig"));
}
END_TEST

static const struct {
	const char *data;
	size_t len, want;
} tails[] = {
#define TAIL(text, want)                     \
	{                                    \
		text, sizeof(text) - 1, want \
	}
	TAIL("", 0),
	TAIL("~Module signature appended~\n", 0),
	TAIL("mod~Module signature appended~\n", 0),
	/* Longer than the whole file. */
	TAIL("mod\0\4\2\1\1\0\0\0\0\0\1\0~Module signature appended~\n", 0),
	/* Nothing but a signature. */
	TAIL("SKs\0\4\2\1\1\0\0\0\0\0\0\1~Module signature appended~\n", 0),
	TAIL("m\0\4\2\0\0\0\0\0\0\0\0\0~Module signature appended~\n", 40),
};

START_TEST(lengths_in_a_signature_are_checked)
{
	ck_assert_uint_eq(module_signature(tails[_i].data, tails[_i].len), tails[_i].want);
}
END_TEST

TEST_SUITE(initramfs)
{
	Suite *s = suite_create("initramfs");
	TCase *tc = tcase_create("initramfs");

	tcase_add_test(tc, holds_what_the_list_says);
	tcase_add_test(tc, same_inputs_give_the_same_bytes);
	tcase_add_loop_test(tc, mistakes_are_named_and_leave_nothing, 0,
			    sizeof(bad) / sizeof(*bad));
	tcase_add_test(tc, a_template_has_a_loader_in_place_of_the_cases);
	tcase_add_test(tc, signature_comes_as_a_file_of_its_own);
	tcase_add_loop_test(tc, lengths_in_a_signature_are_checked, 0,
			    sizeof(tails) / sizeof(*tails));
	suite_add_tcase(s, tc);
	return s;
}
