// SPDX-License-Identifier: GPL-2.0-or-later
/* fw_cfg's DMA register and the ISA pvpanic device; both are ports. */
#include "park.h"

#include <endian.h>
#include <errno.h>
#include <sys/io.h>

#include "proto.h"

#define FWCFG_DMA 0x514 /* eight bytes, big-endian; the lower half starts the transfer */

int park_open(void)
{
	if (ioperm(FWCFG_DMA, 8, 1) < 0 || ioperm(SM_PARK_PORT, 1, 1) < 0)
		return -errno;
	return 0;
}

void park_close(void)
{
	ioperm(FWCFG_DMA, 8, 0);
	ioperm(SM_PARK_PORT, 1, 0);
}

void park_fwcfg_dma(uint64_t at)
{
	outl(htobe32(at >> 32), FWCFG_DMA);
	outl(htobe32((uint32_t)at), FWCFG_DMA + 4);
	__asm__ volatile("" ::: "memory"); /* the device has written to ours */
}

void park(void)
{
	outb(SM_PARK_VALUE, SM_PARK_PORT);
}
