/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine whose console is the user's terminal. */
#pragma once

#include "err.h"
#include "vm.h"

/*
 * Run it to its end, console on stdin and stdout, with QEMU's own keys (Ctrl-A x and so on). Works
 * in real time or not as @cfg says; there are no limits but the user's patience. The terminal has
 * its modes back however it ends. *status is QEMU's wait status.
 */
int vm_terminal(const struct vm_config *cfg, int *status, struct err *err);
