// SPDX-License-Identifier: GPL-2.0-or-later
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "provider.h"
#include "publish.h"
#include "test.h"

#define SIZE 8192

/* A bzImage as far as its header goes: setup of four sectors, and a system of 4 KiB. */
static void bzimage(char *img)
{
	img[0x1f1] = 4;
	memcpy(img + 0x1f4, "\x00\x01\x00\x00", 4); /* in units of 16 bytes */
	memcpy(img + 0x202, "HdrS", 4);
	memcpy(img + 0x20e, "\x00\x02", 2);
	strcpy(img + 0x400, "6.1.0-56-cloud-amd64 (builder) #1");
}

static void elf(char *img, int machine)
{
	memcpy(img, ELFMAG, SELFMAG);
	((Elf64_Ehdr *)img)->e_machine = machine;
	memcpy(img + 512, "\4\0\0\0\4\0\0\0\22\0\0\0Xen", 16); /* the PVH entry's note */
	/* The first hit is a format, as in real ones. */
	strcpy(img + 1000, "Linux version %s");
	strcpy(img + 2000, "Linux version 5.4.3 (gcc)");
}

static void arm64_image(char *img)
{
	memcpy(img + 56, "ARM\x64", 4);
	strcpy(img + 3000, "Linux version 4.19.200 (clang)");
}

static int release_of(const char *img, size_t len, const char *arch, char **release,
		      struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/image", test_dir());

	*err = (struct err)ERR_INIT;
	ck_assert_int_eq(publish_buffer(path, img, len, err), 0);
	return image_release(path, arch, release, err);
}

START_TEST(releases_are_found)
{
	_cleanup_free_ char *a = NULL, *b = NULL, *c = NULL;
	struct err err;
	char img[SIZE];

	memset(img, 0, SIZE);
	bzimage(img);
	ck_assert_int_eq(release_of(img, SIZE, "x86_64", &a, &err), 0);
	ck_assert_str_eq(a, "6.1.0-56-cloud-amd64");
	memset(img, 0, SIZE);
	elf(img, EM_X86_64);
	ck_assert_int_eq(release_of(img, SIZE, "x86_64", &b, &err), 0);
	ck_assert_str_eq(b, "5.4.3");
	memset(img, 0, SIZE);
	arm64_image(img);
	ck_assert_int_eq(release_of(img, SIZE, "arm64", &c, &err), 0);
	ck_assert_str_eq(c, "4.19.200");
}
END_TEST

START_TEST(wrong_architecture_is_a_user_error)
{
	char *release = NULL;
	struct err err;
	char img[SIZE];

	memset(img, 0, SIZE);
	elf(img, EM_AARCH64);
	ck_assert_int_lt(release_of(img, SIZE, "x86_64", &release, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_ptr_nonnull(strstr(err.msg, "arm64"));
	memset(img, 0, SIZE);
	arm64_image(img);
	ck_assert_int_lt(release_of(img, SIZE, "x86_64", &release, &err), 0);
	memset(img, 0, SIZE);
	bzimage(img);
	ck_assert_int_lt(release_of(img, SIZE, "arm64", &release, &err), 0);
	ck_assert_ptr_null(release);
}
END_TEST

static void i386(char *img)
{
	bzimage(img);
	memcpy(img + 0x206, "\x0c\x02", 2); /* the protocol; and no XLF_KERNEL_64 */
}

static void vmlinux_without_pvh(char *img)
{
	elf(img, EM_X86_64);
	memset(img + 512, 0, 16);
}

static void vmlinux_with_the_entry_of_xen(char *img)
{
	elf(img, EM_X86_64);
	strcpy(img + 2000, "Linux version 4.19.0-20-cloud-amd64 (gcc)");
}

static void android(char *img)
{
	memcpy(img, "ANDROID!", 8);
}

static void gzip(char *img)
{
	memcpy(img, "\x1f\x8b", 2);
}

static const struct {
	void (*make)(char *img);
	const char *says;
} refused[] = {
	{i386, "32-bit x86"},
	{vmlinux_without_pvh, "CONFIG_PVH"},
	{vmlinux_with_the_entry_of_xen, "CONFIG_PVH"},
	{android, "unpack_bootimg"},
	{gzip, "compressed"},
};

START_TEST(near_misses_are_explained)
{
	char *release = NULL;
	struct err err;
	char img[SIZE];

	memset(img, 0, SIZE);
	refused[_i].make(img);
	ck_assert_int_lt(release_of(img, SIZE, "x86_64", &release, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, refused[_i].says) != NULL, "%s", err.msg);
	ck_assert_ptr_null(release);
}
END_TEST

/* With the flag, the same header is a 64-bit kernel's. */
START_TEST(protocol_with_the_64_bit_flag)
{
	char *release = NULL;
	struct err err;
	char img[SIZE];

	memset(img, 0, SIZE);
	i386(img);
	img[0x236] = 1;
	ck_assert_int_eq(release_of(img, SIZE, "x86_64", &release, &err), 0);
	free(release);
}
END_TEST

START_TEST(truncated_image_is_refused)
{
	char *release = NULL;
	struct err err;
	char img[SIZE];

	memset(img, 0, SIZE);
	bzimage(img);
	/* header (5 sectors) + 4096 bytes are promised */
	ck_assert_int_lt(release_of(img, 5 * 512 + 4095, "x86_64", &release, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "cut off"));
	ck_assert_int_eq(release_of(img, 5 * 512 + 4096, "x86_64", &release, &err), 0);
	free(release);
}
END_TEST

START_TEST(anything_else_is_no_kernel)
{
	char *release = NULL;
	struct err err;

	ck_assert_int_lt(release_of("hello", 5, "x86_64", &release, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_int_lt(release_of("", 0, "x86_64", &release, &err), 0);
}
END_TEST

TEST_SUITE(image)
{
	Suite *s = suite_create("image");
	TCase *tc = tcase_create("image");

	tcase_add_test(tc, releases_are_found);
	tcase_add_test(tc, wrong_architecture_is_a_user_error);
	tcase_add_loop_test(tc, near_misses_are_explained, 0, sizeof(refused) / sizeof(*refused));
	tcase_add_test(tc, protocol_with_the_64_bit_flag);
	tcase_add_test(tc, truncated_image_is_refused);
	tcase_add_test(tc, anything_else_is_no_kernel);
	suite_add_tcase(s, tc);
	return s;
}
