/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a kernel may not have come as far as the agent, from its console. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * What to set or to change, in one line, or NULL when the console @text tells nothing. For a boot
 * whose guest never said hello.
 */
const char *boot_hint(const char *text, size_t len);
