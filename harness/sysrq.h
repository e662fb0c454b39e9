/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Magic SysRq over a machine's console, for a kernel that says nothing by itself. */
#pragma once

#include "err.h"
#include "qmp.h"

/*
 * Ask for backtraces of the CPUs, blocked tasks and the stacks of all tasks; what the kernel says
 * goes to @path. Waits up to @ms for each answer, and gives up after the first that does not come;
 * then a non-maskable interrupt is tried, which reaches a kernel with interrupts off. The console
 * is taken from the file that it went to so far. How many questions were answered, or a negative
 * errno when nothing could be asked.
 */
int sysrq_ask(struct qmp *q, const char *path, int ms, struct err *err);
