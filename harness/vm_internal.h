/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All limits on a machine in one place; tests and the KVM probe lower them. */
#pragma once

#include "qmp.h"
#include "vm.h"

struct vm_limits {
	long channel_bytes, console_bytes; /* more is a flood */
	double silent_cpu_s;		   /* QEMU CPU seconds without a byte */
	double idle_wall_s;		   /* seconds without a byte… */
	double idle_cpu_s;		   /* …and with less CPU time than this */
	double unheard; /* how many times as long the channel alone may be silent */
	double wall_s;	/* seconds in all; 0: no such limit */
	int poll_ms;	/* how often the times above are looked at */
	int restore_ms; /* how long saving or restoring a machine may take */
	int sysrq_ms;	/* …and a kernel for a SysRq key */
	int dump_ms;	/* … and QEMU for the guest's memory */
	int answer_ms;	/* how long QEMU may take for a question, or to exit */
};

extern const struct vm_limits vm_limits;

int vm_run_limits(const struct vm_config *cfg, const struct vm_limits *lim, vm_bytes_fn *fn,
		  void *arg, struct vm_result *res, struct err *err);

/*
 * vm_template.c: write the stopped machine's state to the new file @cfg->save. -ECANCELED when the
 * guest was not idle, which only real time may pass over (cases/loader/park.h).
 */
int vm_save(struct qmp *q, const struct vm_config *cfg, const struct vm_limits *lim,
	    struct err *err);

/*
 * Load the state from @fd, which QEMU inherited under the same number, and let the machine go on.
 * Fails as well when QEMU has ended: its own words then say more.
 */
int vm_restore(struct qmp *q, int fd, const struct vm_limits *lim, struct err *err);
