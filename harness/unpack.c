// SPDX-License-Identifier: GPL-2.0-or-later
#include "unpack.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "cleanup.h"
#include "proto.h"
#include "xalloc.h"

/* An empty block, RFC 1951, 3.2.4. */
static const unsigned char flushed[4] = {0, 0, 0xff, 0xff};

struct unpack {
	z_stream z;
	bool begun;
};

static struct unpack *unpack_new(void)
{
	struct unpack *u = xcalloc(1, sizeof(*u));

	if (inflateInit2(&u->z, -MAX_WBITS) != Z_OK)
		abort(); /* only memory can be lacking */
	return u;
}

void unpack_free(struct unpack **u)
{
	if (*u)
		inflateEnd(&(*u)->z);
	free(*u);
	*u = NULL;
}

/* NULL: it is no base64. Caller frees. */
static unsigned char *decode(const char *text, size_t len, size_t *n)
{
	if (!len || len % 4 || len > INT_MAX)
		return NULL;
	_cleanup_free_ unsigned char *raw = xcalloc(len / 4, 3);

	if (EVP_DecodeBlock(raw, (const unsigned char *)text, (int)len) != (int)(len / 4 * 3))
		return NULL;
	/* It counts the bytes that fill it up. */
	*n = len / 4 * 3 - (text[len - 1] == '=') - (text[len - 2] == '=');
	return steal_ptr(raw);
}

char *unpack_text(struct unpack **unpack, const char *packed, size_t len, size_t max, size_t *n)
{
	struct unpack *u = *unpack ?: (*unpack = unpack_new());
	size_t raw_len;

	if (len < 1 || (*packed != SM_PACKED_ANEW && (*packed != SM_PACKED || !u->begun)))
		return NULL;
	if (*packed == SM_PACKED_ANEW)
		inflateReset(&u->z);
	u->begun = true;
	_cleanup_free_ unsigned char *raw = decode(packed + 1, len - 1, &raw_len);
	_cleanup_free_ char *text = xcalloc(1, max + 1);

	if (!raw)
		return NULL;
	u->z.next_in = raw;
	u->z.avail_in = (uInt)raw_len;
	u->z.next_out = (Bytef *)text;
	u->z.avail_out = (uInt)max + 1;
	/* All is taken, and there was room for more; the stream never ends, but is flushed. */
	if (raw_len < sizeof(flushed) ||
	    memcmp(raw + raw_len - sizeof(flushed), flushed, sizeof(flushed)))
		return NULL;
	if (inflate(&u->z, Z_SYNC_FLUSH) != Z_OK || u->z.avail_in || !u->z.avail_out)
		return NULL;
	*n = max + 1 - u->z.avail_out;
	return steal_ptr(text);
}
