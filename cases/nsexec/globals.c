// SPDX-License-Identifier: GPL-2.0-or-later
#include "globals.h"

/* gcc orders variables as it likes unless told; clang keeps the source's order. */
#ifdef __has_attribute
#if __has_attribute(no_reorder)
#define IN_ORDER __attribute__((no_reorder))
#endif
#endif
#ifndef IN_ORDER
#define IN_ORDER
#endif

/* The alignment of the first, with the rest behind it, keeps all of them in one page. */
IN_ORDER int current_stage __attribute__((aligned(128))) = STAGE_SETUP;
IN_ORDER int syncfd = -1;
IN_ORDER int logfd = -1;
IN_ORDER int loglevel = 5;
IN_ORDER uint64_t canary_data[STAGES] = {1, 1, 1};
