/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shell script in the place of QEMU. */
#pragma once

#define FAKE_QEMU_DONE "exit 85" /* (SM_EXIT_DONE << 1) | 1 */

/* Put @script (what comes after "#!/bin/sh") first in PATH as the QEMU for x86_64. */
void fake_qemu(const char *script);
