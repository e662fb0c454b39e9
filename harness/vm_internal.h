/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All limits on a machine in one place; tests lower them. */
#pragma once

#include "vm.h"

struct vm_limits {
	long channel_bytes, console_bytes; /* more is a flood */
	double silent_cpu_s;		   /* QEMU CPU seconds without a byte */
	double idle_wall_s;		   /* seconds without a byte and without CPU time */
	int poll_ms;			   /* how often the two above are looked at */
};

extern const struct vm_limits vm_limits;

int vm_run_limits(const struct vm_config *cfg, const struct vm_limits *lim, vm_channel_fn *fn,
		  void *arg, struct vm_result *res, struct err *err);
