// SPDX-License-Identifier: GPL-2.0-or-later
/* Templates in the cache: made once, made again when damaged or outdated; with tiny guests. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "proto.h"
#include "publish.h"
#include "template_world.h"
#include "test.h"
#include "tiny_guest.h"
#include "xalloc.h"

/* Says a text on the channel and then does what @last does. */
static void guest(const char *path, const char *text, const unsigned char *last, size_t len)
{
	unsigned char code[1024];
	size_t n = tiny_guest_say(code, text);

	memcpy(code + n, last, len);
	tiny_guest(path, code, n + len);
}

#define GUEST(text, ...)                                            \
	guest(w.kernel, text, (const unsigned char[]){__VA_ARGS__}, \
	      sizeof((const unsigned char[]){__VA_ARGS__}))

static struct template_world w;

static void setup(void)
{
	template_world_open(&w, test_dir());
	GUEST(SM_PARK_READY, PARK, OUT_IMM(SM_EXIT_PORT, SM_EXIT_DONE), SPIN);
}

static void teardown(void)
{
	template_world_close(&w);
}

static struct template get(void)
{
	return template_world_get(&w);
}

static ino_t inode(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_ino;
}

START_TEST(made_once)
{
	_cleanup_template_ struct template one = get(), two = get();

	ck_assert_str_eq(one.entry, two.entry);
	ck_assert_str_eq(one.id, two.id);
	ck_assert_uint_eq(inode(one.ram), inode(two.ram));
	/* A tiny guest has touched next to nothing of its memory. */
	ck_assert_int_lt(one.disk_kib, WORLD_MEMORY_MIB * 1024 / 2);
}
END_TEST

static void overwrite(const char *path, off_t at)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "damage", 6, at), 6);
}

static void cut_ram(const struct template *t)
{
	ck_assert_int_eq(truncate(t->ram, 4096), 0);
}

static void damage_ram(const struct template *t)
{
	overwrite(t->ram, 1 << 20);
}

static void cut_state(const struct template *t)
{
	ck_assert_int_eq(truncate(t->state, 100), 0);
}

static void damage_state(const struct template *t)
{
	overwrite(t->state, 1000);
}

static void lose_manifest(const struct template *t)
{
	_cleanup_free_ char *path = xasprintf("%s/MANIFEST", t->entry);

	ck_assert_int_eq(unlink(path), 0);
}

static void (*const damages[])(const struct template *t) = {cut_ram, damage_ram, cut_state,
							    damage_state, lose_manifest};

START_TEST(damaged_is_made_again)
{
	struct template t = get();
	char *path = xasprintf("%s/said", test_dir());
	_cleanup_free_ char *said = NULL;
	struct progress pg = {.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666)};
	struct err err = ERR_INIT;
	char before[SHA256_HEX], after[SHA256_HEX];

	ck_assert_int_eq(hash_file(t.ram, before, &err), 0);
	damages[_i](&t);
	template_free(&t);
	w.opts.pg = &pg;
	t = get();
	ck_assert_int_eq(hash_file(t.ram, after, &err), 0);
	ck_assert_str_eq(before, after);
	ino_t made = inode(t.ram);

	template_free(&t);
	t = get(); /* it is taken, and so whole */
	ck_assert_uint_eq(inode(t.ram), made);
	ck_assert_int_eq(read_file(path, 10000, &said, NULL, &err), 0);
	const char *once = strstr(said, "damaged");

	ck_assert_ptr_nonnull(once);
	ck_assert_ptr_null(strstr(once + 1, "damaged"));
	template_free(&t);
	close(pg.fd);
	free(path);
}
END_TEST

START_TEST(another_machine_has_another_one)
{
	_cleanup_template_ struct template one = get();

	w.boot.append = "more";
	_cleanup_template_ struct template words = get();

	ck_assert_str_ne(one.entry, words.entry);
	w.boot.append = NULL;
	w.boot.memory_mib = 2 * WORLD_MEMORY_MIB;
	_cleanup_template_ struct template memory = get();

	ck_assert_str_ne(one.entry, memory.entry);
	w.boot.memory_mib = WORLD_MEMORY_MIB;
	w.opts.kernel_sha256 = "5678";
	_cleanup_template_ struct template image = get();

	ck_assert_str_ne(one.entry, image.entry);
	w.opts.kernel_sha256 = "1234";
	struct err err = ERR_INIT;

	ck_assert_int_eq(publish_buffer(w.list, "dir /y 0755\n", 12, &err), 0);
	_cleanup_template_ struct template root = get();

	ck_assert_str_ne(one.entry, root.entry);
}
END_TEST

/* A QEMU of that version, found first; two of one @when differ in nothing else. */
static void other_qemu(const char *version, time_t when)
{
	_cleanup_free_ char *file = xasprintf("%s/qemu-system-x86_64", test_dir());
	_cleanup_free_ char *text = xasprintf(
		"#!/bin/sh\n[ \"$1\" = --version ] && echo 'QEMU emulator version %s' && exit\n"
		"PATH=${PATH#*:}\nexec qemu-system-x86_64 \"$@\"\n",
		version);
	const struct timespec times[] = {{.tv_sec = when}, {.tv_sec = when}};
	struct err err = ERR_INIT;

	ck_assert_int_eq(publish_buffer(file, text, strlen(text), &err), 0);
	ck_assert_int_eq(chmod(file, 0755), 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, file, times, 0), 0);
}

/* Of another version, or the same version built again. */
START_TEST(another_qemu_has_another_one)
{
	_cleanup_template_ struct template system = get();
	_cleanup_free_ char *path = xasprintf("%s:%s", test_dir(), getenv("PATH"));

	setenv("PATH", path, 1);
	other_qemu("9.1.0", 1000);
	_cleanup_template_ struct template one = get(), same = get();

	other_qemu("9.1.1", 1000);
	_cleanup_template_ struct template newer = get();

	other_qemu("9.1.0", 2000);
	_cleanup_template_ struct template rebuilt = get();

	ck_assert_str_ne(system.entry, one.entry);
	ck_assert_str_eq(one.entry, same.entry);
	ck_assert_str_ne(one.entry, newer.entry);
	ck_assert_str_ne(one.entry, rebuilt.entry);
}
END_TEST

static void refused(const char *why)
{
	struct template t;
	struct err err = ERR_INIT;

	ck_assert_int_lt(template_get(&w.opts, &t, &err), 0);
	ck_assert_msg(strstr(err.msg, why) != NULL, "%s", err.msg);
	template_free(&t);
}

START_TEST(refusal_is_remembered)
{
	GUEST(SM_PARK_REFUSED "open /proc/self/pagemap: ENOENT\n",
	      OUT_IMM(SM_EXIT_PORT, SM_EXIT_BROKEN), SPIN);
	refused("open /proc/self/pagemap: ENOENT");
	/* Nothing is booted for the second answer: this kernel would be ready. */
	GUEST(SM_PARK_READY, PARK, SPIN);
	refused("open /proc/self/pagemap: ENOENT");
}
END_TEST

START_TEST(a_panic_is_no_template)
{
	/* What a kernel's own pvpanic driver does: it stops the machine, and nobody is ready. */
	GUEST("", PARK, SPIN);
	refused("a panic stopped it");
	GUEST(SM_PARK_READY, OUT_IMM(SM_EXIT_PORT, SM_EXIT_DONE), SPIN);
	refused("did not stop where it should");
}
END_TEST

START_TEST(full_disk_is_said_before_anything_is_booted)
{
	_cleanup_free_ char *small = xasprintf("%s/small", test_dir());
	struct err err = ERR_INIT;

	if (geteuid() != 0)
		return; /* only root mounts */
	ck_assert_int_eq(make_dirs(small, &err), 0);
	ck_assert_int_eq(mount("small", small, "tmpfs", 0, "size=8m"), 0);
	setenv("XDG_CACHE_HOME", small, 1);
	struct template t;
	int ret = template_get(&w.opts, &t, &err);

	template_free(&t);
	umount2(small, MNT_DETACH);
	ck_assert_int_lt(ret, 0);
	ck_assert_msg(strstr(err.msg, "No space left") != NULL, "%s", err.msg);
}
END_TEST

START_TEST(least_used_goes_first)
{
	struct template one = get();
	struct err err = ERR_INIT;

	w.boot.append = "more";
	struct template two = get();

	/* Both are in use. */
	ck_assert_int_eq(template_trim(0, &err), 0);
	ck_assert_int_eq(access(one.ram, F_OK) | access(two.ram, F_OK), 0);

	char *ram1 = xstrdup(one.ram), *ram2 = xstrdup(two.ram);
	long kib = two.disk_kib;

	template_free(&one);
	template_free(&two);
	ck_assert_int_eq(template_trim(kib + 4, &err), 0);
	ck_assert_int_lt(access(ram1, F_OK), 0);
	ck_assert_int_eq(access(ram2, F_OK), 0);
	ck_assert_int_eq(template_trim(0, &err), 0);
	ck_assert_int_lt(access(ram2, F_OK), 0);
	free(ram1);
	free(ram2);
}
END_TEST

/* Half a template, as one that was killed while it made it leaves it. */
START_TEST(what_a_killed_maker_left_goes_too)
{
	_cleanup_free_ char *dir = xasprintf("%s/sealmatrix/template/0123", test_dir());
	_cleanup_free_ char *ram = xasprintf("%s.tmp/ram", dir), *lock = xasprintf("%s.lock", dir);
	struct err err = ERR_INIT;

	ck_assert_int_eq(publish_buffer(ram, "x", 1, &err), 0);
	int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	ck_assert_int_eq(template_trim(1 << 20, &err), 0);
	ck_assert_int_eq(access(ram, F_OK), 0); /* it is being made */
	close(fd);
	ck_assert_int_eq(template_trim(1 << 20, &err), 0);
	ck_assert_int_lt(access(ram, F_OK), 0);
}
END_TEST

TEST_SUITE(templates)
{
	Suite *s = suite_create("template");
	TCase *tc = tcase_create("template");

	tcase_set_timeout(tc, 600);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, made_once);
	tcase_add_loop_test(tc, damaged_is_made_again, 0, sizeof(damages) / sizeof(*damages));
	tcase_add_test(tc, another_machine_has_another_one);
	tcase_add_test(tc, another_qemu_has_another_one);
	tcase_add_test(tc, refusal_is_remembered);
	tcase_add_test(tc, a_panic_is_no_template);
	tcase_add_test(tc, full_disk_is_said_before_anything_is_booted);
	tcase_add_test(tc, least_used_goes_first);
	tcase_add_test(tc, what_a_killed_maker_left_goes_too);
	suite_add_tcase(s, tc);
	return s;
}
