// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernels that the user has as files: packages of each shape, and trees as make leaves them. */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"
#include "cache.h"
#include "cleanup.h"
#include "json_util.h"
#include "matrix.h"
#include "proc.h"
#include "provider.h"
#include "publish.h"
#include "test.h"

#define REL "5.3.9-1-amd64"

static void must_run(char *const argv[])
{
	struct err err = ERR_INIT;

	ck_assert_msg(proc_run(argv, NULL, &err) == 0, "%s", err.msg);
}

static char *path_of(const char *rel)
{
	return xasprintf("%s/%s", test_dir(), rel);
}

/* As a word of the command line; the answer lives until the test ends. */
static int get(const char *rel, struct kernel *k, struct err *err)
{
	static struct matrix m;
	_cleanup_free_ char *path = path_of(rel);
	size_t i = matrix_add_path(&m, path);

	setenv("XDG_CACHE_HOME", test_dir(), 1);
	*err = (struct err)ERR_INIT;
	*k = (struct kernel){0};
	return kernel_get(&m.v[i], test_progress(), k, err);
}

static void must_get(const char *rel, struct kernel *k)
{
	struct err err;

	ck_assert_msg(get(rel, k, &err) == 0, "%s", err.msg);
}

static bool holds(const char *dir, const char *rel)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, rel);

	return access(path, F_OK) == 0;
}

static void put(const char *tree, const char *rel)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", tree, rel);

	test_file(path, "text\n", 5);
}

/* debs/NAME.deb of the directory @tree. */
static void make_deb(const char *name, const char *tree, const char *compression)
{
	static const char control[] = "Package: x\nVersion: 1\nArchitecture: amd64\nMaintainer: "
				      "nobody <nobody@example.invalid>\nDescription: x\n";
	_cleanup_free_ char *dir = path_of(tree), *out = xasprintf("%s/debs/%s", test_dir(), name);
	_cleanup_free_ char *rel = xasprintf("%s/DEBIAN/control", tree);
	_cleanup_free_ char *filter = xasprintf("-Z%s", compression);

	test_file(rel, control, strlen(control));
	test_file("debs/keep", "", 0);
	must_run((char *[]){"dpkg-deb", "--root-owner-group", filter, "-b", dir, out, NULL});
}

static const char *const compressions[] = {"none", "gzip", "xz", "zstd"};

/* An image package that holds everything, as up to 6.18; signed or not, it has the same shape. */
START_TEST(whole_package)
{
	_cleanup_kernel_ struct kernel k = {0};
	static const char name[] = "linux-image-" REL "-unsigned_5.3.9-1_amd64.deb";

	test_bzimage("t/boot/vmlinuz-" REL, REL);
	put("t", "boot/config-" REL);
	put("t", "lib/modules/" REL "/kernel/fs/x.ko");
	put("t", "usr/share/doc/x");
	make_deb(name, "t", compressions[_i]);
	must_get("debs/linux-image-" REL "-unsigned_5.3.9-1_amd64.deb", &k);
	ck_assert_str_eq(k.release, REL);
	ck_assert_ptr_nonnull(k.config);
	ck_assert(holds(k.modules, "lib/modules/" REL "/kernel/fs/x.ko"));
	ck_assert(!holds(k.entry, "usr") && !holds(k.entry, "boot"));
	ck_assert_ptr_nonnull(strstr(k.origin, name));
}
END_TEST

static void put_link(const char *rel, const char *target)
{
	_cleanup_free_ char *path = path_of(rel);

	test_file(rel, "", 0); /* its directory */
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(symlink(target, path), 0);
}

#define USR "t/usr/lib/modules/" REL
#define LIB "t/lib/modules/" REL

static const struct {
	const char *image, *link, *target, *says; /* NULL: it is a good one */
} links[] = {
	{USR "/vmlinuz", "t/boot/vmlinuz-" REL, "../usr/lib/modules/" REL "/vmlinuz", NULL},
	{LIB "/vmlinuz", "t/boot/vmlinuz-" REL, "../lib/modules/" REL "/vmlinuz", NULL},
	/* Below usr all is well; once that is merged it would be another entry's image. */
	{USR "/other", USR "/vmlinuz", "../../../../other/vmlinuz", "links out of the package"},
	{USR "/vmlinuz", LIB, "../../usr/lib/modules/" REL, "through a link"},
	{LIB "/vmlinuz", USR, "../../../lib/modules/" REL, "links out of the package"},
	{LIB "/vmlinuz", "t/boot/config-" REL, "..", "links out of them"},
};

START_TEST(links_stay_in_the_package)
{
	_cleanup_free_ char *other = path_of("sealmatrix/kernel/other/vmlinuz");
	_cleanup_kernel_ struct kernel k = {0};
	struct err err;

	test_file("sealmatrix/kernel/other/vmlinuz", "", 0);
	test_bzimage(links[_i].image, REL);
	put_link(links[_i].link, links[_i].target);
	make_deb("k.deb", "t", "none");
	int ret = get("debs/k.deb", &k, &err);

	ck_assert_msg((ret < 0) == (links[_i].says != NULL), "%s", err.msg);
	ck_assert_msg(!ret || strstr(err.msg, links[_i].says), "%s", err.msg);
	ck_assert_int_eq(access(other, F_OK), 0);
}
END_TEST

static void make_split(void)
{
	put("shell", "usr/share/doc/shell");
	make_deb("linux-image-" REL "_1_amd64.deb", "shell", "none");
	test_bzimage("bin/usr/lib/modules/" REL "/vmlinuz", REL);
	put("bin", "usr/lib/modules/" REL "/config");
	make_deb("linux-binary-" REL "_1_amd64.deb", "bin", "none");
	put("mod", "lib/modules/" REL "/kernel/fs/x.ko");
	make_deb("linux-modules-" REL "_1_amd64.deb", "mod", "none");
	put("extra", "usr/lib/modules/" REL "/kernel/fs/y.ko");
	make_deb("linux-modules-extra-" REL "_1_amd64.deb", "extra", "none");
	/* Of another kernel. */
	put("other", "lib/modules/5.3.10/kernel/fs/z.ko");
	make_deb("linux-modules-5.3.10_1_amd64.deb", "other", "none");
}

START_TEST(split_package_with_its_parts_beside_it)
{
	_cleanup_kernel_ struct kernel k = {0};

	make_split();
	must_get("debs/linux-image-" REL "_1_amd64.deb", &k);
	ck_assert_str_eq(k.release, REL);
	ck_assert(holds(k.modules, "lib/modules/" REL "/kernel/fs/x.ko"));
	ck_assert(holds(k.modules, "lib/modules/" REL "/kernel/fs/y.ko"));
	ck_assert(!holds(k.modules, "lib/modules/5.3.10"));
	ck_assert_ptr_nonnull(k.config);
}
END_TEST

START_TEST(half_of_a_split_package)
{
	_cleanup_kernel_ struct kernel k = {0}, none = {0};
	_cleanup_free_ char *modules = path_of("debs/linux-modules-" REL "_1_amd64.deb");
	_cleanup_free_ char *binary = path_of("debs/linux-binary-" REL "_1_amd64.deb");
	_cleanup_free_ char *said = NULL;
	struct err err;

	make_split();
	must_get("debs/linux-binary-" REL "_1_amd64.deb", &k);
	ck_assert(holds(k.modules, "lib/modules/" REL "/kernel/fs/x.ko"));
	kernel_free(&k);

	/* Without its modules it boots, and that is said. */
	ck_assert_int_eq(unlink(modules), 0);
	free(test_said());
	must_get("debs/linux-binary-" REL "_1_amd64.deb", &k);
	ck_assert_ptr_null(k.modules);
	said = test_said();
	ck_assert_msg(strstr(said, "brings no modules") != NULL, "%s", said);

	/* Without its image it is nothing. */
	ck_assert_int_eq(unlink(binary), 0);
	_cleanup_free_ char *extra = path_of("debs/linux-modules-extra-" REL "_1_amd64.deb");

	ck_assert_int_eq(unlink(extra), 0);
	ck_assert_int_lt(get("debs/linux-image-" REL "_1_amd64.deb", &none, &err), 0);
	ck_assert_msg(strstr(err.msg, "must have its parts beside it") != NULL, "%s", err.msg);
}
END_TEST

static const struct {
	const char *rel, *target; /* a link, if it has a target */
} rpm_files[] = {
	{"./lib/modules/" REL "/vmlinuz", NULL},
	{"./lib/modules/" REL "/config", NULL},
	{"./lib/modules/" REL "/kernel/fs/x.ko.xz", NULL},
	{"./boot/vmlinuz-" REL, "../lib/modules/" REL "/vmlinuz"},
	{"./etc/other", NULL},
	{"./lib/modules/" REL "/build", "/usr/src/kernels/" REL},
	{"./usr/lib/modules/" REL "/source", "/lib/modules/" REL "/build"},
};

/* The payload of a .rpm: a compressed cpio archive. */
static void write_payload(const char *path, int filter)
{
	struct archive *a = archive_write_new();
	_cleanup_free_ char *image = path_of("image"), *data = NULL;
	struct err err = ERR_INIT;
	size_t len;

	test_bzimage("image", REL);
	ck_assert_int_eq(read_file(image, 1 << 20, &data, &len, &err), 0);
	archive_write_set_format_cpio_newc(a);
	archive_write_add_filter(a, filter);
	ck_assert_int_eq(archive_write_open_filename(a, path), ARCHIVE_OK);
	for (size_t i = 0; i < sizeof(rpm_files) / sizeof(*rpm_files); i++) {
		struct archive_entry *e = archive_entry_new();
		const char *target = rpm_files[i].target;

		archive_entry_set_pathname(e, rpm_files[i].rel);
		archive_entry_set_filetype(e, target ? AE_IFLNK : AE_IFREG);
		archive_entry_set_ino64(e, (int64_t)i + 1);
		archive_entry_set_size(e, target ? 0 : (la_int64_t)len);
		archive_entry_set_perm(e, 0644);
		if (target)
			archive_entry_set_symlink(e, target);
		ck_assert_int_eq(archive_write_header(a, e), ARCHIVE_OK);
		if (!target)
			archive_write_data(a, data, len);
		archive_entry_free(e);
	}
	ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
}

/* Lead, signature and header of a .rpm, without a tag in them; then the payload. */
static void make_rpm(const char *rel, int filter)
{
	static const unsigned char head[16] = {0x8e, 0xad, 0xe8, 0x01};
	unsigned char lead[96] = {0xed, 0xab, 0xee, 0xdb, 3};
	_cleanup_free_ char *payload = path_of("payload"), *out = NULL, *data = NULL;
	struct err err = ERR_INIT;
	size_t len;

	write_payload(payload, filter);
	ck_assert_int_eq(read_file(payload, 1 << 20, &data, &len, &err), 0);
	out = xcalloc(sizeof(lead) + 2 * sizeof(head) + len, 1);
	memcpy(out, lead, sizeof(lead));
	memcpy(out + sizeof(lead), head, sizeof(head));
	memcpy(out + sizeof(lead) + sizeof(head), head, sizeof(head));
	memcpy(out + sizeof(lead) + 2 * sizeof(head), data, len);
	test_file(rel, out, sizeof(lead) + 2 * sizeof(head) + len);
}

static const int filters[] = {ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD};

START_TEST(rpm_package)
{
	_cleanup_kernel_ struct kernel k = {0};

	make_rpm("kernel-default-5.3.9-1.x86_64.rpm", filters[_i]);
	must_get("kernel-default-5.3.9-1.x86_64.rpm", &k);
	ck_assert_str_eq(k.release, REL);
	ck_assert(holds(k.modules, "lib/modules/" REL "/kernel/fs/x.ko.xz"));
	ck_assert_ptr_nonnull(k.config);
	ck_assert(!holds(k.entry, "etc"));
}
END_TEST

START_TEST(truncated_rpm_is_refused)
{
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_free_ char *path = path_of("k.rpm"), *kernels = path_of("sealmatrix/kernel");
	_cleanup_closedir_ DIR *d = NULL;
	struct stat st;
	struct err err;

	make_rpm("k.rpm", ARCHIVE_FILTER_XZ);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(truncate(path, st.st_size / 2), 0);
	ck_assert_int_lt(get("k.rpm", &k, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "k.rpm"));
	d = opendir(kernels);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e; (e = readdir(d));)
		ck_assert_msg(e->d_name[0] == '.' || strstr(e->d_name, ".lock"), "%s", e->d_name);
}
END_TEST

/* modules.order as it was written up to 5.2, after that, and from 6.3 on. */
static const char *const orders[] = {
	"kernel/fs/overlayfs/overlay.ko\nkernel/kernel/trace/t.ko\nkernel/net/gone.ko\n",
	"fs/overlayfs/overlay.ko\nkernel/trace/t.ko\nnet/gone.ko\n",
	"fs/overlayfs/overlay.o\nkernel/trace/t.o\nnet/gone.o\n",
};

START_TEST(built_tree_and_its_modules)
{
	_cleanup_kernel_ struct kernel k = {0}, other = {0};

	test_bzimage("tree/arch/x86/boot/bzImage", "5.2.0+");
	test_file("tree/.config", "", 0);
	put("tree", "Kconfig");
	test_file("tree/modules.order", orders[_i], strlen(orders[_i]));
	put("tree", "modules.builtin");
	put("tree", "fs/overlayfs/overlay.ko");
	put("tree", "kernel/trace/t.ko");
	put("tree", "kernel/unrelated.ko");
	must_get("tree", &k);
	ck_assert_str_eq(k.release, "5.2.0+");
	ck_assert_ptr_nonnull(k.config);
	ck_assert_ptr_nonnull(k.modules);
	ck_assert(holds(k.modules, "lib/modules/5.2.0+/kernel/fs/overlayfs/overlay.ko"));
	ck_assert(holds(k.modules, "lib/modules/5.2.0+/kernel/kernel/trace/t.ko"));
	ck_assert(holds(k.modules, "lib/modules/5.2.0+/modules.builtin"));
	ck_assert(!holds(k.modules, "lib/modules/5.2.0+/kernel/kernel/unrelated.ko"));
	/* Built again: another entry. */
	test_file("tree/fs/overlayfs/overlay.ko", "longer\n", 7);
	must_get("tree", &other);
	ck_assert_str_ne(k.modules, other.modules);
}
END_TEST

/* `make modules_install INSTALL_MOD_PATH=.` goes before what lies in the tree. */
START_TEST(built_tree_with_installed_modules)
{
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_free_ char *tree = path_of("tree"), *real = NULL;

	test_bzimage("tree/arch/x86/boot/bzImage", "5.2.0+");
	test_file("tree/modules.order", orders[1], strlen(orders[1]));
	put("tree", "fs/overlayfs/overlay.ko");
	put("tree", "lib/modules/5.2.0+/modules.dep");
	must_get("tree", &k);
	real = realpath(tree, NULL);
	ck_assert_pstr_eq(k.modules, real);
}
END_TEST

static void arm64_tree(void)
{
	put("t", "arch/arm64/boot/Image");
}

static void fifo_deb(void)
{
	_cleanup_free_ char *path = path_of("t");

	ck_assert_int_eq(mkdir(path, 0777), 0);
	_cleanup_free_ char *fifo = path_of("t/k.deb");

	ck_assert_int_eq(mkfifo(fifo, 0666), 0);
}

static void text_deb(void)
{
	put("t", "k.deb");
}

static void no_deb(void)
{
}

static const struct {
	void (*make)(void);
	const char *rel, *says;
	enum err_kind kind;
} mistakes[] = {
	{arm64_tree, "t", "was built for arm64", ERR_USER},
	{fifo_deb, "t/k.deb", "is no package", ERR_USER},
	{text_deb, "t/k.deb", "k.deb", ERR_INFRA},
	{no_deb, "t/k.deb", "No such file", ERR_USER},
};

START_TEST(mistakes_are_named)
{
	_cleanup_kernel_ struct kernel k = {0};
	struct err err;

	mistakes[_i].make();
	ck_assert_int_lt(get(mistakes[_i].rel, &k, &err), 0);
	ck_assert_msg(strstr(err.msg, mistakes[_i].says) != NULL, "%s", err.msg);
	ck_assert_int_eq(err.kind, mistakes[_i].kind);
}
END_TEST

TEST_SUITE(file_kernel)
{
	Suite *s = suite_create("file-kernel");
	TCase *tc = tcase_create("file-kernel");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, whole_package, 0, sizeof(compressions) / sizeof(*compressions));
	tcase_add_test(tc, split_package_with_its_parts_beside_it);
	tcase_add_test(tc, half_of_a_split_package);
	tcase_add_loop_test(tc, rpm_package, 0, sizeof(filters) / sizeof(*filters));
	tcase_add_loop_test(tc, links_stay_in_the_package, 0, sizeof(links) / sizeof(*links));
	tcase_add_test(tc, truncated_rpm_is_refused);
	tcase_add_loop_test(tc, built_tree_and_its_modules, 0, sizeof(orders) / sizeof(*orders));
	tcase_add_test(tc, built_tree_with_installed_modules);
	tcase_add_loop_test(tc, mistakes_are_named, 0, sizeof(mistakes) / sizeof(*mistakes));
	suite_add_tcase(s, tc);
	return s;
}
