/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes the record stream: one frame for every JSON object, as proto.h has it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct pack;

struct frame_out {
	int fd; /* borrowed */
	unsigned long seq;
	unsigned long nonce_crc; /* crc32 of the nonce, from which every frame's goes on */
	bool packed;		 /* facts are; set by the caller */
	struct pack *pack;
};

void frame_out_init(struct frame_out *out, int fd, const char *nonce);

/*
 * Send @frame whole, and behind it @facts, if there are any: one line of JSON text. 0 or -errno;
 * -EMSGSIZE: longer than SM_FRAME_PAYLOAD, nothing was written and the stream is still good. After
 * any other error it is not.
 */
int frame_send(struct frame_out *out, const json_t *frame, const char *facts);

void frame_out_end(struct frame_out *out);

/* For a process that must not be able to write a frame, not even by accident. */
void frame_out_forget(struct frame_out *out);
