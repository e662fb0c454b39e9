/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's globals: what the bug is about. All are initialised to something other than zero,
 * so all lie in .data, which is mapped from the file. The canary beside them watches their page.
 */
#pragma once

#include <stdint.h>

#include "points.h"

extern int current_stage, syncfd, logfd, loglevel;
extern uint64_t canary_data[STAGES];

/* One real load or store: the compiler may neither keep the value nor merge accesses. */
#define GLOBAL(name) (*(volatile int *)&(name))
