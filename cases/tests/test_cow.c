// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The copy-on-write probes: healthy on this machine's kernel, and on mappings that have, by other
 * means, what a sealed one has on an affected kernel (memory shared over fork, no VM_MAYWRITE).
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "cow.h"
#include "guest_test.h"
#include "memfd.h"

static char *map_new(int prot, int flags)
{
	char *map = mmap(NULL, memfd_size(), prot, flags | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(map, MAP_FAILED);
	return map;
}

/* A shared mapping of a file opened read-only: it can never be made writable. */
static char *map_without_maywrite(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *map = mmap(NULL, memfd_size(), PROT_READ, MAP_SHARED, fd, 0);

	ck_assert_ptr_ne(map, MAP_FAILED);
	close(fd);
	return map;
}

/* One mapping alone. */
static void probe(cow_fn *fn, char *map, struct observed o[])
{
	fn(&map, 1, o);
}

START_TEST(shared_page_is_seen)
{
	struct observed o[2] = {0};

	probe(cow_fork, map_new(PROT_READ | PROT_WRITE, MAP_SHARED), o);
	ck_assert(o[0].ok);
	ck_assert_str_eq(o[0].text, "shared");
	ck_assert_int_eq(o[0].value, 3); /* in both directions */
}
END_TEST

START_TEST(private_page_is_seen)
{
	struct observed o[2] = {0};

	probe(cow_fork, map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE), o);
	ck_assert(o[0].ok);
	ck_assert_str_eq(o[0].text, "private");
	ck_assert_int_eq(o[0].value, 0);
}
END_TEST

static void check_frames(int flags, const char *want)
{
	struct observed o[2] = {0};

	probe(cow_fork, map_new(PROT_READ | PROT_WRITE, flags), o);
	if (o[1].errnum == EPERM || o[1].errnum == EACCES) {
		test_skip("page frames are hidden: needs CAP_SYS_ADMIN");
		return;
	}
	ck_assert_int_eq(o[1].errnum, 0);
	ck_assert_str_eq(o[1].text, want);
}

START_TEST(same_frame_is_seen)
{
	check_frames(MAP_SHARED, "same");
}
END_TEST

START_TEST(other_frame_is_seen)
{
	check_frames(MAP_PRIVATE, "differ");
}
END_TEST

START_TEST(missing_maywrite_is_seen)
{
	struct observed o = {0};

	probe(cow_vmflags, map_without_maywrite(), &o);
	ck_assert_int_eq(o.errnum, 0);
	ck_assert(!o.ok);
	ck_assert_ptr_nonnull(strstr(o.text, "mr"));

	o = (struct observed){0};
	probe(cow_mprotect, map_without_maywrite(), &o);
	ck_assert(!o.ok);
	ck_assert_int_eq(o.errnum, EACCES);

	o = (struct observed){0};
	probe(cow_proc_mem, map_without_maywrite(), &o);
	ck_assert(!o.ok);
	ck_assert_int_eq(o.errnum, EIO);
}
END_TEST

START_TEST(maywrite_is_seen)
{
	struct observed o = {0};

	probe(cow_vmflags, map_new(PROT_READ, MAP_PRIVATE), &o);
	ck_assert(o.ok);

	char *map = map_new(PROT_READ, MAP_PRIVATE);

	o = (struct observed){0};
	probe(cow_mprotect, map, &o);
	ck_assert(o.ok);
	ck_assert_int_eq(o.errnum, 0);
	ck_assert_int_eq(map[0], 'm');
}
END_TEST

static const char *const masks[] = {"none", "0", "0xf", "0x10", "0x17", "0x18", "0x1f"};

START_TEST(healthy_kernel_keeps_private_what_is_private)
{
	static const char *const targets[] = {"sealed", "unsealed", "anon"};
	json_t *facts = test_run_case(case_cow, masks[_i]);
	char path[64];

	assert_int(facts, "seals", strtol(masks[_i], NULL, 0));
	ck_assert_ptr_null(test_member(facts, "error"));
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "probes.vmflags.%s.ok", targets[i]);
		assert_bool(facts, path, true);
		snprintf(path, sizeof(path), "probes.mprotect.%s.ok", targets[i]);
		assert_bool(facts, path, true);
		snprintf(path, sizeof(path), "probes.fork-write.%s.value", targets[i]);
		assert_text(facts, path, "private");
		snprintf(path, sizeof(path), "probes.pfn.%s", targets[i]);
		ck_assert_ptr_nonnull(test_member(facts, path));
		snprintf(path, sizeof(path), "probes.proc-mem.%s", targets[i]);
		ck_assert_ptr_nonnull(test_member(facts, path));
	}
	json_decref(facts);
}
END_TEST

/* A mapping that no store gets through to: the others are told of as if it were not there. */
START_TEST(signal_is_told_of_its_mapping_only)
{
	static const char *const names[] = {"mprotect", "proc-mem", "fork-write", "pfn"};
	int empty = syscall(SYS_memfd_create, "empty", MFD_CLOEXEC);
	json_t *facts = json_object();
	char path[64];

	cow_probe((const int[]){empty, memfd_new(), -1}, facts);
	assert_bool(facts, "probes.vmflags.sealed.ok", true);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "probes.%s.sealed.signal", names[i]);
		assert_text(facts, path, "SIGBUS");
	}
	for (size_t i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "probes.%s.unsealed.signal", names[i]);
		assert_text(facts, path, NULL);
		snprintf(path, sizeof(path), "probes.%s.anon.signal", names[i]);
		assert_text(facts, path, NULL);
	}
	assert_text(facts, "probes.fork-write.unsealed.value", "private");
	assert_text(facts, "probes.fork-write.anon.value", "private");
	json_decref(facts);
}
END_TEST

/* The same of a mapping that there cannot be, of a file that is not open for reading. */
START_TEST(missing_mapping_concerns_no_other)
{
	_cleanup_close_ int fd = memfd_new();
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int unreadable = open(path, O_WRONLY | O_CLOEXEC);
	json_t *facts = json_object();

	cow_probe((const int[]){unreadable, fd, -1}, facts);
	assert_text(facts, "probes.vmflags.sealed.errno", "EACCES");
	assert_text(facts, "probes.fork-write.sealed.errno", "EACCES");
	assert_bool(facts, "probes.vmflags.unsealed.ok", true);
	assert_bool(facts, "probes.mprotect.unsealed.ok", true);
	assert_text(facts, "probes.fork-write.unsealed.value", "private");
	assert_text(facts, "probes.fork-write.anon.value", "private");
	close(unreadable);
	json_decref(facts);
}
END_TEST

/* It has no such mapping, and dies of its store. */
START_TEST(dead_child_is_told_of)
{
	char *map = map_new(PROT_READ | PROT_WRITE, MAP_PRIVATE);
	struct observed o[2] = {0};

	ck_assert_int_eq(madvise(map, memfd_size(), MADV_DONTFORK), 0);
	signal(SIGSEGV, SIG_DFL); /* what a case starts with; a sanitizer makes an exit of it */
	probe(cow_fork, map, o);
	for (int i = 0; i < 2; i++) {
		ck_assert(!o[i].ok);
		ck_assert_int_eq(o[i].signal, SIGSEGV);
	}
}
END_TEST

START_TEST(unknown_seal_is_unsupported)
{
	json_t *facts = test_run_case(case_cow, "0x4000");

	assert_text(facts, "unsupported.step", "F_ADD_SEALS 0x4000");
	ck_assert_ptr_null(test_member(facts, "probes"));
	json_decref(facts);
}
END_TEST

TEST_SUITE(cow)
{
	Suite *s = suite_create("copy-on-write probes");
	TCase *t = tcase_create("cow");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, shared_page_is_seen);
	tcase_add_test(t, private_page_is_seen);
	tcase_add_test(t, same_frame_is_seen);
	tcase_add_test(t, other_frame_is_seen);
	tcase_add_test(t, missing_maywrite_is_seen);
	tcase_add_test(t, maywrite_is_seen);
	tcase_add_loop_test(t, healthy_kernel_keeps_private_what_is_private, 0,
			    sizeof(masks) / sizeof(*masks));
	tcase_add_test(t, signal_is_told_of_its_mapping_only);
	tcase_add_test(t, missing_mapping_concerns_no_other);
	tcase_add_test(t, dead_child_is_told_of);
	tcase_add_test(t, unknown_seal_is_unsupported);
	suite_add_tcase(s, t);
	return s;
}
