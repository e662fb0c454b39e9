/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* This process was started by the init of one of our machines, which alone may ask for its end. */
bool end_is_ours(void);

/*
 * End the virtual machine with SM_EXIT_* @code, by the exit device or else by a reset, once the
 * console and @channel (-1: none) have sent all that was written to them. Returns only when the
 * kernel will do neither.
 */
void end_machine(int channel, unsigned char code);
