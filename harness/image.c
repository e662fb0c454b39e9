// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernel images: what they are for, and what release they say they are. */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "provider.h"
#include "publish.h"
#include "xalloc.h"

#define IMAGE_MAX (1 << 30)

struct image {
	const char *path;
	const char *data;
	size_t len;
};

/* The word that follows @at: a release has no blanks. */
static char *word_at(const struct image *im, size_t at)
{
	size_t n = 0;

	while (at + n < im->len && im->data[at + n] > ' ' && im->data[at + n] < 127)
		n++;
	return n ? xstrndup(im->data + at, n) : NULL;
}

static uint16_t u16(const struct image *im, size_t at)
{
	uint16_t v;

	memcpy(&v, im->data + at, sizeof(v));
	return le16toh(v);
}

static uint32_t u32(const struct image *im, size_t at)
{
	uint32_t v;

	memcpy(&v, im->data + at, sizeof(v));
	return le32toh(v);
}

/* Documentation/arch/x86/boot.rst: the setup header of a bzImage. */
enum {
	SETUP_SECTS = 0x1f1,
	SYSSIZE = 0x1f4,
	HDRS = 0x202,
	PROTOCOL = 0x206,
	KERNEL_VERSION = 0x20e,
	HEADER_END = 0x210,
	XLOADFLAGS = 0x236,
};

#define PROTOCOL_XLOADFLAGS 0x20c /* the first that has them: Linux 3.8 */
#define XLF_KERNEL_64	    1

static bool is_bzimage(const struct image *im)
{
	return im->len > HEADER_END && !memcmp(im->data + HDRS, "HdrS", 4);
}

static bool is_32_bit(const struct image *im)
{
	return im->len > XLOADFLAGS + 2 && u16(im, PROTOCOL) >= PROTOCOL_XLOADFLAGS &&
	       !(u16(im, XLOADFLAGS) & XLF_KERNEL_64);
}

static int bzimage_release(const struct image *im, char **release, struct err *err)
{
	size_t sects = (unsigned char)im->data[SETUP_SECTS];
	size_t setup = ((sects ? sects : 4) + 1) * 512;
	size_t want = setup + (size_t)u32(im, SYSSIZE) * 16;

	if (im->len < want)
		return err_set(err, ERR_INFRA, 0,
			       "%s is cut off: it has %zu bytes, its header speaks of %zu",
			       im->path, im->len, want);
	*release = word_at(im, (size_t)u16(im, KERNEL_VERSION) + 0x200);
	return *release ? 0 : -ENOMSG;
}

static int banner_release(const struct image *im, char **release)
{
	static const char banner[] = "Linux version ";
	const char *p = im->data, *end = im->data + im->len;

	/* The first hit may be a format string: a version begins with a digit. */
	while ((p = memmem(p, end - p, banner, strlen(banner)))) {
		p += strlen(banner);
		if (p < end && *p >= '0' && *p <= '9') {
			*release = word_at(im, p - im->data);
			return 0;
		}
	}
	return -ENOMSG;
}

static const char *elf_arch(const struct image *im)
{
	switch (u16(im, offsetof(Elf64_Ehdr, e_machine))) {
	case EM_X86_64:
		return "x86_64";
	case EM_AARCH64:
		return "arm64";
	default:
		return "another architecture";
	}
}

static int wrong_arch(const struct image *im, const char *kind, const char *is, const char *arch,
		      struct err *err)
{
	return err_set(err, ERR_USER, 0, "%s is %s for %s, and the machine is %s", im->path, kind,
		       is, arch);
}

/*
 * The note by which a loader finds the 32-bit entry of an uncompressed x86 kernel
 * (XEN_ELFNOTE_PHYS32_ENTRY of Xen's elfnote.h): without it QEMU does not take the file.
 */
static bool has_pvh_note(const struct image *im)
{
	static const uint32_t head[] = {4, 0, 18}; /* length of name; of the entry; type */

	for (const char *p = im->data; (p = memmem(p, im->data + im->len - p, "Xen", 4)); p++) {
		size_t at = p - im->data;

		if (at >= sizeof(head) && u32(im, at - 12) == head[0] && u32(im, at - 4) == head[2])
			return true;
	}
	return false;
}

/* From 4.11 to 4.20 the entry is Xen's alone: anywhere else the kernel stops without a word. */
static bool is_before_5(const char *release)
{
	return atoi(release) < 5;
}

static int vmlinux_release(const struct image *im, const char *arch, char **release,
			   struct err *err)
{
	if (strcmp(arch, elf_arch(im)))
		return wrong_arch(im, "a vmlinux", elf_arch(im), arch, err);
	int ret = banner_release(im, release);

	if (strcmp(arch, "x86_64") || (has_pvh_note(im) && (ret < 0 || !is_before_5(*release))))
		return ret;
	free(*release);
	*release = NULL;
	return err_set(err, ERR_USER, 0,
		       "%s is a vmlinux that cannot be started as it is (no PVH entry: CONFIG_PVH, "
		       "from Linux 5.0 on); give the bzImage of the same build",
		       im->path);
}

/* What people take for a kernel image. */
static int no_kernel(const struct image *im, struct err *err)
{
	static const struct {
		size_t at, len;
		const char *magic, *what;
	} kinds[] = {
		{0, 8, "ANDROID!",
		 ": an Android boot image; unpack_bootimg takes the kernel out of it"},
		{0, 2, "\x1f\x8b", ": it is compressed, unpack it first"},
		{0, 4, "\xfd\x37\x7a\x58", ": it is compressed, unpack it first"},
		{0, 4, "\x28\xb5\x2f\xfd", ": it is compressed, unpack it first"},
		{0, 4, "\x27\x05\x19\x56",
		 ": a U-Boot image; dumpimage takes the kernel out of it"},
		{36, 4, "\x18\x28\x6f\x01", ": a zImage for 32-bit ARM"},
		{4, 4, "zimg", ": an EFI zboot image; give the Image of the same build"},
	};
	const char *what = "";

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (im->len >= kinds[i].at + kinds[i].len &&
		    !memcmp(im->data + kinds[i].at, kinds[i].magic, kinds[i].len))
			what = kinds[i].what;
	return err_set(err, ERR_USER, 0, "%s is not a kernel image (bzImage, vmlinux or Image)%s",
		       im->path, what);
}

static int release_of(const struct image *im, const char *arch, char **release, struct err *err)
{
	if (is_bzimage(im) && is_32_bit(im))
		return wrong_arch(im, "a bzImage", "32-bit x86", arch, err);
	if (is_bzimage(im))
		return strcmp(arch, "x86_64") ? wrong_arch(im, "a bzImage", "x86_64", arch, err)
					      : bzimage_release(im, release, err);
	if (im->len > sizeof(Elf64_Ehdr) && !memcmp(im->data, ELFMAG, SELFMAG))
		return vmlinux_release(im, arch, release, err);
	if (im->len > 64 && !memcmp(im->data + 56, "ARM\x64", 4))
		return strcmp(arch, "arm64") ? wrong_arch(im, "an Image", "arm64", arch, err)
					     : banner_release(im, release);
	return no_kernel(im, err);
}

int image_release(const char *path, const char *arch, char **release, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	struct image im = {.path = path};

	*release = NULL;
	int ret = read_file(path, IMAGE_MAX, &data, &im.len, err);

	im.data = data;
	return ret ? ret : release_of(&im, arch, release, err);
}
