// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "hash.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

/* FIPS 180-4's examples, and what is longer than one read of a file. */
static const struct {
	const char *unit, *hex;
	size_t times;
} samples[] = {
	{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0},
	{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 1},
	{"a", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", 1000000},
};

START_TEST(sums_are_sha256)
{
	size_t len = strlen(samples[_i].unit) * samples[_i].times;
	_cleanup_free_ char *data = xcalloc(1, len + 1);
	_cleanup_free_ char *path = xasprintf("%s/file", test_dir());
	char hex[SHA256_HEX];
	struct err err = ERR_INIT;

	for (size_t i = 0; i < samples[_i].times; i++)
		strcat(data + i * strlen(samples[_i].unit), samples[_i].unit);
	hash_buffer(data, len, hex);
	ck_assert_str_eq(hex, samples[_i].hex);
	ck_assert_int_eq(publish_buffer(path, data, len, &err), 0);
	ck_assert_int_eq(hash_file(path, hex, &err), 0);
	ck_assert_str_eq(hex, samples[_i].hex);
}
END_TEST

/* With holes or with zeros; begun in the middle of a block of any size. */
static void write_far(const char *path, off_t at, bool holes)
{
	static const char zeros[300000];
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	ck_assert_int_ge(fd, 0);
	if (!holes)
		ck_assert_int_eq(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
	ck_assert_int_eq(ftruncate(fd, sizeof(zeros)), 0);
	ck_assert_int_eq(pwrite(fd, "here", 4, at), 4);
}

static const off_t places[] = {0, 65534, 200001, 299996};

START_TEST(holes_are_zeros)
{
	_cleanup_free_ char *path = xasprintf("%s/file", test_dir());
	char holes[SHA256_HEX], zeros[SHA256_HEX], other[SHA256_HEX];
	struct err err = ERR_INIT;

	write_far(path, places[_i], true);
	ck_assert_msg(hash_data(path, holes, &err) == 0, "%s", err.msg);
	write_far(path, places[_i], false);
	ck_assert_msg(hash_data(path, zeros, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(holes, zeros);
	write_far(path, places[_i] ? places[_i] - 1 : 1, true);
	ck_assert_msg(hash_data(path, other, &err) == 0, "%s", err.msg);
	ck_assert_str_ne(holes, other);
}
END_TEST

START_TEST(what_cannot_be_read_is_told)
{
	char hex[SHA256_HEX];
	struct err err = ERR_INIT;

	ck_assert_int_lt(hash_file("/nonexistent", hex, &err), 0);
	ck_assert_msg(strstr(err.msg, "hash /nonexistent: No such file"), "%s", err.msg);
	ck_assert_int_lt(hash_file(test_dir(), hex, &err), 0);
	ck_assert_int_lt(hash_data("/nonexistent", hex, &err), 0);
	ck_assert_int_lt(hash_data("/proc/self/mem", hex, &err), 0);
}
END_TEST

static void key_of(const char *a, const char *b, char hex[SHA256_HEX])
{
	struct hash_key *k = hash_key_new();

	hash_key_add(k, a);
	hash_key_add(k, b);
	hash_key_end(k, hex);
}

START_TEST(parts_of_a_key_do_not_run_together)
{
	char one[SHA256_HEX], other[SHA256_HEX], again[SHA256_HEX];

	key_of("ab", "c", one);
	key_of("a", "bc", other);
	key_of("ab", "c", again);
	ck_assert_str_ne(one, other);
	ck_assert_str_eq(one, again);
}
END_TEST

TEST_SUITE(hash)
{
	Suite *s = suite_create("hash");
	TCase *tc = tcase_create("hash");

	tcase_add_loop_test(tc, sums_are_sha256, 0, sizeof(samples) / sizeof(*samples));
	tcase_add_loop_test(tc, holes_are_zeros, 0, sizeof(places) / sizeof(*places));
	tcase_add_test(tc, what_cannot_be_read_is_told);
	tcase_add_test(tc, parts_of_a_key_do_not_run_together);
	suite_add_tcase(s, tc);
	return s;
}
