// SPDX-License-Identifier: GPL-2.0-or-later
#include "control.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

void ctl_signal(uint32_t *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void ctl_tick(struct control *ctl)
{
	ctl_signal(&ctl->tick);
}

void ctl_note(struct control *ctl, int errnum, bool optional, const char *fmt, ...)
{
	struct ctl_setup *s;
	va_list ap;

	if (ctl->n_setup >= CTL_SETUP)
		return;
	s = &ctl->setup[ctl->n_setup];
	va_start(ap, fmt);
	vsnprintf(s->step, sizeof(s->step), fmt, ap);
	va_end(ap);
	s->errnum = errnum;
	s->optional = optional;
	ctl->n_setup++;
}
