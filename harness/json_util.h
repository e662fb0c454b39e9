/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jansson with cleanup, and reads that never fail: facts come from a guest that may leave any out.
 */
#pragma once

#include <jansson.h>

#define _cleanup_json_ __attribute__((cleanup(json_decrefp)))

/* The member's value, or the default when it is missing or of another type. */
const char *jstr(const json_t *o, const char *key, const char *def);
json_int_t jint(const json_t *o, const char *key, json_int_t def);
int jbool(const json_t *o, const char *key, int def);
