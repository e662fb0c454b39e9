/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All limits on a machine in one place; tests and the KVM probe lower them. */
#pragma once

#include "vm.h"

struct vm_limits {
	long channel_bytes, console_bytes; /* more is a flood */
	double silent_cpu_s;		   /* QEMU CPU seconds without a byte */
	double idle_wall_s;		   /* seconds without a byte… */
	double idle_cpu_s;		   /* …and with less CPU time than this */
	double wall_s;			   /* seconds in all; 0: no such limit */
	int poll_ms;			   /* how often the times above are looked at */
	int answer_ms;			   /* how long QEMU may take for a question, or to exit */
};

extern const struct vm_limits vm_limits;

int vm_run_limits(const struct vm_config *cfg, const struct vm_limits *lim, vm_channel_fn *fn,
		  void *arg, struct vm_result *res, struct err *err);
