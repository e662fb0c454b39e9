// SPDX-License-Identifier: GPL-2.0-or-later
/* The exit device is QEMU's isa-debug-exit, a port of one byte. */
#include <fcntl.h>
#include <sys/io.h>

#include "arch.h"
#include "cleanup.h"
#include "proto.h"

/*
 * QEMU 7.2 ends at once. With a later one (11.1) the device asks for the end, and the guest would
 * go on until QEMU's main loop has its turn: to a reset, or to some more lines of the console, by
 * chance.
 */
static void __attribute__((noreturn)) stand_still(void)
{
	for (;;)
		__builtin_ia32_pause();
}

/* The device reads as 0; where there is none, all bits are set. */
void arch_end_machine(unsigned char code)
{
	unsigned char there;

	if (!ioperm(SM_EXIT_PORT, 1, 1)) {
		outb(code, SM_EXIT_PORT);
		if (!inb(SM_EXIT_PORT))
			stand_still();
	}
	/* A kernel without ioperm() may have the ports as a file. */
	_cleanup_close_ int fd = open("/dev/port", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!pwrite(fd, &code, 1, SM_EXIT_PORT);
	if (pread(fd, &there, 1, SM_EXIT_PORT) == 1 && !there)
		stand_still();
}
