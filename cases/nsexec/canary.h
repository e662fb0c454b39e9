/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the canaries live that need a place of their own at link time. */
#pragma once

#include <stdint.h>

#include "points.h"

#define CANARY_PAGE 4096

struct canary_page {
	uint64_t slot[STAGES];
	const void *self;
	char fill[CANARY_PAGE - STAGES * sizeof(uint64_t) - sizeof(void *)];
} __attribute__((aligned(CANARY_PAGE)));

extern struct canary_page canary_data_clean;
extern const struct canary_page canary_data_relro;
/* Page-aligned as well, so that .bss begins on a page and nobody owns the tail before it. */
extern struct canary_page canary_bss_far;
extern uint64_t canary_data_end;
