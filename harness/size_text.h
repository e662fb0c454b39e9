/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes for people. */
#pragma once

#define SIZE_TEXT 32

/* "62.1 MiB", written to @buf, which is returned. */
const char *size_text(long long bytes, char buf[SIZE_TEXT]);
