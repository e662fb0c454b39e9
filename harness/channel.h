/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's record stream, decoded and distrusted (format: cases/proto.h). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct channel;

/* Called for each good frame; @frame is borrowed. */
typedef void channel_frame_fn(void *arg, const json_t *frame);

struct channel *channel_new(const char *nonce, channel_frame_fn *fn, void *arg);
void channel_free(struct channel **c);

/*
 * Take bytes in any pieces. The first thing that is not a well-formed frame in sequence stops
 * decoding for good: -EPROTO, and @err says what was wrong and where (byte offset, an excerpt with
 * unprintable bytes escaped). -EFBIG for a flood (SM_CHANNEL_MAX, SM_FRAME_PAYLOAD).
 */
int channel_feed(struct channel *c, const char *buf, size_t len, struct err *err);

/* No more will come. -EPROTO if a frame is incomplete. */
int channel_end(struct channel *c, struct err *err);
