// SPDX-License-Identifier: GPL-2.0-or-later
/* Templates on file systems that lack something, or room: said, nothing is left, or it works. */
#include <dirent.h>
#include <errno.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "proto.h"
#include "publish.h"
#include "refuse.h"
#include "small_disk.h"
#include "template_world.h"
#include "test.h"
#include "tiny_guest.h"
#include "xalloc.h"

/* incb 0x200000: a page of memory that had been all zeros, and so a hole */
#define TOUCH 0xfe, 0x05, 0, 0, 0x20, 0
#define DONE  OUT_IMM(SM_EXIT_PORT, SM_EXIT_DONE), SPIN

static char *cache;
static struct template_world w;

static size_t put(unsigned char *code, const unsigned char *more, size_t n)
{
	memcpy(code, more, n);
	return n;
}

#define PUT(at, ...) \
	put(at, (const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__}))

/* A kernel that is ready, and, restored, uses some memory and is ready as an agent is. */
static void put_guest(void)
{
	unsigned char code[1024];
	size_t n = tiny_guest_say(code, SM_PARK_READY);

	n += PUT(code + n, PARK, TOUCH);
	n += tiny_guest_say(code + n, SM_PARK_READY);
	n += PUT(code + n, PARK, DONE);
	tiny_guest(w.kernel, code, n);
}

static void setup(void)
{
	cache = xasprintf("%s/cache", test_dir());
	template_world_open(&w, cache);
	put_guest();
}

static void teardown(void)
{
	template_world_close(&w);
	free(cache);
}

static struct template get(void)
{
	return template_world_get(&w);
}

/* Blocks that @path takes, KiB. */
static long kib(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_blocks / 2;
}

static int warm_up(const struct template *t, struct err *err)
{
	struct template warm;
	int ret = template_warm(t, &w.boot, "5678", NULL, &warm, err);

	if (!ret)
		ck_assert_int_ge(kib(warm.ram), 4);
	template_free(&warm);
	return ret;
}

/* As large as the machine's memory, for the zeros stay; else as any. */
START_TEST(without_holes_it_is_larger_and_as_good)
{
	if (!REFUSE({.call = SYS_fallocate,
		     .arg = 1,
		     .mask = FALLOC_FL_PUNCH_HOLE,
		     .value = FALLOC_FL_PUNCH_HOLE,
		     .error = EOPNOTSUPP}))
		return;
	_cleanup_template_ struct template one = get(), two = get();
	struct err err = ERR_INIT;

	ck_assert_int_ge(kib(one.ram), WORLD_MEMORY_MIB << 10);
	ck_assert_str_eq(one.id, two.id);
	ck_assert_msg(warm_up(&one, &err) == 0, "%s", err.msg);
}
END_TEST

/* Room cannot be set aside, nor copied without going through a buffer. */
static const int copying_errors[] = {EXDEV, ENOSYS, EOPNOTSUPP};

START_TEST(without_fallocate_and_copying_it_is_as_good)
{
	if (!REFUSE({.call = SYS_fallocate, .error = EOPNOTSUPP},
		    {.call = SYS_copy_file_range, .error = copying_errors[_i]}))
		return;
	_cleanup_template_ struct template one = get(), two = get();
	struct err err = ERR_INIT;

	ck_assert_str_eq(one.id, two.id);
	ck_assert_msg(warm_up(&one, &err) == 0, "%s", err.msg);
}
END_TEST

/* What a failed attempt leaves: locks, and nothing that anybody would take for a template. */
static void nothing_is_left(void)
{
	_cleanup_free_ char *dir = xasprintf("%s/sealmatrix/template", cache);
	_cleanup_closedir_ DIR *d = opendir(dir);

	for (struct dirent *e; d && (e = readdir(d));)
		ck_assert_msg(*e->d_name == '.' || strstr(e->d_name, ".lock"), "%s", e->d_name);
}

START_TEST(without_mmap_there_is_none)
{
	if (!REFUSE({.call = SYS_mmap,
		     .arg = 3,
		     .mask = MAP_SHARED | MAP_ANONYMOUS,
		     .value = MAP_SHARED,
		     .error = ENODEV}))
		return;
	struct template t;
	struct err err = ERR_INIT;
	int ret = template_get(&w.opts, &t, &err);

	template_free(&t);
	ck_assert_int_lt(ret, 0);
	ck_assert_msg(strstr(err.msg, "No such device") != NULL, "%s", err.msg);
	nothing_is_left();
}
END_TEST

/* The memory has its room, which was set aside; the state takes some 300 KiB, and finds 64. */
START_TEST(disk_that_fills_while_the_state_is_written)
{
	_cleanup_free_ char *size = xasprintf("%dk", (WORLD_MEMORY_MIB << 10) + 64);
	struct template t;
	struct err err = ERR_INIT;

	if (!small_disk(cache, size))
		return;
	int ret = template_get(&w.opts, &t, &err);

	template_free(&t);
	ck_assert_int_lt(ret, 0);
	ck_assert_msg(strstr(err.msg, "No space left") != NULL, "%s", err.msg);
	nothing_is_left();
}
END_TEST

/* KiB of room besides the memory's copy; is that enough? QEMU gets SIGBUS where a hole that it
 * writes to cannot be filled. */
static const struct {
	int more;
	const char *said, *or_said;
} rooms[] = {
	{-8, "copy ", "may not be whole: No space left"},
	{0, "killed by signal 7", "No space left"},
	{8, "No space left", "No space left"},
	{4096, NULL, NULL},
};

/* @t's files are somewhere else now, and where templates are kept is an empty directory. */
static char *move_away(struct template *t)
{
	_cleanup_free_ char *kept = xasprintf("%s/kept", cache);
	char *dir = xasprintf("%s/sealmatrix/template", cache);
	const char *key = strrchr(t->entry, '/');

	ck_assert_int_eq(rename(dir, kept), 0);
	ck_assert_int_eq(mkdir(dir, 0777), 0);
	free(t->ram);
	free(t->state);
	t->ram = xasprintf("%s%s/ram", kept, key);
	t->state = xasprintf("%s%s/state", kept, key);
	return dir;
}

START_TEST(disk_that_fills_while_a_copy_is_made)
{
	_cleanup_template_ struct template t = get();
	_cleanup_free_ char *dir = move_away(&t);
	_cleanup_free_ char *size = xasprintf("%ldk", kib(t.ram) + rooms[_i].more);
	struct err err = ERR_INIT;

	if (!small_disk(dir, size))
		return;
	int ret = warm_up(&t, &err);

	ck_assert_msg((ret < 0) == (rooms[_i].said != NULL), "%s", err.msg);
	if (ret < 0) {
		ck_assert_msg(strstr(err.msg, rooms[_i].said) || strstr(err.msg, rooms[_i].or_said),
			      "%s", err.msg);
		nothing_is_left();
	}
	umount2(dir, MNT_DETACH);
}
END_TEST

TEST_SUITE(template_room)
{
	Suite *s = suite_create("template room");
	TCase *tc = tcase_create("template room");

	tcase_set_timeout(tc, 600);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, without_holes_it_is_larger_and_as_good);
	tcase_add_loop_test(tc, without_fallocate_and_copying_it_is_as_good, 0,
			    sizeof(copying_errors) / sizeof(*copying_errors));
	tcase_add_test(tc, without_mmap_there_is_none);
	tcase_add_test(tc, disk_that_fills_while_the_state_is_written);
	tcase_add_loop_test(tc, disk_that_fills_while_a_copy_is_made, 0,
			    sizeof(rooms) / sizeof(*rooms));
	suite_add_tcase(s, tc);
	return s;
}
