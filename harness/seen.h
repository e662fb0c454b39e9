/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kernel turned out to be when it was last booted: seen/SHA256.json in the cache, by the
 * hash of its image. For people only: no verdict rests on it.
 */
#pragma once

#include <jansson.h>

#include "err.h"

/* Note down every kernel that a run in @dir booted and that said hello; @records are judged. */
int seen_save(const json_t *records, const char *dir, struct err *err);

/*
 * {"kernel","release","when","results","end","features","modules","outcomes":{OUTCOME:n},"known":
 * [ID…]}, or NULL when this image was never booted here. The caller owns it.
 */
json_t *seen_read(const char *sha256);
