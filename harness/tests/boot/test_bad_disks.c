// SPDX-License-Identifier: GPL-2.0-or-later
/* Disks that lack room, or something that templates use: the verdicts are the same. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../refuse.h"
#include "../small_disk.h"
#include "boot_test.h"
#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "xalloc.h"

#define KERNEL "cow-6.1"

/* Runs the suite smoke, with @results, and looks at its verdicts and at how its machines began
 * (@start). What it said is the caller's. */
static char *run(const char *results, const char *start)
{
	_cleanup_free_ char *dir = results_dir("run"), *out = NULL;
	char *said = NULL;
	int status = driver_command(dir, NULL, &out, &said,
				    (const char *const[]){"run", KERNEL, "--accel", "tcg",
							  "--suite", "smoke", "--json", "--results",
							  results, NULL});
	_cleanup_json_ json_t *all = json_loads(out, 0, NULL);

	ck_assert_msg(status == 0, "%s", said);
	ck_assert_str_eq(jstr(find_variant(all, KERNEL, "stage-machine/memfd-0x1f"), "class", ""),
			 "H3");
	ck_assert_str_eq(jstr(find_variant(all, KERNEL, "stage-machine/memfd-0xf"), "outcome", ""),
			 "pass");
	ck_assert_str_eq(jstr(find_variant(all, KERNEL, "cow/0x1f"), "outcome", ""), "fail");
	ck_assert_msg(!strcmp(jstr(find_boot(all, KERNEL, 1), "start", ""), start), "%s", said);
	return said;
}

static void says_once(const char *said, const char *part)
{
	const char *at = strstr(said, part);

	ck_assert_msg(at && !strstr(at + 1, part), "%s", said);
}

START_TEST(without_holes_nothing_is_amiss)
{
	_cleanup_free_ char *cache = cache_without("template", KERNEL), *dir = results_dir("solid");

	setenv("XDG_CACHE_HOME", cache, 1);
	if (!REFUSE({.call = SYS_fallocate, .error = EOPNOTSUPP},
		    {.call = SYS_copy_file_range, .error = EXDEV}))
		return;
	_cleanup_free_ char *said = run(dir, "restored");

	ck_assert_msg(!strstr(said, "no template"), "%s", said);
}
END_TEST

START_TEST(without_mmap_of_files_it_boots)
{
	_cleanup_free_ char *cache = cache_without("template", KERNEL),
			    *dir = results_dir("unmapped");

	setenv("XDG_CACHE_HOME", cache, 1);
	if (!REFUSE({.call = SYS_mmap,
		     .arg = 3,
		     .mask = MAP_SHARED | MAP_ANONYMOUS,
		     .value = MAP_SHARED,
		     .error = ENODEV}))
		return;
	_cleanup_free_ char *said = run(dir, "cold");

	says_once(said, "no template, every machine boots: ");
}
END_TEST

/* The disk is full when the kernel's template is there: each machine starts from that. */
START_TEST(no_room_for_the_copy)
{
	_cleanup_free_ char *cache = cache_without("template", KERNEL), *dir = results_dir("full");

	setenv("XDG_CACHE_HOME", cache, 1);
	if (!REFUSE({.call = SYS_copy_file_range, .error = ENOSPC}))
		return;
	_cleanup_free_ char *said = run(dir, "restored");

	says_once(said, "no template with the cases: copy ");
	says_once(said, "No space left");
}
END_TEST

/* Memory is a file of the cache, and nothing else is shared. */
START_TEST(dev_shm_is_not_needed)
{
	_cleanup_free_ char *cache = cache_without("template", KERNEL), *dir = results_dir("shm");

	setenv("XDG_CACHE_HOME", cache, 1);
	if (!small_disk("/dev/shm", "4k"))
		return;
	_cleanup_free_ char *said = run(dir, "restored");

	ck_assert_msg(!strstr(said, "no template"), "%s", said);
}
END_TEST

TEST_SUITE(bad_disks)
{
	Suite *s = suite_create("bad disks");
	TCase *tc = tcase_create("bad disks");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, without_holes_nothing_is_amiss);
	tcase_add_test(tc, without_mmap_of_files_it_boots);
	tcase_add_test(tc, no_room_for_the_copy);
	tcase_add_test(tc, dev_shm_is_not_needed);
	suite_add_tcase(s, tc);
	return s;
}
