/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where chance has a say: how often each variant came out how. Counted, never judged. */
#pragma once

#include <jansson.h>

/*
 * Of records with a "round": object id → object of counts, by class where there is one ("E1"), else
 * by outcome ("pass"), in order of first appearance. The caller owns it.
 */
json_t *frequencies(const json_t *records);
