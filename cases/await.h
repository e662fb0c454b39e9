/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Stop the machine, with the agent ready to run, and when it goes on take the plan from the host:
 * it is then the file @path. Where the machine is stopped is said on @channel. 0 or a negative
 * errno, with what did not work in @why.
 */
int await_plan(int channel, const char *path, const char **why);
