/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All that depends on the architecture: one file arch_ARCH.c for each. */
#pragma once

/* Tell QEMU to end the machine with SM_EXIT_* @code. Returns when that cannot be done here. */
void arch_end_machine(unsigned char code);
