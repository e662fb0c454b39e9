// SPDX-License-Identifier: GPL-2.0-or-later
/* What control groups leave, from trees of files as the kernel has them. */
#include <string.h>

#include "cleanup.h"
#include "host.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

static void put(const char *path, const char *text)
{
	_cleanup_free_ char *full = xasprintf("%s%s", test_dir(), path);
	struct err err = ERR_INIT;

	ck_assert_msg(publish_buffer(full, text, strlen(text), &err) == 0, "%s", err.msg);
}

static void host(void)
{
	put("/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable:    4194304 kB\n");
	put("/proc/self/cgroup", "0::/a/b\n");
}

START_TEST(without_groups_the_host_counts)
{
	host();
	ck_assert_uint_eq(host_cpus_below(test_dir(), 8), 8);
	ck_assert_uint_eq(host_memory_mib_below(test_dir()), 4096);
	put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	put("/sys/fs/cgroup/a/b/memory.max", "max\n");
	put("/sys/fs/cgroup/a/b/memory.current", "1000\n");
	ck_assert_uint_eq(host_cpus_below(test_dir(), 8), 8);
	ck_assert_uint_eq(host_memory_mib_below(test_dir()), 4096);
}
END_TEST

START_TEST(limit_of_any_ancestor_holds)
{
	host();
	put("/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
	put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	put("/sys/fs/cgroup/a/memory.max", "1073741824\n");
	put("/sys/fs/cgroup/a/memory.current", "629145600\n");
	/* 600 MiB are used, and 200 of them are page cache. */
	put("/sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 209715200\n");
	ck_assert_uint_eq(host_cpus_below(test_dir(), 8), 3);
	ck_assert_uint_eq(host_memory_mib_below(test_dir()), 624);
}
END_TEST

START_TEST(a_full_group_leaves_nothing)
{
	host();
	put("/sys/fs/cgroup/a/b/memory.max", "1000000\n");
	put("/sys/fs/cgroup/a/b/memory.current", "2000000\n");
	put("/sys/fs/cgroup/a/b/cpu.max", "1000 100000\n");
	ck_assert_uint_eq(host_memory_mib_below(test_dir()), 0);
	ck_assert_uint_eq(host_cpus_below(test_dir(), 8), 1);
}
END_TEST

START_TEST(odd_files_limit_nothing)
{
	host();
	put("/proc/self/cgroup", "4:memory:/a\n1:cpu:/\n");
	put("/sys/fs/cgroup/a/cpu.max", "100000 100000\n");
	ck_assert_uint_eq(host_cpus_below(test_dir(), 8), 8);
	put("/proc/self/cgroup", "0::/a\n");
	put("/sys/fs/cgroup/a/cpu.max", "100000 0\n");
	put("/sys/fs/cgroup/a/memory.max", "\n");
	ck_assert_uint_eq(host_cpus_below(test_dir(), 8), 8);
	ck_assert_uint_eq(host_memory_mib_below(test_dir()), 4096);
}
END_TEST

TEST_SUITE(host_limits)
{
	Suite *s = suite_create("host");
	TCase *tc = tcase_create("host");

	tcase_add_test(tc, without_groups_the_host_counts);
	tcase_add_test(tc, limit_of_any_ancestor_holds);
	tcase_add_test(tc, a_full_group_leaves_nothing);
	tcase_add_test(tc, odd_files_limit_nothing);
	suite_add_tcase(s, tc);
	return s;
}
