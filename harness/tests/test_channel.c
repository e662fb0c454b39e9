// SPDX-License-Identifier: GPL-2.0-or-later
/* The record stream: every deviation is an error, and what was said before it stays said. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "channel.h"
#include "cleanup.h"
#include "json_util.h"
#include "proto.h"
#include "test.h"
#include "xalloc.h"

#define NONCE "0123456789abcdef"

/* One line as the guest writes it, with any of its parts wrong. Caller frees. */
static char *frame_with(const char *nonce, const char *seq, size_t len, const char *payload)
{
	unsigned long crc = crc32(0, (const Bytef *)nonce, strlen(nonce));

	crc = crc32(crc, (const Bytef *)seq, strlen(seq));
	crc = crc32(crc, (const Bytef *)payload, strlen(payload));
	return xasprintf("%s %zu %08lx %s\n", seq, len, crc, payload);
}

static char *frame(unsigned seq, const char *payload)
{
	_cleanup_free_ char *number = xasprintf("%u", seq);

	return frame_with(NONCE, number, strlen(payload), payload);
}

static const char *const payloads[] = {
	"{\"type\":\"hello\",\"proto\":1}",
	"{\"type\":\"begin\",\"index\":0,\"case\":\"c\",\"variant\":\"v\"}",
	"{\"type\":\"note\",\"text\":\"\\u00e4 \xc3\xa4 \x7f\"}",
	"{\"type\":\"bye\",\"ran\":1}",
};
#define PAYLOADS (sizeof(payloads) / sizeof(*payloads))

static char *good_stream(void)
{
	char *all = xstrdup("");

	for (size_t i = 0; i < PAYLOADS; i++) {
		_cleanup_free_ char *f = frame(i + 1, payloads[i]), *before = all;

		all = xasprintf("%s%s", before, f);
	}
	return all;
}

/* Frames must come in order and as they were sent, with none left out. */
struct seen {
	size_t n;
	bool other;
};

static void see(void *arg, const json_t *f)
{
	struct seen *seen = arg;
	_cleanup_json_ json_t *want =
		seen->n < PAYLOADS ? json_loads(payloads[seen->n], 0, NULL) : NULL;

	if (!want || !json_equal(f, want))
		seen->other = true;
	seen->n++;
}

/* The channel's answer to @len bytes in pieces of @piece. */
static int decode(const char *buf, size_t len, size_t piece, struct seen *seen, struct err *err)
{
	struct channel *c = channel_new(NONCE, see, seen);
	int ret = 0;

	*seen = (struct seen){0};
	for (size_t at = 0; at < len && !ret; at += piece)
		ret = channel_feed(c, buf + at, len - at < piece ? len - at : piece, err);
	if (!ret)
		ret = channel_end(c, err);
	channel_free(&c);
	return ret;
}

START_TEST(pieces_of_any_size_give_the_same)
{
	_cleanup_free_ char *stream = good_stream();
	size_t len = strlen(stream);

	for (size_t piece = 1; piece <= len; piece++) {
		struct err err = ERR_INIT;
		struct seen seen;

		ck_assert_int_eq(decode(stream, len, piece, &seen, &err), 0);
		ck_assert_uint_eq(seen.n, PAYLOADS);
		ck_assert(!seen.other);
	}
}
END_TEST

START_TEST(cut_off_within_a_frame)
{
	_cleanup_free_ char *stream = good_stream();

	for (size_t len = 0; len < strlen(stream); len++) {
		struct err err = ERR_INIT;
		struct seen seen;
		bool boundary = len == 0 || stream[len - 1] == '\n';

		ck_assert_int_eq(decode(stream, len, len + 1, &seen, &err), boundary ? 0 : -EPROTO);
		ck_assert(!seen.other);
		ck_assert(boundary || strstr(err.msg, "ends within a frame"));
	}
}
END_TEST

/* Every byte replaced by every other: no frame may come out that was not sent. */
START_TEST(one_wrong_byte_anywhere)
{
	_cleanup_free_ char *stream = good_stream();
	size_t len = strlen(stream);

	for (size_t at = 0; at < len; at++) {
		for (int flip = 1; flip < 256; flip++) {
			struct err err = ERR_INIT;
			struct seen seen;

			stream[at] ^= flip;
			int ret = decode(stream, len, len, &seen, &err);

			stream[at] ^= flip;
			ck_assert_msg(ret == -EPROTO && err.kind == ERR_INFRA,
				      "byte %zu xor 0x%02x: %d", at, flip, ret);
			ck_assert_msg(!seen.other && seen.n < PAYLOADS, "byte %zu xor 0x%02x", at,
				      flip);
		}
	}
}
END_TEST

/* … and every byte left out, or there twice. */
START_TEST(one_byte_lost_or_doubled)
{
	_cleanup_free_ char *stream = good_stream();
	size_t len = strlen(stream);

	for (size_t at = 0; at < len; at++) {
		_cleanup_free_ char *lost = xasprintf("%.*s%s", (int)at, stream, stream + at + 1);
		_cleanup_free_ char *twice = xasprintf("%.*s%s", (int)at + 1, stream, stream + at);
		struct err err = ERR_INIT, err2 = ERR_INIT;
		struct seen seen;

		ck_assert_int_eq(decode(lost, len - 1, len, &seen, &err), -EPROTO);
		ck_assert(!seen.other && seen.n < PAYLOADS);
		ck_assert_int_eq(decode(twice, len + 1, len + 1, &seen, &err2), -EPROTO);
		ck_assert(!seen.other);
	}
}
END_TEST

START_TEST(gap_and_repeat)
{
	static const unsigned orders[][3] = {{1, 3}, {2}, {1, 1}, {1, 2, 1}, {1, 2, 4}};
	const unsigned *o = orders[_i];
	struct err err = ERR_INIT;
	struct seen seen;
	char *all = xstrdup("");

	for (size_t i = 0; i < 3 && o[i]; i++) {
		_cleanup_free_ char *f = frame(o[i], payloads[o[i] - 1]), *before = all;

		all = xasprintf("%s%s", before, f);
	}
	ck_assert_int_eq(decode(all, strlen(all), 7, &seen, &err), -EPROTO);
	ck_assert_ptr_nonnull(strstr(err.msg, "sequence"));
	free(all);
}
END_TEST

static const struct {
	const char *nonce, *seq, *payload;
	long longer; /* by how much LEN is wrong */
	const char *said;
} forged[] = {
	{"fedcba9876543210", "1", "{\"type\":\"bye\"}", 0, "checksum"},
	{"", "1", "{\"type\":\"bye\"}", 0, "checksum"},
	{NONCE, "1", "{\"type\":\"bye\"}", 1, "length"},
	{NONCE, "1", "{\"type\":\"bye\"}", -1, "length"},
	{NONCE, "1", "{\"type\":\"bye\"}", 1L << 40, "longer than any"},
	{NONCE, "01", "{\"type\":\"bye\"}", 0, "not a frame"},
	{NONCE, "0", "{\"type\":\"bye\"}", 0, "not a frame"},
	{NONCE, "+1", "{\"type\":\"bye\"}", 0, "not a frame"},
	{NONCE, "-1", "{\"type\":\"bye\"}", 0, "not a frame"},
	{NONCE, " 1", "{\"type\":\"bye\"}", 0, "not a frame"},
	{NONCE, "99999999999999999999999", "{\"type\":\"bye\"}", 0, "not a frame"},
	{NONCE, "1", "", 0, "not a frame"},
	{NONCE, "1", "{\"type\":\"bye\"}\r", 0, "control character"},
	{NONCE, "1", "{\"type\":\t\"bye\"}", 0, "control character"},
	{NONCE, "1", "{\"type\":\"bye\"", 0, "JSON object"},
	{NONCE, "1", "{\"type\":\"bye\"}{}", 0, "JSON object"},
	{NONCE, "1", "{\"type\":\"bye\"} {}", 0, "JSON object"},
	{NONCE, "1", "{\"type\":\"result\"}{}", 0, "JSON object"},
	{NONCE, "1", "{\"type\":\"result\",\"facts\":{}} {}", 0, "JSON object"},
	{NONCE, "1", "[\"type\"]", 0, "JSON object"},
	{NONCE, "1", "{}", 0, "JSON object"},
	{NONCE, "1", "{\"type\":7}", 0, "JSON object"},
	{NONCE, "1", "{\"type\":\"bye\",\"type\":\"note\"}", 0, "JSON object"},
	{NONCE, "1", "{\"type\":\"a\\u0000b\"}", 0, "JSON object"},
	{NONCE, "1", "{\"type\":\"\xff\"}", 0, "JSON object"},
};

START_TEST(forged_line)
{
	size_t len = strlen(forged[_i].payload) + forged[_i].longer;
	_cleanup_free_ char *line =
		frame_with(forged[_i].nonce, forged[_i].seq, len, forged[_i].payload);
	struct err err = ERR_INIT;
	struct seen seen;

	ck_assert_int_lt(decode(line, strlen(line), 1000, &seen, &err), 0);
	ck_assert_uint_eq(seen.n, 0);
	ck_assert_msg(strstr(err.msg, forged[_i].said) != NULL, "%s", err.msg);
}
END_TEST

static const struct {
	const char *facts, *want;
} results[] = {
	{"{\"a\":[1]}", "{\"a\":[1]}"},
	{"", "{\"error\":\"the case's facts are not a JSON object: "},
	{"{\"a\":[1]", "{\"error\":\"the case's facts are not a JSON object: "},
	{"{\"a\":1} {}", "{\"error\":\"the case's facts are not a JSON object: "},
	{"[1]", "{\"error\":\"the case's facts are not a JSON object\"}"},
};

static void see_facts(void *arg, const json_t *f)
{
	json_t *facts = json_object_get(f, "facts");

	*(char **)arg = facts ? json_dumps(facts, JSON_COMPACT) : NULL;
}

/* What a case wrote comes with its result, and rubbish in it is no rubbish in the channel. */
START_TEST(facts_follow_a_result)
{
	_cleanup_free_ char *payload =
		xasprintf("{\"type\":\"result\",\"index\":0} %s", results[_i].facts);
	_cleanup_free_ char *line = frame(1, payload), *facts = NULL;
	struct err err = ERR_INIT;
	struct channel *c = channel_new(NONCE, see_facts, &facts);

	ck_assert_msg(channel_feed(c, line, strlen(line), &err) == 0, "%s", err.msg);
	ck_assert_ptr_nonnull(facts);
	ck_assert_msg(!strncmp(facts, results[_i].want, strlen(results[_i].want)), "%s", facts);
	channel_free(&c);
}
END_TEST

static void count(void *arg, const json_t *f)
{
	(void)f;
	++*(unsigned *)arg;
}

/* Packs as a guest does, its own way: one stream, each piece flushed. Caller frees. */
static char *packed(z_stream *z, char sign, const char *text, int flush)
{
	size_t len = strlen(text), room = deflateBound(z, len) + 16;
	_cleanup_free_ unsigned char *raw = xcalloc(1, room);
	_cleanup_free_ char *base64 = xcalloc(room, 2);

	z->next_in = (Bytef *)text;
	z->avail_in = len;
	z->next_out = raw;
	z->avail_out = room;
	ck_assert_int_eq(deflate(z, flush), flush == Z_FINISH ? Z_STREAM_END : Z_OK);
	EVP_EncodeBlock((unsigned char *)base64, raw, (int)(room - z->avail_out));
	return xasprintf("{\"type\":\"result\",\"index\":0}%c%s", sign, base64);
}

static void packer(z_stream *z)
{
	*z = (z_stream){0};
	ck_assert_int_eq(deflateInit2(z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
}

static int feed_frame(struct channel *c, unsigned seq, const char *payload, struct err *err)
{
	_cleanup_free_ char *line = frame(seq, payload);

	return channel_feed(c, line, strlen(line), err);
}

START_TEST(packed_facts_are_a_stream)
{
	static const char *const texts[] = {"{\"a\":\"some text of that length\"}",
					    "{\"b\":\"some text of that length\"}", "[rubbish]",
					    "{\"c\":\"some text of that length\"}"};
	_cleanup_free_ char *facts = NULL;
	struct channel *c = channel_new(NONCE, see_facts, &facts);
	struct err err = ERR_INIT;
	z_stream z;

	packer(&z);
	for (unsigned i = 0; i < 8; i++) {
		/* The second time round it begins anew. */
		if (i == 4)
			deflateReset(&z);
		_cleanup_free_ char *p =
			packed(&z, i % 4 ? SM_PACKED : SM_PACKED_ANEW, texts[i % 4], Z_SYNC_FLUSH);

		ck_assert_msg(feed_frame(c, i + 1, p, &err) == 0, "%s", err.msg);
		if (i % 4 == 2)
			ck_assert_ptr_nonnull(strstr(facts, "not a JSON object"));
		else
			ck_assert_str_eq(facts, texts[i % 4]);
		free(facts);
		facts = NULL;
	}
	channel_free(&c);
	deflateEnd(&z);
}
END_TEST

#define HEAD "{\"type\":\"result\",\"index\":0}"

/* None of this is a stream that was flushed. */
static const char *const unpackable[] = {
	HEAD "Z",	  HEAD "Z*",	    HEAD "ZAAA",
	HEAD "Z====",	  HEAD "Z!!!!",	    HEAD "zqgYAAAD//w==",
	HEAD "Zqgb//w==", HEAD "ZAAAAAAAA", HEAD "yqgYAAAD//w==",
};

START_TEST(what_cannot_be_unpacked_is_refused)
{
	_cleanup_free_ char *facts = NULL;
	struct channel *c = channel_new(NONCE, see_facts, &facts);
	struct err err = ERR_INIT;

	ck_assert_int_eq(feed_frame(c, 1, unpackable[_i], &err), -EPROTO);
	ck_assert_msg(strstr(err.msg, "unpacked") != NULL, "%s", err.msg);
	ck_assert_ptr_null(facts);
	channel_free(&c);
}
END_TEST

static char *zeros(size_t len)
{
	char *text = xcalloc(1, len + 1);

	memset(text, '0', len);
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + len - 2, "\"}", 2);
	return text;
}

/* A stream that ends has no place for the next facts; nor is there for more than a frame takes. */
START_TEST(packed_facts_have_limits)
{
	_cleanup_free_ char *facts = NULL, *most = zeros(SM_FRAME_PAYLOAD);
	_cleanup_free_ char *more = zeros(SM_FRAME_PAYLOAD + 1);
	const char *const texts[] = {most, more, "{}"};
	struct channel *c = channel_new(NONCE, see_facts, &facts);
	struct err err = ERR_INIT;
	z_stream z;

	packer(&z);
	_cleanup_free_ char *p =
		packed(&z, SM_PACKED_ANEW, texts[_i], _i == 2 ? Z_FINISH : Z_SYNC_FLUSH);

	ck_assert_int_eq(feed_frame(c, 1, p, &err), _i == 0 ? 0 : -EPROTO);
	if (_i == 0)
		ck_assert_uint_eq(strlen(facts), SM_FRAME_PAYLOAD);
	channel_free(&c);
	deflateEnd(&z);
}
END_TEST

/* Next to nothing on the wire, and for hours to be read. */
START_TEST(flood_of_packed_zeros)
{
	size_t n = 0;
	_cleanup_free_ char *text = zeros(SM_FRAME_PAYLOAD);
	struct channel *c = channel_new(NONCE, count, &n);
	struct err err = ERR_INIT;
	z_stream z;
	int ret = 0;

	packer(&z);
	for (unsigned seq = 1; !ret; seq++) {
		_cleanup_free_ char *p =
			packed(&z, seq == 1 ? SM_PACKED_ANEW : SM_PACKED, text, Z_SYNC_FLUSH);

		ret = feed_frame(c, seq, p, &err);
	}
	ck_assert_int_eq(ret, -EFBIG);
	ck_assert_uint_eq(n, SM_CHANNEL_MAX / SM_FRAME_PAYLOAD);
	channel_free(&c);
	deflateEnd(&z);
}
END_TEST

START_TEST(nul_byte_is_not_an_end)
{
	_cleanup_free_ char *good = frame(1, payloads[0]), *line = xcalloc(1, strlen(good) + 2);
	size_t len = strlen(good);
	struct err err = ERR_INIT;
	struct seen seen;

	/* A frame whose line goes on behind a NUL. */
	memcpy(line, good, len - 1);
	line[len] = '\n';
	ck_assert_int_eq(decode(line, len + 1, len + 1, &seen, &err), -EPROTO);
	ck_assert_uint_eq(seen.n, 0);
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
	_cleanup_free_ char *deep = xcalloc(1, 100001);
	struct err err = ERR_INIT;
	struct seen seen;

	memset(deep, '[', 100000);
	_cleanup_free_ char *payload = xasprintf("{\"type\":%s", deep), *line = frame(1, payload);

	ck_assert_int_eq(decode(line, strlen(line), 4096, &seen, &err), -EPROTO);
}
END_TEST

START_TEST(error_says_where_and_what)
{
	_cleanup_free_ char *good = frame(1, payloads[0]);
	_cleanup_free_ char *stream =
		xasprintf("%sOops\x1b[0m: \xff and much more of the same kind "
			  "than anybody would like to read\n",
			  good);
	_cleanup_free_ char *where = xasprintf("byte %zu:", strlen(good));
	struct err err = ERR_INIT;
	struct seen seen;

	ck_assert_int_eq(decode(stream, strlen(stream), 5, &seen, &err), -EPROTO);
	ck_assert_uint_eq(seen.n, 1);
	ck_assert_msg(strstr(err.msg, where) != NULL, "%s", err.msg);
	ck_assert_ptr_nonnull(strstr(err.msg, "Oops\\x1b[0m: \\xff and"));
	ck_assert_ptr_null(strstr(err.msg, "would like"));
}
END_TEST

START_TEST(nothing_is_decoded_after_an_error)
{
	_cleanup_free_ char *good = frame(1, payloads[0]);
	struct err err = ERR_INIT;
	struct seen seen = {0};
	struct channel *c = channel_new(NONCE, see, &seen);

	ck_assert_int_eq(channel_feed(c, "x\n", 2, &err), -EPROTO);
	ck_assert_int_eq(channel_feed(c, good, strlen(good), &err), -EPROTO);
	ck_assert_int_eq(channel_end(c, &err), -EPROTO);
	ck_assert_uint_eq(seen.n, 0);
	channel_free(&c);
}
END_TEST

/* A note whose payload is @size bytes. Caller frees. */
static char *big_frame(unsigned seq, size_t size)
{
	static const char head[] = "{\"type\":\"note\",\"text\":\"", tail[] = "\"}";
	size_t fill = size - strlen(head) - strlen(tail);
	_cleanup_free_ char *text = xcalloc(1, fill + 1);

	memset(text, 'x', fill);
	_cleanup_free_ char *payload = xasprintf("%s%s%s", head, text, tail);

	return frame(seq, payload);
}

START_TEST(longest_frame_and_one_byte_more)
{
	_cleanup_free_ char *fits = big_frame(1, SM_FRAME_PAYLOAD);
	_cleanup_free_ char *more = big_frame(2, SM_FRAME_PAYLOAD + 1);
	struct err err = ERR_INIT;
	unsigned n = 0;
	struct channel *c = channel_new(NONCE, count, &n);

	ck_assert_int_eq(channel_feed(c, fits, strlen(fits), &err), 0);
	ck_assert_int_eq(channel_feed(c, more, strlen(more), &err), -EFBIG);
	ck_assert_uint_eq(n, 1);
	channel_free(&c);
}
END_TEST

START_TEST(line_without_an_end)
{
	_cleanup_free_ char *junk = xcalloc(1, 4096);
	struct err err = ERR_INIT;
	struct channel *c = channel_new(NONCE, count, NULL);
	int ret = 0;
	size_t fed = 0;

	memset(junk, '7', 4096);
	for (; !ret && fed <= SM_FRAME_PAYLOAD + SM_FRAME_HEADER; fed += 4096)
		ret = channel_feed(c, junk, 4096, &err);
	ck_assert_int_eq(ret, -EFBIG);
	channel_free(&c);
}
END_TEST

START_TEST(flood_of_good_frames)
{
	unsigned n = 0, fits = 0;
	struct err err = ERR_INIT;
	struct channel *c = channel_new(NONCE, count, &n);
	size_t fed = 0;
	int ret = 0;

	for (unsigned seq = 1; !ret; seq++) {
		_cleanup_free_ char *f = big_frame(seq, SM_FRAME_PAYLOAD);

		ret = channel_feed(c, f, strlen(f), &err);
		fed += strlen(f);
		fits += fed <= SM_CHANNEL_MAX;
	}
	ck_assert_int_eq(ret, -EFBIG);
	ck_assert_uint_eq(n, fits);
	channel_free(&c);
}
END_TEST

TEST_SUITE(channel)
{
	Suite *s = suite_create("channel");
	TCase *tc = tcase_create("channel");

	tcase_set_timeout(tc, 120); /* only against a hang */
	tcase_add_test(tc, pieces_of_any_size_give_the_same);
	tcase_add_test(tc, cut_off_within_a_frame);
	tcase_add_test(tc, one_wrong_byte_anywhere);
	tcase_add_test(tc, one_byte_lost_or_doubled);
	tcase_add_loop_test(tc, gap_and_repeat, 0, 5);
	tcase_add_loop_test(tc, forged_line, 0, sizeof(forged) / sizeof(*forged));
	tcase_add_loop_test(tc, facts_follow_a_result, 0, sizeof(results) / sizeof(*results));
	tcase_add_test(tc, packed_facts_are_a_stream);
	tcase_add_loop_test(tc, what_cannot_be_unpacked_is_refused, 0,
			    sizeof(unpackable) / sizeof(*unpackable));
	tcase_add_loop_test(tc, packed_facts_have_limits, 0, 3);
	tcase_add_test(tc, flood_of_packed_zeros);
	tcase_add_test(tc, nul_byte_is_not_an_end);
	tcase_add_test(tc, deep_nesting_is_refused);
	tcase_add_test(tc, error_says_where_and_what);
	tcase_add_test(tc, nothing_is_decoded_after_an_error);
	tcase_add_test(tc, longest_frame_and_one_byte_more);
	tcase_add_test(tc, line_without_an_end);
	tcase_add_test(tc, flood_of_good_frames);
	suite_add_tcase(s, tc);
	return s;
}
