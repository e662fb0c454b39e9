/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the loader needs of the architecture: one file park_ARCH.c for each. */
#pragma once

#include <stdint.h>

/* Get access to the devices below. 0 or a negative errno. */
int park_open(void);

/* Give it up again. */
void park_close(void);

/* Hand the physical address of a request to fw_cfg. */
void park_fwcfg_dma(uint64_t at);

/*
 * Let the machine stop; returns when it goes on, as often as the host likes. Where the clock counts
 * instructions, all that the host does meanwhile leaves no trace in the guest.
 */
void park(void);
