// SPDX-License-Identifier: GPL-2.0-or-later
#include "series.h"

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "xalloc.h"

static long parse(const char *s, int *end)
{
	unsigned major, minor;

	if (!s || sscanf(s, "%u.%u%n", &major, &minor, end) != 2)
		return -1;
	return major * 1000L + minor;
}

long series_number(const char *s)
{
	int end = 0;
	long n = parse(s, &end);

	return n >= 0 && !s[end] ? n : -1;
}

long series_of_release(const char *release)
{
	int end = 0;

	return parse(release, &end);
}

bool series_range(const char *s, struct series_range *r)
{
	const char *dots = strstr(s, "..");

	if (!dots)
		return false;
	_cleanup_free_ char *from = xstrndup(s, dots - s);

	*r = (struct series_range){series_number(from), series_number(dots + 2)};
	return true;
}

bool series_within(const char *series, const char *range)
{
	struct series_range r;
	long n = series_number(series);

	return n >= 0 && series_range(range, &r) && r.from >= 0 && n >= r.from && n <= r.to;
}
