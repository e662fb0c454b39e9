/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "did you mean": the candidates closest to a mistyped word. */
#pragma once

#include "xalloc.h"

/* Up to three candidates nearest to @word as "a, b or c"; NULL if none is near. Caller frees. */
char *near_matches(const char *word, const struct strv *candidates);
