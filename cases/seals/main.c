// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * seals FD: the seals of an inherited descriptor, as a freshly executed program sees them, in the
 * exit status (sealed_exec.h). Small, and linked like the stage machine: it is started for each
 * variant, and to start the agent again would be an eighth of what one costs under emulation.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "sealed_exec.h"

int main(int argc, char **argv)
{
	int seals;

	if (argc != 2)
		return SEALED_EXEC_ERRNO | EINVAL;
	seals = fcntl(atoi(argv[1]), F_GET_SEALS);
	return seals < 0 ? SEALED_EXEC_ERRNO | (errno & ~SEALED_EXEC_ERRNO)
			 : seals & ~SEALED_EXEC_ERRNO;
}
