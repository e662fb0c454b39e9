/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel series ("6.1") and ranges of them ("5.10..6.1", both ends included). */
#pragma once

#include <stdbool.h>

struct series_range {
	long from, to; /* as series_number() has them; -1: that end is no series */
};

/* One number that sorts; -1 when @s (or NULL) is no series. */
long series_number(const char *s);

/* The same of a release, "6.1.0-56-cloud-amd64"; -1 when it does not begin with a series. */
long series_of_release(const char *release);

/* False if @s has no "..". */
bool series_range(const char *s, struct series_range *r);

/* @series lies in the range @range. */
bool series_within(const char *series, const char *range);
