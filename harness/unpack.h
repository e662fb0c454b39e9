/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guest has packed (cases/proto.h), unpacked with distrust. */
#pragma once

#include <stddef.h>

struct unpack;

/*
 * The text that @packed holds, and its length; the caller frees it. *u is made the first time.
 * NULL: it is not what a guest packs, or longer than @max; nothing behind it can be unpacked.
 */
char *unpack_text(struct unpack **u, const char *packed, size_t len, size_t max, size_t *n);

void unpack_free(struct unpack **u);
