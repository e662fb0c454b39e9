/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Kill and reap every child of this process, which must be a subreaper, until there is none, and so
 * all that they left behind. How many had to be killed; -1 when one would not end within @limit_ms,
 * or /proc could not be read.
 */
int sweep_children(unsigned limit_ms);
