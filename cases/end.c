// SPDX-License-Identifier: GPL-2.0-or-later
#include "end.h"

#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#include "arch.h"
#include "proto.h"

bool end_is_ours(void)
{
	return getppid() == 1 && !access(SM_CASES_DIR "/agent", X_OK);
}

void end_machine(int channel, unsigned char code)
{
	/* The UART holds bytes that QEMU has not seen yet. */
	if (channel >= 0)
		tcdrain(channel);
	tcdrain(STDERR_FILENO);
	arch_end_machine(code);
	reboot(RB_AUTOBOOT);
}
