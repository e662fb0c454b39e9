/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "plan.h"

/*
 * Stop the machine, with the agent ready to run, and when it goes on take the plan from the host,
 * which hands it over as the file @path. Where the machine is stopped is said on @channel. As
 * plan_read().
 */
int await_plan(int channel, const char *path, struct plan *plan, char *why, size_t why_len);
