/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kernel of the matrix was resolved to: locks/NAME.json in the cache. A lock is used until
 * the kernel's entry in the matrix changes, it is dropped, or what it names is neither in the cache
 * nor on the mirror any more (kernel_get() says so and resolves again): runs stay the same, and
 * need no network, while the mirror moves on.
 */
#pragma once

#include <jansson.h>

#include "err.h"
#include "matrix.h"

/* The "packages" array of @spec's lock, or NULL when there is none that fits. Caller owns it. */
json_t *lock_read(const struct kernel_spec *spec);
/* @packages: array of {"name","version","suite","sha256"}. */
int lock_write(const struct kernel_spec *spec, const json_t *packages, struct err *err);
/* Forget it; no lock is fine. */
int lock_drop(const struct kernel_spec *spec, struct err *err);

/* The hash over a lock's packages: cache key of all that is made from just them. */
void lock_key(const json_t *packages, const char *format, char hex[65]);
