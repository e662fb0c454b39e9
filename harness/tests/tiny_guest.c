// SPDX-License-Identifier: GPL-2.0-or-later
#include "tiny_guest.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "publish.h"
#include "test.h"
#include "xalloc.h"

#define LOAD_AT 0x100000

/* Multiboot 0.6.96, section 3.1, with the address fields (flag 16), so that it need not be ELF. */
struct multiboot {
	uint32_t magic, flags, checksum;
	uint32_t header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

void tiny_guest(const char *path, const unsigned char *code, size_t len)
{
	/* QEMU reads some kilobytes from the image, however small it is. */
	size_t size = 8192;
	unsigned char *image = xcalloc(1, size);
	struct multiboot h = {
		.magic = 0x1badb002,
		.flags = 1 << 16,
		.header_addr = LOAD_AT,
		.load_addr = LOAD_AT,
		.load_end_addr = LOAD_AT + size,
		.entry_addr = LOAD_AT + sizeof(h),
	};
	struct err err = ERR_INIT;

	h.checksum = -(h.magic + h.flags);
	memcpy(image, &h, sizeof(h));
	memcpy(image + sizeof(h), code, len);
	ck_assert_msg(publish_buffer(path, image, size, &err) == 0, "%s", err.msg);
	free(image);
}

size_t tiny_guest_say(unsigned char *code, const char *text)
{
	const unsigned char port[] = {SET_DX(CHANNEL_PORT)};
	size_t n = sizeof(port);

	memcpy(code, port, n);
	for (; *text; text++) {
		const unsigned char out[] = {OUT_DX(*text)};

		memcpy(code + n, out, sizeof(out));
		n += sizeof(out);
	}
	return n;
}
