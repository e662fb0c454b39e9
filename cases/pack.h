/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts as they go over the channel, packed (format: proto.h). */
#pragma once

#include <stddef.h>

struct pack;

/*
 * @text, which is not empty, packed; the caller frees it. *p is made the first time. NULL: no
 * memory. All that was packed is to be sent, in order, or pack_anew() comes next.
 */
char *pack_text(struct pack **p, const char *text);

/* What was packed last is not sent. */
void pack_anew(struct pack *p);

void pack_free(struct pack **p);
