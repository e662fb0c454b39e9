// SPDX-License-Identifier: GPL-2.0-or-later
/* The exit device is QEMU's isa-debug-exit, a port of one byte. */
#include <fcntl.h>
#include <sys/io.h>

#include "arch.h"
#include "cleanup.h"
#include "proto.h"

void arch_end_machine(unsigned char code)
{
	if (!ioperm(SM_EXIT_PORT, 1, 1))
		outb(code, SM_EXIT_PORT);
	/* A kernel without ioperm() may have the ports as a file. */
	_cleanup_close_ int fd = open("/dev/port", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!pwrite(fd, &code, 1, SM_EXIT_PORT);
}
