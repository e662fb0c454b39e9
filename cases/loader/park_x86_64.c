// SPDX-License-Identifier: GPL-2.0-or-later
/* fw_cfg's DMA register, QEMU's ib700 watchdog and its ISA pvpanic device; all are ports. */
#include "park.h"

#include <endian.h>
#include <errno.h>
#include <sys/io.h>
#include <time.h>

#include "proto.h"

#define FWCFG_DMA 0x514 /* eight bytes, big-endian; the lower half starts the transfer */
#define NOBODY	  0xff	/* what a port reads that no device has */

int park_open(void)
{
	if (ioperm(FWCFG_DMA, 8, 1) < 0 || ioperm(SM_PARK_WATCHDOG, 1, 1) < 0 ||
	    ioperm(SM_PARK_PORT, 1, 1) < 0)
		return -errno;
	return 0;
}

void park_close(void)
{
	ioperm(FWCFG_DMA, 8, 0);
	ioperm(SM_PARK_WATCHDOG, 1, 0);
	ioperm(SM_PARK_PORT, 1, 0);
}

void park_fwcfg_dma(uint64_t at)
{
	outl(htobe32(at >> 32), FWCFG_DMA);
	outl(htobe32((uint32_t)at), FWCFG_DMA + 4);
	__asm__ volatile("" ::: "memory"); /* the device has written to ours */
}

/*
 * Were the machine stopped by an instruction, QEMU's main loop would sometimes see the vCPU stopped
 * before it stops the clock (icount_start_warp_timer()), push that to the guest's next timer, and
 * sometimes not: two templates of one kernel would go on differently, by microseconds. But when all
 * vCPUs are idle, that same loop advances the clock to the watchdog's instant, runs the watchdog
 * and stops the clock, in one go.
 */
static void stop_while_idle(void)
{
	/* Asleep until shortly behind the watchdog; any timer's resolution is finer. */
	struct timespec left = {.tv_sec = 2, .tv_nsec = 20 * 1000 * 1000};

	outb(SM_PARK_2S, SM_PARK_WATCHDOG);
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

void park(void)
{
	if (inb(SM_PARK_PORT) == NOBODY)
		stop_while_idle();
	else
		outb(SM_PARK_VALUE, SM_PARK_PORT);
}
