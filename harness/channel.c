// SPDX-License-Identifier: GPL-2.0-or-later
#include "channel.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "cleanup.h"
#include "json_util.h"
#include "proto.h"
#include "unpack.h"
#include "xalloc.h"

#define EXCERPT 48

struct channel {
	char *nonce;
	channel_frame_fn *fn;
	void *arg;
	char line[SM_FRAME_HEADER + SM_FRAME_PAYLOAD + 1];
	size_t have;   /* bytes of an unfinished line */
	long total;    /* bytes taken so far */
	long unpacked; /* bytes of facts, once unpacked */
	long line_at;  /* offset of the line's first byte */
	unsigned long seq;
	struct unpack *unpack;
	int failed; /* negative errno: nothing more is decoded */
};

struct channel *channel_new(const char *nonce, channel_frame_fn *fn, void *arg)
{
	struct channel *c = xcalloc(1, sizeof(*c));

	c->nonce = xstrdup(nonce);
	c->fn = fn;
	c->arg = arg;
	return c;
}

void channel_free(struct channel **c)
{
	if (!*c)
		return;
	unpack_free(&(*c)->unpack);
	free((*c)->nonce);
	free(*c);
	*c = NULL;
}

/* The first bytes of the line, unprintable ones escaped. Caller frees. */
static char *excerpt(const char *s, size_t len)
{
	char *out = xcalloc(1, 4 * EXCERPT + 4), *p = out;

	for (size_t i = 0; i < len && i < EXCERPT; i++)
		p += sprintf(p, isprint((unsigned char)s[i]) ? "%c" : "\\x%02x",
			     (unsigned char)s[i]);
	if (len > EXCERPT)
		strcpy(p, "...");
	return out;
}

static int refuse(struct channel *c, int errnum, const char *what, struct err *err)
{
	_cleanup_free_ char *text = excerpt(c->line, c->have);

	c->failed = -errnum;
	err_set(err, ERR_INFRA, 0, "the guest's record channel, byte %ld: %s: '%s'", c->line_at,
		what, text);
	return c->failed;
}

/* A decimal number without sign or leading zero, followed by a blank; NULL if it is not one. */
static const char *take_number(const char *s, unsigned long *n)
{
	char *end;

	if (*s < '1' || *s > '9')
		return NULL;
	errno = 0;
	*n = strtoul(s, &end, 10);
	return errno || *end != ' ' ? NULL : end + 1;
}

static unsigned long checksum(const struct channel *c, const char *seq, size_t seq_len,
			      const char *payload, size_t len)
{
	unsigned long crc = crc32(0, (const Bytef *)c->nonce, strlen(c->nonce));

	crc = crc32(crc, (const Bytef *)seq, seq_len);
	return crc32(crc, (const Bytef *)payload, len);
}

/* A case's own words: what is wrong with them is wrong with that case. */
static json_t *load_facts(const char *text, size_t len)
{
	json_error_t why;
	json_t *facts = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);

	if (json_is_object(facts))
		return facts;
	_cleanup_free_ char *error = xasprintf("the case's facts are not a JSON object%s%s",
					       facts ? "" : ": ", facts ? "" : why.text);

	json_decref(facts);
	return json_pack("{s:s%}", "error", error, strlen(error));
}

/* The facts of a result, from the sign before them on. NULL: that says neither. */
static json_t *take_facts(struct channel *c, const char *text, size_t len)
{
	_cleanup_free_ char *unpacked = NULL;

	if (*text == ' ')
		return load_facts(text + 1, len - 1);
	unpacked = unpack_text(&c->unpack, text, len, SM_FRAME_PAYLOAD, &len);
	if (!unpacked)
		return NULL;
	c->unpacked += (long)len;
	return load_facts(unpacked, len);
}

/*
 * The object of a frame, with the facts that follow it as its member "facts". NULL: it is not an
 * object with a type, or something else follows.
 */
static json_t *load_payload(struct channel *c, const char *payload, size_t len)
{
	json_error_t at;
	_cleanup_json_ json_t *frame =
		json_loadb(payload, len, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &at);

	if (!json_is_object(frame) || !json_is_string(json_object_get(frame, "type")))
		return NULL;
	size_t end = at.position;

	if (end == len)
		return steal_ptr(frame);
	if (strcmp(jstr(frame, "type", ""), SM_FRAME_RESULT) || json_object_get(frame, "facts"))
		return NULL;
	json_t *facts = take_facts(c, payload + end, len - end);

	if (!facts)
		return NULL;
	json_object_set_new(frame, "facts", facts);
	return steal_ptr(frame);
}

/* c->line[0..have) is a whole line without its newline. */
static int take_line(struct channel *c, struct err *err)
{
	unsigned long seq, len;
	char hex[9];

	c->line[c->have] = '\0';
	for (size_t i = 0; i < c->have; i++)
		if ((unsigned char)c->line[i] < ' ')
			return refuse(c, EPROTO, "a control character", err);
	const char *p = take_number(c->line, &seq);
	size_t seq_len = p ? p - 1 - c->line : 0;

	p = p ? take_number(p, &len) : NULL;
	if (!p || strlen(p) < 9 || p[8] != ' ')
		return refuse(c, EPROTO, "not a frame", err);
	const char *crc = p, *payload = p + 9;

	if (len > SM_FRAME_PAYLOAD)
		return refuse(c, EFBIG, "a frame longer than any", err);
	if (len != strlen(payload))
		return refuse(c, EPROTO, "a frame of the wrong length", err);
	snprintf(hex, sizeof(hex), "%08lx", checksum(c, c->line, seq_len, payload, len));
	if (memcmp(hex, crc, 8))
		return refuse(c, EPROTO, "a frame with the wrong checksum", err);
	if (seq != c->seq + 1)
		return refuse(c, EPROTO, "a frame out of sequence", err);
	c->seq = seq;

	_cleanup_json_ json_t *frame = load_payload(c, payload, len);

	if (!frame)
		return refuse(c, EPROTO,
			      "a frame that is not a JSON object with a type, or with facts that "
			      "cannot be unpacked",
			      err);
	if (c->unpacked > SM_CHANNEL_MAX)
		return refuse(c, EFBIG, "more than any run sends", err);
	c->fn(c->arg, frame);
	return 0;
}

int channel_feed(struct channel *c, const char *buf, size_t len, struct err *err)
{
	for (size_t i = 0; i < len && !c->failed; i++) {
		if (c->have == 0)
			c->line_at = c->total;
		if (++c->total > SM_CHANNEL_MAX)
			return refuse(c, EFBIG, "more than any run sends", err);
		if (buf[i] != '\n') {
			if (c->have == sizeof(c->line) - 1)
				return refuse(c, EFBIG, "a line longer than any frame", err);
			c->line[c->have++] = buf[i];
			continue;
		}
		if (take_line(c, err) < 0)
			break;
		c->have = 0;
	}
	return c->failed;
}

int channel_end(struct channel *c, struct err *err)
{
	if (!c->failed && c->have)
		return refuse(c, EPROTO, "the stream ends within a frame", err);
	return c->failed;
}
