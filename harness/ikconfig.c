// SPDX-License-Identifier: GPL-2.0-or-later
#include "ikconfig.h"

#include <archive_entry.h>
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "archive_util.h"
#include "cleanup.h"
#include "publish.h"
#include "xalloc.h"

#define IMAGE_MAX   (1 << 30)
#define PAYLOAD_MAX (1 << 29)
#define CONFIG_MAX  (4 << 20)
#define START	    "IKCFG_ST" /* kernel/configs.c: a gzip file behind it */

struct bytes {
	char *data;
	size_t len;
};

static uint32_t u32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

/* Documentation/arch/x86/boot.rst: where the compressed vmlinux lies, from protocol 2.08 on. */
static bool find_payload(const struct bytes *image, const char **payload, size_t *len)
{
	const char *d = image->data;

	if (image->len < 0x250 || memcmp(d + 0x202, "HdrS", 4) || (u32(d + 0x206) & 0xffff) < 0x208)
		return false;
	size_t sects = (unsigned char)d[0x1f1];
	size_t at = ((sects ? sects : 4) + 1) * 512 + (size_t)u32(d + 0x248);

	*len = u32(d + 0x24c);
	if (at > image->len || *len > image->len - at)
		return false;
	*payload = d + at;
	return true;
}

/* As much as can be unpacked. */
static void unpack(const char *payload, size_t len, struct bytes *out)
{
	_cleanup_archive_read_ struct archive *a = archive_read_new();
	struct archive_entry *entry;
	size_t room = 0;
	la_ssize_t n = 0;

	archive_read_support_filter_all(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_memory(a, payload, len) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return;
	do {
		out->len += n;
		if (room - out->len < 1 << 20)
			out->data = xreallocarray(out->data, room = 2 * room + (8 << 20), 1);
		n = archive_read_data(a, out->data + out->len, room - out->len);
	} while (n > 0 && out->len < PAYLOAD_MAX);
}

/* The text of the gzip file at @p. Caller frees; NULL if it is none. */
static char *inflate_text(const char *p, size_t len)
{
	_cleanup_free_ char *text = xcalloc(CONFIG_MAX + 1, 1);
	z_stream z = {.next_in = (unsigned char *)p,
		      .avail_in = len < UINT32_MAX ? len : UINT32_MAX,
		      .next_out = (unsigned char *)text,
		      .avail_out = CONFIG_MAX};

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return NULL;
	int ret = inflate(&z, Z_FINISH);

	inflateEnd(&z);
	return ret == Z_STREAM_END ? steal_ptr(text) : NULL;
}

static char *find_config(const char *data, size_t len)
{
	const char *end = data + len;

	for (const char *p = data; (p = memmem(p, end - p, START, strlen(START)));) {
		p += strlen(START);
		char *text = inflate_text(p, end - p);

		if (text)
			return text;
	}
	return NULL;
}

int ikconfig_read(const char *path, char **text, struct err *err)
{
	struct bytes image = {0}, vmlinux = {0};
	const char *payload;
	size_t len;
	int ret = read_file(path, IMAGE_MAX, &image.data, &image.len, err);

	*text = NULL;
	if (ret < 0)
		return ret;
	if (find_payload(&image, &payload, &len)) {
		unpack(payload, len, &vmlinux);
		/* All but gzip have their size behind them, which some filters take for damage. */
		if (!vmlinux.len && len > 4)
			unpack(payload, len - 4, &vmlinux);
		if (vmlinux.len)
			*text = find_config(vmlinux.data, vmlinux.len);
	} else {
		*text = find_config(image.data, image.len);
	}
	free(image.data);
	free(vmlinux.data);
	return 0;
}
