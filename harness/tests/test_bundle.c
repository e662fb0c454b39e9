// SPDX-License-Identifier: GPL-2.0-or-later
/* Replay files as strangers send them: whole, cut off, altered, and hostile. */
#include <archive.h>
#include <archive_entry.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "cleanup.h"
#include "hash.h"
#include "json_util.h"
#include "publish.h"
#include "test.h"

static char *in_test(const char *name)
{
	return xasprintf("%s/%s", test_dir(), name);
}

static char *slurp(const char *path, size_t *len)
{
	struct err err = ERR_INIT;
	char *data;

	ck_assert_msg(read_file(path, 1 << 24, &data, len, &err) == 0, "%s", err.msg);
	return data;
}

/* A whole one with the members "kernel" and "console-1". */
static void write_good(const char *path)
{
	_cleanup_strv_ struct strv names = {0}, files = {0};
	_cleanup_json_ json_t *manifest = json_pack("{s:s}", "qemu", "7.2");
	_cleanup_free_ char *kernel = in_test("k"), *console = in_test("c");
	struct err err = ERR_INIT;
	char big[100000];

	/* Nothing that packs well: a cut must be felt. */
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * i * 2654435761u >> 13);
	ck_assert_int_eq(publish_buffer(kernel, big, sizeof(big), &err), 0);
	ck_assert_int_eq(publish_buffer(console, "boot\n", 5, &err), 0);
	strv_add(&names, "kernel");
	strv_add(&files, kernel);
	strv_add(&names, "console-1");
	strv_add(&files, console);
	ck_assert_msg(bundle_write(path, manifest, &names, &files, &err) == 0, "%s", err.msg);
}

/* bundle_read() into a new directory. */
static int unpack(const char *path, json_t **manifest, struct err *err)
{
	_cleanup_free_ char *dir = in_test("out");

	ck_assert_int_eq(remove_tree(dir, err), 0);
	ck_assert_int_eq(make_dirs(dir, err), 0);
	return bundle_read(path, dir, manifest, err);
}

static void refused(const char *path, const char *why)
{
	json_t *manifest = NULL;
	struct err err = ERR_INIT;

	ck_assert_int_lt(unpack(path, &manifest, &err), 0);
	ck_assert_ptr_null(manifest);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, why) != NULL, "wanted '%s': %s", why, err.msg);
	ck_assert_msg(strstr(err.msg, path) == err.msg, "%s", err.msg);
}

START_TEST(what_was_written_is_read)
{
	_cleanup_free_ char *path = in_test("good"), *console = in_test("out/console-1");
	_cleanup_json_ json_t *manifest = NULL;
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;
	size_t len;

	write_good(path);
	ck_assert_msg(unpack(path, &manifest, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(jstr(manifest, "qemu", ""), "7.2");
	text = slurp(console, &len);
	ck_assert_str_eq(text, "boot\n");
}
END_TEST

START_TEST(cut_off_anywhere_is_refused)
{
	_cleanup_free_ char *path = in_test("good"), *cut = in_test("cut");
	struct err err = ERR_INIT;
	size_t len;

	write_good(path);
	_cleanup_free_ char *data = slurp(path, &len);

	for (size_t n = 0; n < len; n += 997) {
		json_t *manifest = NULL;

		ck_assert_int_eq(publish_buffer(cut, data, n, &err), 0);
		ck_assert_msg(unpack(cut, &manifest, &err) < 0, "%zu of %zu bytes were believed", n,
			      len);
		ck_assert_int_eq(err.kind, ERR_USER);
		err = (struct err)ERR_INIT;
	}
}
END_TEST

START_TEST(every_flipped_byte_is_refused)
{
	_cleanup_free_ char *path = in_test("good"), *bad = in_test("bad");
	struct err err = ERR_INIT;
	size_t len;

	write_good(path);
	_cleanup_free_ char *data = slurp(path, &len);

	/* Not the very end: zstd's frame may close with bytes that say nothing. */
	for (size_t at = 0; at < len - 16; at += 499) {
		json_t *manifest = NULL;

		data[at] ^= 0x55;
		ck_assert_int_eq(publish_buffer(bad, data, len, &err), 0);
		ck_assert_msg(unpack(bad, &manifest, &err) < 0, "byte %zu was believed", at);
		ck_assert_int_eq(err.kind, ERR_USER);
		data[at] ^= 0x55;
		err = (struct err)ERR_INIT;
	}
}
END_TEST

/* One entry of an archive made by hand. */
struct entry {
	const char *name, *data;
	int type;	    /* 0: a regular file */
	const char *target; /* of a symbolic link, or, for a regular file, of a hard one */
};

static void write_entries(const char *path, const char *manifest, const struct entry *v, size_t n)
{
	struct archive *a = archive_write_new();
	const struct entry first = {BUNDLE_MANIFEST, manifest, 0, NULL};

	archive_write_set_format_pax_restricted(a);
	ck_assert_int_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
	for (size_t i = manifest ? 0 : 1; i < n + 1; i++) {
		const struct entry *e = i ? &v[i - 1] : &first;
		struct archive_entry *ae = archive_entry_new();
		bool link = e->target;

		archive_entry_set_pathname(ae, e->name);
		archive_entry_set_filetype(ae, e->type ? (unsigned)e->type : AE_IFREG);
		archive_entry_set_perm(ae, 0644);
		archive_entry_set_size(ae, link || !e->data ? 0 : strlen(e->data));
		if (link && e->type)
			archive_entry_set_symlink(ae, e->target);
		else if (link)
			archive_entry_set_hardlink(ae, e->target);
		ck_assert_int_eq(archive_write_header(a, ae), ARCHIVE_OK);
		if (!link && e->data)
			archive_write_data(a, e->data, strlen(e->data));
		archive_entry_free(ae);
	}
	ck_assert_int_eq(archive_write_free(a), ARCHIVE_OK);
}

#define HEAD	     "{\"format\":\"sealmatrix-replay\",\"version\":1,\"members\":"
#define MEMBER(n, s) "{\"name\":\"" n "\",\"size\":" s ",\"sha256\":\"" HASH_X "\"}"
#define GIB(n)	     MEMBER(n, "1073741824")
/* of "x" */
#define HASH_X "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"

static const struct {
	const char *manifest;
	struct entry entries[3];
	size_t n;
	const char *why; /* NULL: it is fine */
} made[] = {
	{HEAD "[" MEMBER("a", "1") "]}", {{"a", "x", 0, NULL}}, 1, NULL},
	{NULL, {{"a", "x", 0, NULL}}, 1, "does not begin with"},
	{"not JSON", {{0}}, 0, "is damaged"},
	{"{}", {{0}}, 0, "something else"},
	{"{\"format\":\"sealmatrix-replay\",\"version\":2}", {{0}}, 0, "version 2"},
	{HEAD "{}}", {{0}}, 0, "no list of members"},
	{HEAD "[" MEMBER("../a", "1") "]}", {{"../a", "x", 0, NULL}}, 1, "bad name"},
	{HEAD "[" MEMBER("/etc/a", "1") "]}", {{"/etc/a", "x", 0, NULL}}, 1, "bad name"},
	{HEAD "[" MEMBER("..", "1") "]}", {{"..", "x", 0, NULL}}, 1, "bad name"},
	{HEAD "[" MEMBER("", "1") "]}", {{"a", "x", 0, NULL}}, 1, "bad name"},
	{HEAD "[" MEMBER("manifest.json", "1") "]}", {{0}}, 0, "bad name"},
	{HEAD "[" MEMBER("a", "1") "," MEMBER("a", "1") "]}", {{0}}, 0, "bad name"},
	{HEAD "[" MEMBER("a", "-1") "]}", {{0}}, 0, "claims to have"},
	{HEAD "[" MEMBER("a", "99999999999") "]}", {{0}}, 0, "claims to have"},
	{HEAD "[" GIB("a") "," GIB("b") "," GIB("c") "," GIB("d") "]}", {{0}}, 0, "a is missing"},
	{HEAD "[" GIB("a") "," GIB("b") "," GIB("c") "," GIB("d") "," MEMBER("e", "1") "]}",
	 {{0}},
	 0,
	 "more than 4 GiB"},
	{HEAD "[" MEMBER("a", "1") "]}", {{0}}, 0, "a is missing"},
	{HEAD "[]}", {{"a", "x", 0, NULL}}, 1, "manifest does not"},
	{HEAD "[]}", {{"../../a", "x", 0, NULL}}, 1, "manifest does not: a path"},
	{HEAD "[" MEMBER("a", "1") "]}", {{"a", "x", 0, NULL}, {"a", "x", 0, NULL}}, 2, "twice"},
	{HEAD "[" MEMBER("a", "1") "]}", {{"a", NULL, AE_IFLNK, "/etc/passwd"}}, 1, "does not"},
	{HEAD "[" MEMBER("a", "1") "]}", {{"a", NULL, 0, "/etc/passwd"}}, 1, "does not"},
	{HEAD "[" MEMBER("a", "1") "]}", {{"a", NULL, AE_IFDIR, NULL}}, 1, "does not"},
	{HEAD "[" MEMBER("a", "1") "]}", {{"a", NULL, AE_IFIFO, NULL}}, 1, "does not"},
	{HEAD "[" MEMBER("a", "1") "]}", {{"a", "xx", 0, NULL}}, 1, "larger"},
	{HEAD "[" MEMBER("a", "2") "]}", {{"a", "x", 0, NULL}}, 1, "cut off"},
	{HEAD "[" MEMBER("a", "1") "]}", {{"a", "y", 0, NULL}}, 1, "altered"},
};

START_TEST(made_by_hand)
{
	_cleanup_free_ char *path = in_test("made");

	write_entries(path, made[_i].manifest, made[_i].entries, made[_i].n);
	if (made[_i].why) {
		refused(path, made[_i].why);
		return;
	}
	_cleanup_json_ json_t *manifest = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(unpack(path, &manifest, &err) == 0, "%s", err.msg);
}
END_TEST

START_TEST(not_an_archive)
{
	_cleanup_free_ char *path = in_test("foreign"), *none = in_test("none");
	struct err err = ERR_INIT;

	ck_assert_int_eq(publish_buffer(path, "\177ELF and so on", 14, &err), 0);
	refused(path, "not a replay file");
	ck_assert_int_eq(publish_buffer(path, "", 0, &err), 0);
	refused(path, "not a replay file");
	refused(none, "No such file");
	refused(test_dir(), "not a replay file");
}
END_TEST

START_TEST(nothing_is_left_of_a_file_that_cannot_be_written)
{
	_cleanup_strv_ struct strv names = {0}, files = {0};
	_cleanup_json_ json_t *manifest = json_object();
	_cleanup_free_ char *path = in_test("never");
	struct err err = ERR_INIT;

	strv_add(&names, "kernel");
	strv_add(&files, "/nonexistent");
	ck_assert_int_lt(bundle_write(path, manifest, &names, &files, &err), 0);
	ck_assert_msg(strstr(err.msg, "/nonexistent") != NULL, "%s", err.msg);
	ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST

/* The archive is open when it fails, and has bytes to write: for those who check memory. */
START_TEST(name_that_cannot_be_written)
{
	_cleanup_strv_ struct strv names = {0}, files = {0};
	_cleanup_json_ json_t *manifest = json_object();
	_cleanup_free_ char *path = in_test("never"), *file = in_test("k");
	struct err err = ERR_INIT;
	char name[300] = "";

	ck_assert_int_eq(publish_buffer(file, "x", 1, &err), 0);
	memset(name, 'a', sizeof(name) - 1);
	strv_add(&names, name);
	strv_add(&files, file);
	ck_assert_int_lt(bundle_write(path, manifest, &names, &files, &err), 0);
	ck_assert_msg(strstr(err.msg, "write aaa") != NULL, "%s", err.msg);
	ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST

TEST_SUITE(bundle)
{
	Suite *s = suite_create("bundle");
	TCase *tc = tcase_create("bundle");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, what_was_written_is_read);
	tcase_add_test(tc, cut_off_anywhere_is_refused);
	tcase_add_test(tc, every_flipped_byte_is_refused);
	tcase_add_loop_test(tc, made_by_hand, 0, sizeof(made) / sizeof(*made));
	tcase_add_test(tc, not_an_archive);
	tcase_add_test(tc, nothing_is_left_of_a_file_that_cannot_be_written);
	tcase_add_test(tc, name_that_cannot_be_written);
	suite_add_tcase(s, tc);
	return s;
}
