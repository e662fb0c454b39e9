// SPDX-License-Identifier: GPL-2.0-or-later
#include "canary.h"

/* Pages of their own in .data that nobody writes before the writer's last fork. */
struct canary_page canary_data_clean = {.slot = {1, 1, 1}};
/* .data.rel.ro is for constants that need relocation: the pointer puts it there and dirties it. */
const struct canary_page canary_data_relro
	__attribute__((section(".data.rel.ro"))) = {.self = &canary_data_relro};
struct canary_page canary_bss_far;
