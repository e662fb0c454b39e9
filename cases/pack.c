// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A byte on the serial port is dear: an interrupt's share, an exit of the emulator and a write of
 * the host's, together what some six hundred instructions take. Facts of one boot are much alike,
 * so that packed with what came before they are a quarter, base64 included.
 */
#include "pack.h"

#include <netinet/in.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "proto.h"

/*
 * A machine that hangs takes 5 KB to describe, and is best described by the one before. Of the
 * window only what is used costs page faults; the tables are small because they are cleared.
 */
#define WINDOW_BITS 14
#define MEMORY	    5

struct pack {
	z_stream z;
	bool anew; /* who unpacks it has to begin anew, too */
};

static struct pack *pack_new(void)
{
	struct pack *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->anew = true;
	/* Z_FIXED: codes made for each result would take longer than what they save. */
	if (deflateInit2(&p->z, 1, Z_DEFLATED, -WINDOW_BITS, MEMORY, Z_FIXED) == Z_OK)
		return p;
	free(p);
	return NULL;
}

void pack_free(struct pack **p)
{
	if (*p)
		deflateEnd(&(*p)->z);
	free(*p);
	*p = NULL;
}

void pack_anew(struct pack *p)
{
	p->anew = true;
}

/* The next piece of the stream, @len bytes with room for @room. How many it takes; 0: there is not
 * that much room. */
static size_t deflate_piece(struct pack *p, const char *text, size_t len, unsigned char *raw,
			    size_t room)
{
	p->z.next_in = (Bytef *)text;
	p->z.avail_in = len;
	p->z.next_out = raw;
	p->z.avail_out = room;
	if (deflate(&p->z, Z_SYNC_FLUSH) == Z_OK && !p->z.avail_in && p->z.avail_out)
		return room - p->z.avail_out;
	p->anew = true;
	return 0;
}

char *pack_text(struct pack **pack, const char *text)
{
	struct pack *p = *pack ? *pack : (*pack = pack_new());

	if (!p)
		return NULL;
	if (p->anew)
		deflateReset(&p->z);
	size_t len = strlen(text), room = deflateBound(&p->z, len) + 16; /* the flush's */
	size_t base64 = (room + 2) / 3 * 4 + 1;
	unsigned char *raw = malloc(room);
	char *out = malloc(1 + base64);
	char sign = p->anew ? SM_PACKED_ANEW : SM_PACKED;
	size_t n = raw && out ? deflate_piece(p, text, len, raw, room) : 0;

	if (n) {
		*out = sign;
		b64_ntop(raw, n, out + 1, base64);
		p->anew = false;
	} else {
		free(out);
		out = NULL;
	}
	free(raw);
	return out;
}
