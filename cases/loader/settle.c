// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <time.h>

#include "park.h"

#define SETTLE_S 1 /* longer than any timer of an idle guest's */

/*
 * QEMU may push the guest's clock to its next timer while it stops the machine, or may not. So the
 * guest waits for an instant that it chose before: two templates of one kernel go on alike. Idle
 * time costs nothing.
 */
void park_and_settle(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += 1 + SETTLE_S;
	t.tv_nsec = 0;
	park();
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}
