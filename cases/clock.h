/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest time, which is what every limit here is in. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static inline int64_t now_ms(void)
{
	return now_us() / 1000;
}
