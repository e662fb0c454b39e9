// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apt_state.h"
#include "archive.h"
#include "cache.h"
#include "cleanup.h"
#include "json_util.h"
#include "lock.h"
#include "provider.h"
#include "publish.h"
#include "small_disk.h"
#include "test.h"

#define OLD	"6.1.0-9-cloud-amd64"
#define NEW	"6.1.0-10-cloud-amd64"
#define PACKAGE "linux-image-6.1.*-cloud-amd64"

/* A matrix of one kernel, "k"; the test ends with it. */
static struct kernel_spec *spec_of(const char *keys)
{
	static struct matrix m;
	_cleanup_free_ char *text = xasprintf("[k]\narch = x86_64\n%s", keys);
	_cleanup_free_ char *path = xasprintf("%s/matrix.conf", test_dir());
	struct err err = ERR_INIT;

	matrix_free(&m);
	test_file("matrix.conf", text, strlen(text));
	ck_assert_msg(matrix_load(path, &m, &err) == 0, "%s", err.msg);
	return m.v;
}

static struct kernel_spec *debian(void)
{
	return spec_of("provider = debian\nsuites = stable\npackage = " PACKAGE "\n");
}

static int get(const struct kernel_spec *spec, struct kernel *k, struct err *err)
{
	*err = (struct err)ERR_INIT;
	return kernel_get(spec, test_progress(), k, err);
}

static void must_get(const struct kernel_spec *spec, struct kernel *k)
{
	struct err err;

	ck_assert_msg(get(spec, k, &err) == 0, "%s", err.msg);
}

/* A file of what a package installs. */
static void content(const char *tree, const char *fmt, const char *release, const char *text)
{
	_cleanup_free_ char *rel = xasprintf(fmt, release);
	_cleanup_free_ char *path = xasprintf("%s/%s", tree, rel);

	test_file(path, text, strlen(text));
}

/* An image package as it was up to 6.18. */
static void add_image(const char *release, const char *version)
{
	_cleanup_free_ char *image = xasprintf("%s/boot/vmlinuz-%s", release, release);
	_cleanup_free_ char *name = xasprintf("linux-image-%s", release);

	test_bzimage(image, release);
	content(release, "boot/config-%s", release, "CONFIG_X=y\n");
	content(release, "boot/System.map-%s", release, "0 T x\n");
	content(release, "lib/modules/%s/modules.dep", release, "kernel/fs/x.ko:\n");
	content(release, "lib/modules/%s/kernel/fs/x.ko", release, "module\n");
	content(release, "usr/share/doc/%s/copyright", release, "free\n");
	content(release, "etc/kernel/%s.conf", release, "x\n");
	archive_add("stable", name, version, NULL, release);
}

static void begin(void)
{
	archive_new();
	add_image(OLD, "6.1.9-1");
	archive_publish("stable", NULL);
}

static void expire(void)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(apt_state_expire("stable", &err), 0);
}

static bool holds(const char *dir, const char *rel)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, rel);

	return access(path, F_OK) == 0;
}

START_TEST(package_becomes_a_kernel)
{
	_cleanup_kernel_ struct kernel k = {0};

	begin();
	must_get(debian(), &k);
	ck_assert_str_eq(k.name, "k");
	ck_assert_str_eq(k.arch, "x86_64");
	ck_assert_str_eq(k.release, OLD);
	ck_assert_str_eq(k.version, "6.1.9-1");
	ck_assert_str_eq(k.origin, "Debian linux-image-" OLD " 6.1.9-1 (stable)");
	ck_assert_uint_eq(strlen(k.sha256), 64);
	ck_assert_int_eq(access(k.image, R_OK), 0);
	ck_assert_int_eq(access(k.config, R_OK), 0);
	ck_assert(holds(k.modules, "lib/modules/" OLD "/kernel/fs/x.ko"));
	ck_assert(holds(k.modules, "lib/modules/" OLD "/modules.dep"));
	ck_assert(!holds(k.entry, "etc") && !holds(k.entry, "boot") && !holds(k.entry, "usr") &&
		  !holds(k.entry, "download"));
}
END_TEST

static const char *const disks[] = {"8k", "32k", "96k"};

/* The disk fills while lists are read, while a package comes, while it is taken apart. */
START_TEST(full_disk_is_said_and_nothing_is_kept)
{
	_cleanup_kernel_ struct kernel k = {0}, again = {0};
	struct err err;

	begin();
	_cleanup_free_ char *cache = xasprintf("%s/cache", test_dir());

	setenv("XDG_CACHE_HOME", cache, 1);
	if (!small_disk(cache, disks[_i]))
		return;
	ck_assert_int_lt(get(debian(), &k, &err), 0);
	ck_assert_int_eq(err.kind, ERR_INFRA); /* exit status 3 */
	ck_assert_msg(strcasestr(err.msg, "no space left") != NULL, "%s", err.msg);
	/* With room again it is got as if nothing had been. */
	ck_assert_int_eq(mount(NULL, cache, NULL, MS_REMOUNT, "size=64m"), 0);
	must_get(debian(), &again);
	ck_assert_str_eq(again.release, OLD);
	ck_assert(holds(again.modules, "lib/modules/" OLD "/kernel/fs/x.ko"));
}
END_TEST

/* With the kernel in the cache no program is run, so there is nothing that could need a network. */
START_TEST(warm_cache_runs_no_program)
{
	_cleanup_kernel_ struct kernel one = {0}, two = {0};

	begin();
	must_get(debian(), &one);
	setenv("PATH", "/nowhere", 1);
	must_get(debian(), &two);
	ck_assert_str_eq(one.sha256, two.sha256);
	ck_assert_str_eq(one.image, two.image);
}
END_TEST

/* From 6.19 on the image package is a shell; image and modules come from its dependencies, the one
 * below usr/lib, the other below lib. They may depend on each other. */
START_TEST(split_packages_become_one_kernel)
{
	_cleanup_kernel_ struct kernel k = {0};

	archive_new();
	archive_add("stable", "linux-image-" NEW, "6.1.10-1",
		    "kmod, linux-binary-" NEW " (= 6.1.10-1)", NULL);
	test_bzimage("bin/usr/lib/modules/" NEW "/vmlinuz", NEW);
	content("bin", "usr/lib/modules/%s/config", NEW, "CONFIG_X=y\n");
	archive_add("stable", "linux-binary-" NEW, "6.1.10-1",
		    "linux-modules-" NEW ", linux-base-" NEW, "bin");
	content("mod", "lib/modules/%s/kernel/fs/x.ko", NEW, "module\n");
	archive_add("stable", "linux-modules-" NEW, "6.1.10-1", "linux-binary-" NEW, "mod");
	/* An older build of the same name must not be mixed in. */
	content("mod-old", "lib/modules/%s/kernel/fs/old.ko", NEW, "module\n");
	archive_add("stable", "linux-modules-" NEW, "6.1.10-0", NULL, "mod-old");
	archive_publish("stable", NULL);
	must_get(debian(), &k);
	ck_assert_str_eq(k.release, NEW);
	ck_assert(holds(k.modules, "lib/modules/" NEW "/kernel/fs/x.ko"));
	ck_assert(!holds(k.modules, "lib/modules/" NEW "/kernel/fs/old.ko"));

	_cleanup_json_ json_t *locked = lock_read(debian());

	ck_assert_uint_eq(json_array_size(locked), 3);
}
END_TEST

START_TEST(lock_outlives_newer_packages)
{
	_cleanup_kernel_ struct kernel one = {0}, two = {0}, three = {0};
	struct err err = ERR_INIT;

	begin();
	must_get(debian(), &one);
	add_image(NEW, "6.1.10-1");
	archive_publish("stable", NULL);
	expire();
	must_get(debian(), &two);
	ck_assert_str_eq(two.release, OLD);
	ck_assert_int_eq(lock_drop(debian(), &err), 0);
	must_get(debian(), &three);
	ck_assert_str_eq(three.release, NEW);
}
END_TEST

START_TEST(changed_entry_of_the_matrix_is_resolved_again)
{
	_cleanup_kernel_ struct kernel one = {0}, two = {0};

	begin();
	must_get(debian(), &one);
	add_image(NEW, "6.1.10-1");
	archive_publish("stable", NULL);
	expire();
	must_get(spec_of("provider = debian\nsuites = stable\npackage = linux-image-6.1.0-1*\n"),
		 &two);
	ck_assert_str_eq(two.release, NEW);
}
END_TEST

static const char *const bad_locks[] = {
	"", "{", "{\"kernel\":\"k\",\"spec\":\"\",\"packages\":[]}",
	NULL, /* a real one without its hashes */
};

START_TEST(damaged_lock_is_no_lock)
{
	_cleanup_free_ char *path = xasprintf("%s/sealmatrix/locks/k.json", test_dir());
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;

	begin();
	must_get(debian(), &k);
	ck_assert_int_eq(read_file(path, 65536, &text, NULL, &err), 0);
	if (!bad_locks[_i])
		memcpy(strstr(text, "\"sha256\""), "\"sha999\"", 8);
	const char *bad = bad_locks[_i] ? bad_locks[_i] : text;

	ck_assert_int_eq(publish_buffer(path, bad, strlen(bad), &err), 0);
	ck_assert_ptr_null(lock_read(debian()));
	kernel_free(&k);
	must_get(debian(), &k);
	ck_assert_str_eq(k.release, OLD);
}
END_TEST

/* Neither in the cache nor on the mirror: said, and the next one is taken. */
START_TEST(locked_package_that_is_gone_has_a_successor)
{
	_cleanup_kernel_ struct kernel one = {0}, two = {0};
	struct err err = ERR_INIT;

	begin();
	must_get(debian(), &one);
	ck_assert_int_eq(remove_tree(one.entry, &err), 0);
	archive_clear("stable");
	add_image(NEW, "6.1.10-1");
	archive_publish("stable", NULL);
	free(test_said());
	must_get(debian(), &two); /* the lists are fresh, and yet the file is gone */
	ck_assert_str_eq(two.release, NEW);
	_cleanup_free_ char *said = test_said();

	ck_assert_msg(strstr(said, "linux-image-" OLD) != NULL, "%s", said);
}
END_TEST

START_TEST(nothing_to_be_had_is_not_available)
{
	_cleanup_kernel_ struct kernel k = {0};
	struct err err;

	archive_new();
	archive_publish("stable", NULL);
	ck_assert_int_eq(get(debian(), &k, &err), KERNEL_NOT_AVAILABLE);
	ck_assert_ptr_nonnull(strstr(err.msg, "kernel k: no package " PACKAGE));
	ck_assert_ptr_null(lock_read(debian()));
}
END_TEST

START_TEST(damaged_image_is_made_again)
{
	_cleanup_kernel_ struct kernel one = {0}, two = {0};

	begin();
	must_get(debian(), &one);
	int fd = open(one.image, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, "X", 1, 5000), 1);
	close(fd);
	must_get(debian(), &two);
	ck_assert_str_eq(one.sha256, two.sha256);
}
END_TEST

/* Mirrors drop the modules of a superseded kernel first: it still boots, and that is said. */
START_TEST(missing_modules_are_said)
{
	_cleanup_kernel_ struct kernel k = {0};

	archive_new();
	archive_add("stable", "linux-image-" NEW, "6.1.10-1",
		    "linux-binary-" NEW ", linux-modules-" NEW, NULL);
	test_bzimage("bin/usr/lib/modules/" NEW "/vmlinuz", NEW);
	archive_add("stable", "linux-binary-" NEW, "6.1.10-1", NULL, "bin");
	archive_publish("stable", NULL);
	test_progress();
	must_get(debian(), &k);
	ck_assert_str_eq(k.release, NEW);
	ck_assert_ptr_null(k.modules);
	_cleanup_free_ char *said = test_said();

	ck_assert_msg(strstr(said, "no package linux-modules-" NEW) != NULL, "%s", said);
}
END_TEST

static void modules_only(void)
{
	content("t", "lib/modules/%s/modules.dep", OLD, "");
}

static void image_is_text(void)
{
	modules_only();
	content("t", "boot/vmlinuz-%s", OLD, "not a kernel\n");
}

static const struct {
	void (*make)(void);
	const char *says;
} odd_packages[] = {
	{modules_only, "hold no kernel image"},
	{image_is_text, "is not a kernel image"},
};

START_TEST(package_that_is_no_kernel_is_refused)
{
	_cleanup_kernel_ struct kernel k = {0};
	struct err err;

	archive_new();
	odd_packages[_i].make();
	archive_add("stable", "linux-image-" OLD, "6.1.9-1", NULL, "t");
	archive_publish("stable", NULL);
	ck_assert_int_lt(get(debian(), &k, &err), 0);
	ck_assert_msg(strstr(err.msg, odd_packages[_i].says) != NULL, "%s", err.msg);
}
END_TEST

START_TEST(list_needs_no_network_and_knows_the_cache)
{
	_cleanup_free_ char *before = NULL, *after = NULL, *where = NULL;
	_cleanup_kernel_ struct kernel k = {0};
	struct err err = ERR_INIT;

	begin();
	_cleanup_free_ char *path = xstrdup(getenv("PATH"));

	setenv("PATH", "/nowhere", 1);
	ck_assert_int_eq(kernel_describe(debian(), &before, &where, &err), 0);
	ck_assert_ptr_null(where);
	ck_assert_str_eq(before, "Debian " PACKAGE " in stable");
	setenv("PATH", path, 1);
	must_get(debian(), &k);
	ck_assert_int_eq(kernel_describe(debian(), &after, &where, &err), 0);
	ck_assert_pstr_eq(where, k.entry);
	ck_assert_int_gt(cache_size(where), 8192);
	ck_assert_str_eq(after, "Debian linux-image-" OLD " 6.1.9-1 (stable)");
}
END_TEST

static struct kernel_spec *file(const char *image, const char *modules)
{
	_cleanup_free_ char *keys = xasprintf(
		"provider = file\nimage = %s%s%s\n%s%s%s\n", *image == '/' ? "" : test_dir(),
		*image == '/' ? "" : "/", image, modules ? "modules = " : "",
		modules ? test_dir() : "", modules ? modules : "");

	return spec_of(keys);
}

/* The image, what its directory holds, and where its modules are found. */
static const struct {
	const char *image, *module_dir, *named, *found;
} files[] = {
	{"k/bzImage", NULL, NULL, NULL},
	{"k/bzImage", "k", NULL, "k"},
	{"boot/vmlinuz", ".", NULL, "."},
	{"k/bzImage", "elsewhere", NULL, NULL},
	{"k/bzImage", "elsewhere", "/elsewhere", "elsewhere"},
};

START_TEST(image_file_and_its_modules)
{
	_cleanup_kernel_ struct kernel k = {0};

	test_bzimage(files[_i].image, "5.4.3");
	if (files[_i].module_dir)
		content(files[_i].module_dir, "lib/modules/%s/modules.dep", "5.4.3", "");
	must_get(file(files[_i].image, files[_i].named), &k);
	ck_assert_str_eq(k.release, "5.4.3");
	ck_assert_ptr_null(k.entry);
	if (!files[_i].found) {
		ck_assert_ptr_null(k.modules);
		return;
	}
	_cleanup_free_ char *want = xasprintf("%s/%s", test_dir(), files[_i].found);
	_cleanup_free_ char *real = realpath(want, NULL);

	ck_assert_pstr_eq(k.modules, real);
}
END_TEST

START_TEST(built_tree_is_a_kernel)
{
	_cleanup_kernel_ struct kernel k = {0};

	test_bzimage("tree/arch/x86/boot/bzImage", "5.2.0+");
	test_file("tree/.config", "", 0);
	must_get(file("tree", NULL), &k);
	ck_assert_str_eq(k.release, "5.2.0+");
	ck_assert_ptr_nonnull(k.config);
}
END_TEST

static const struct {
	const char *image, *modules, *says;
} bad_files[] = {
	{"missing", NULL, "missing: No such file"},
	{"text", NULL, "is not a kernel image"},
	{"arm64", NULL, "arm64"},
	{"empty", NULL, "no built kernel tree: arch/x86/boot/bzImage"},
	{"fifo", NULL, "neither a kernel image nor a built tree"},
	{"/dev/zero", NULL, "neither a kernel image nor a built tree"},
	{"bzImage", "/empty", "lib/modules/5.4.3: No such file"},
};

START_TEST(bad_files_are_the_users_to_mend)
{
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_free_ char *fifo = xasprintf("%s/fifo", test_dir());
	_cleanup_free_ char *empty = xasprintf("%s/empty", test_dir());
	char arm64[128] = {0};
	struct err err;

	memcpy(arm64 + 56, "ARM\x64", 4);
	test_file("arm64", arm64, sizeof(arm64));
	test_file("text", "hello\n", 6);
	test_bzimage("bzImage", "5.4.3");
	ck_assert_int_eq(mkfifo(fifo, 0666), 0);
	ck_assert_int_eq(mkdir(empty, 0777), 0);
	ck_assert_int_lt(get(file(bad_files[_i].image, bad_files[_i].modules), &k, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, bad_files[_i].says) != NULL, "%s", err.msg);
}
END_TEST

START_TEST(unknown_provider_names_the_near_one)
{
	_cleanup_kernel_ struct kernel k = {0};
	struct err err;

	ck_assert_int_lt(get(spec_of("provider = debain\n"), &k, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_ptr_nonnull(strstr(err.msg, "did you mean debian"));
}
END_TEST

#define LOOP(tc, fn, table) tcase_add_loop_test(tc, fn, 0, sizeof(table) / sizeof(*(table)))

TEST_SUITE(provider)
{
	Suite *s = suite_create("provider");
	TCase *tc = tcase_create("provider");

	tcase_set_timeout(tc, 300); /* only against a hang */
	tcase_add_test(tc, package_becomes_a_kernel);
	tcase_add_test(tc, warm_cache_runs_no_program);
	LOOP(tc, full_disk_is_said_and_nothing_is_kept, disks);
	tcase_add_test(tc, split_packages_become_one_kernel);
	tcase_add_test(tc, missing_modules_are_said);
	tcase_add_test(tc, lock_outlives_newer_packages);
	tcase_add_test(tc, changed_entry_of_the_matrix_is_resolved_again);
	LOOP(tc, damaged_lock_is_no_lock, bad_locks);
	tcase_add_test(tc, locked_package_that_is_gone_has_a_successor);
	tcase_add_test(tc, nothing_to_be_had_is_not_available);
	tcase_add_test(tc, damaged_image_is_made_again);
	LOOP(tc, package_that_is_no_kernel_is_refused, odd_packages);
	tcase_add_test(tc, list_needs_no_network_and_knows_the_cache);
	LOOP(tc, image_file_and_its_modules, files);
	tcase_add_test(tc, built_tree_is_a_kernel);
	LOOP(tc, bad_files_are_the_users_to_mend, bad_files);
	tcase_add_test(tc, unknown_provider_names_the_near_one);
	suite_add_tcase(s, tc);
	return s;
}
