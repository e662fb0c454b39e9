/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The seals of a descriptor as a freshly executed program sees them. */
#pragma once

/* An exit status has 8 bits: 7 for the six seals (or an errno), the top one says which. */
#define SEALED_EXEC_ERRNO 0x80

/* Execute @bin_dir/seals with @fd inherited. The seals, or -errno of what failed on either side. */
int sealed_exec_ask(const char *bin_dir, int fd);
