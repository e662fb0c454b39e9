// SPDX-License-Identifier: GPL-2.0-or-later
#include "frame.h"

#include <poll.h>
#include <string.h>
#include <zlib.h>

#include "cleanup.h"
#include "pack.h"
#include "proto.h"

void frame_out_init(struct frame_out *out, int fd, const char *nonce)
{
	*out = (struct frame_out){
		.fd = fd,
		.nonce_crc = crc32(0, (const Bytef *)nonce, strlen(nonce)),
	};
}

void frame_out_end(struct frame_out *out)
{
	pack_free(&out->pack);
}

void frame_out_forget(struct frame_out *out)
{
	explicit_bzero(out, sizeof(*out));
	out->fd = -1;
}

/* A terminal's or a pipe's write may be short; a frame is whole or the stream is broken. */
static int write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};

			poll(&p, 1, -1);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buf += n;
		len -= n;
	}
	return 0;
}

static unsigned long frame_crc(const struct frame_out *out, const char *seq, const char *payload,
			       size_t len)
{
	uLong crc = crc32(out->nonce_crc, (const Bytef *)seq, strlen(seq));

	return crc32(crc, (const Bytef *)payload, len);
}

/* The caller frees it; NULL: not to be had. */
static char *add_facts(struct frame_out *out, const char *head, const char *facts)
{
	bool pack = out->packed && *facts; /* there is no piece of nothing */
	_cleanup_free_ char *packed = pack ? pack_text(&out->pack, facts) : NULL;
	char *both;

	if (pack && !packed)
		return NULL;
	return asprintf(&both, "%s%s%s", head, packed ? "" : " ", packed ? packed : facts) < 0
		       ? NULL
		       : both;
}

/* The same. */
static char *make_payload(struct frame_out *out, const json_t *frame, const char *facts)
{
	/* ASCII: nothing a terminal line, or a log viewer, could take for something else. */
	char *head = json_dumps(frame, JSON_COMPACT | JSON_ENSURE_ASCII);

	if (!head || !facts)
		return head;
	char *both = add_facts(out, head, facts);

	free(head);
	return both;
}

int frame_send(struct frame_out *out, const json_t *frame, const char *facts)
{
	_cleanup_free_ char *payload = NULL, *line = NULL;
	char seq[24];

	if (facts && strlen(facts) > SM_FRAME_PAYLOAD)
		return -EMSGSIZE;
	payload = make_payload(out, frame, facts);
	if (!payload)
		return -EINVAL;
	size_t len = strlen(payload);

	if (len > SM_FRAME_PAYLOAD) {
		if (out->pack)
			pack_anew(out->pack);
		return -EMSGSIZE;
	}
	snprintf(seq, sizeof(seq), "%lu", out->seq + 1);

	int n = asprintf(&line, "%s %zu %08lx %s\n", seq, len, frame_crc(out, seq, payload, len),
			 payload);

	if (n < 0) {
		line = NULL;
		return -ENOMEM;
	}
	out->seq++;
	return write_all(out->fd, line, n);
}
