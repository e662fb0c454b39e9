// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernels that cannot be looked at: by the configuration beside them, or in their image. */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "archive.h"
#include "cleanup.h"
#include "ikconfig.h"
#include "kernel_check.h"
#include "matrix.h"
#include "publish.h"
#include "test.h"

#define REL "4.19.1-phone"

static const char good[] = "# Linux\nCONFIG_64BIT=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_BINFMT_ELF=y\n"
			   "CONFIG_BINFMT_SCRIPT=y\nCONFIG_TTY=y\nCONFIG_PRINTK=y\n"
			   "CONFIG_PROC_FS=y\nCONFIG_SIGNALFD=y\nCONFIG_FUTEX=y\nCONFIG_UNIX=y\n"
			   "CONFIG_SERIAL_8250=y\nCONFIG_SERIAL_8250_CONSOLE=y\n";

/* @good without the line of @option, which may be set otherwise (@instead). Caller frees. */
static char *without(const char *option, const char *instead)
{
	const char *line = strstr(good, option), *next = line ? strchr(line, '\n') + 1 : NULL;

	ck_assert_ptr_nonnull(line);
	return xasprintf("%.*s%s%s", (int)(line - good), good, instead, next);
}

START_TEST(good_configuration_is_taken)
{
	struct err err = ERR_INIT;

	ck_assert_msg(kernel_check_config(good, "x86_64", &err) == 0, "%s", err.msg);
}
END_TEST

static const struct {
	const char *option, *instead;
} lacks[] = {
	{"CONFIG_BLK_DEV_INITRD", "# CONFIG_BLK_DEV_INITRD is not set\n"},
	{"CONFIG_SERIAL_8250_CONSOLE", ""},
	{"CONFIG_SERIAL_8250=", "CONFIG_SERIAL_8250=m\n"},
	{"CONFIG_BINFMT_SCRIPT", "# CONFIG_BINFMT_SCRIPT=y\n"},
	{"CONFIG_PRINTK", "CONFIG_PRINTK_TIME=y\n"},
	{"CONFIG_64BIT", ""},
	{"CONFIG_SIGNALFD", "# CONFIG_SIGNALFD is not set\n"},
	{"CONFIG_UNIX", "CONFIG_UNIX=m\nCONFIG_UNIX_DIAG=y\n"},
};

START_TEST(missing_option_is_named)
{
	_cleanup_free_ char *config = without(lacks[_i].option, lacks[_i].instead);
	_cleanup_free_ char *name = xstrndup(lacks[_i].option, strcspn(lacks[_i].option, "="));
	_cleanup_free_ char *said = xasprintf("set %s=y", name);
	struct err err = ERR_INIT;

	ck_assert_int_lt(kernel_check_config(config, "x86_64", &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, said) != NULL, "%s", err.msg);
}
END_TEST

/* @data through one of libarchive's filters, as what a kernel unpacks itself from. */
static char *compress_data(int filter, const char *data, size_t len, size_t *out_len)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	char *out = xcalloc(1 << 20, 1);

	archive_write_set_format_raw(a);
	archive_write_add_filter(a, filter);
	archive_write_set_bytes_in_last_block(a, 1);
	ck_assert_int_eq(archive_write_open_memory(a, out, 1 << 20, out_len), ARCHIVE_OK);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_write_header(a, e);
	ck_assert_int_eq(archive_write_data(a, data, len), (la_ssize_t)len);
	archive_entry_free(e);
	archive_write_close(a);
	archive_write_free(a);
	return out;
}

/* Something like a vmlinux that carries @config. */
static char *make_vmlinux(const char *config, size_t *len)
{
	size_t n;
	_cleanup_free_ char *gz = compress_data(ARCHIVE_FILTER_GZIP, config, strlen(config), &n);
	char *out = xcalloc(20000 + n, 1);

	/* The word also stands in the code that prints it. */
	strcpy(out + 1000, "IKCFG_ST is no config");
	memcpy(out + 5000, "IKCFG_ST", 8);
	memcpy(out + 5008, gz, n);
	memcpy(out + 5008 + n, "IKCFG_ED", 8);
	*len = 20000 + n;
	return out;
}

static void put_bzimage(const char *rel, const char *payload, size_t len)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", test_dir(), rel), *head = NULL;
	struct err err = ERR_INIT;
	size_t n;
	unsigned at = 1024, size = len + 4;

	test_bzimage(rel, REL);
	ck_assert_int_eq(read_file(path, 1 << 20, &head, &n, &err), 0);
	_cleanup_free_ char *all = xcalloc(n + len + 4, 1);

	memcpy(all, head, n);
	memcpy(all + 0x206, "\x0d\x02", 2);
	all[0x236] = 1;
	memcpy(all + 0x248, &at, 4);
	memcpy(all + 0x24c, &size, 4);
	/* Behind setup (two sectors) and whatever unpacks it; its size follows it. */
	memcpy(all + 2 * 512 + at, payload, len);
	memcpy(all + 2 * 512 + at + len, "\x20\x4e\0\0", 4);
	test_file(rel, all, n + len + 4);
}

static const int filters[] = {ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP,	 ARCHIVE_FILTER_XZ,
			      ARCHIVE_FILTER_LZMA, ARCHIVE_FILTER_BZIP2, ARCHIVE_FILTER_ZSTD,
			      ARCHIVE_FILTER_LZ4};

START_TEST(configuration_in_the_image)
{
	_cleanup_free_ char *config = without("CONFIG_BLK_DEV_INITRD", "");
	_cleanup_free_ char *path = xasprintf("%s/bzImage", test_dir()), *text = NULL;
	struct err err = ERR_INIT;
	size_t len, n;
	_cleanup_free_ char *vmlinux = make_vmlinux(config, &len);
	_cleanup_free_ char *payload = compress_data(filters[_i], vmlinux, len, &n);

	put_bzimage("bzImage", payload, n);
	ck_assert_msg(ikconfig_read(path, &text, &err) == 0, "%s", err.msg);
	ck_assert_ptr_nonnull(text);
	ck_assert_str_eq(text, config);
}
END_TEST

START_TEST(kernel_that_says_it_cannot_is_refused)
{
	_cleanup_free_ char *config = without("CONFIG_BLK_DEV_INITRD", ""), *path = NULL;
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_matrix_ struct matrix m = {0};
	struct err err = ERR_INIT;
	size_t len, n;
	_cleanup_free_ char *vmlinux = make_vmlinux(config, &len);
	_cleanup_free_ char *payload = compress_data(ARCHIVE_FILTER_GZIP, vmlinux, len, &n);

	put_bzimage("bzImage", payload, n);
	path = xasprintf("%s/bzImage", test_dir());
	size_t i = matrix_add_path(&m, path);

	ck_assert_int_lt(kernel_get(&m.v[i], NULL, &k, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, "set CONFIG_BLK_DEV_INITRD=y") != NULL, "%s", err.msg);
	kernel_free(&k);

	/* What lies beside it under the distributions' name counts instead. */
	test_file("config-" REL, good, strlen(good));
	err = (struct err)ERR_INIT;
	ck_assert_msg(kernel_get(&m.v[i], NULL, &k, &err) == 0, "%s", err.msg);
}
END_TEST

/* Neither beside it nor in it, or not to be read: it is tried. */
START_TEST(kernel_that_says_nothing_is_tried)
{
	_cleanup_free_ char *path = xasprintf("%s/bzImage", test_dir()), *text = NULL;
	struct err err = ERR_INIT;

	put_bzimage("bzImage", "\x1f\x8b damaged", 10);
	ck_assert_int_eq(ikconfig_read(path, &text, &err), 0);
	ck_assert_ptr_null(text);
	struct kernel k = {.image = path, .arch = (char *)"x86_64"};

	ck_assert_int_eq(kernel_check(&k, &err), 0);
}
END_TEST

TEST_SUITE(kernel_check_suite)
{
	Suite *s = suite_create("kernel-check");
	TCase *tc = tcase_create("kernel-check");

	tcase_add_test(tc, good_configuration_is_taken);
	tcase_add_loop_test(tc, missing_option_is_named, 0, sizeof(lacks) / sizeof(*lacks));
	tcase_add_loop_test(tc, configuration_in_the_image, 0, sizeof(filters) / sizeof(*filters));
	tcase_add_test(tc, kernel_that_says_it_cannot_is_refused);
	tcase_add_test(tc, kernel_that_says_nothing_is_tried);
	suite_add_tcase(s, tc);
	return s;
}
