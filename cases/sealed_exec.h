/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The seals of a descriptor as a freshly executed program sees them. */
#pragma once

#define SEALED_EXEC_OPTION "seals-of-fd"

/* Execute @bin_dir/agent with @fd inherited. The seals, or -errno of what failed on either side. */
int sealed_exec_ask(const char *bin_dir, int fd);

/* The other side: the exit status that carries the answer for descriptor @fd. */
int sealed_exec_answer(int fd);
