// SPDX-License-Identifier: GPL-2.0-or-later
#include "size_text.h"

#include <stdio.h>

const char *size_text(long long bytes, char buf[SIZE_TEXT])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double n = (double)bytes;
	unsigned i = 0;

	while (n >= 1024 && i + 1 < sizeof(units) / sizeof(*units)) {
		n /= 1024;
		i++;
	}
	snprintf(buf, SIZE_TEXT, i ? "%.1f %s" : "%.0f %s", n, units[i]);
	return buf;
}
