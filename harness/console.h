/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's console is a log; it is searched only for oops and panic. */
#pragma once

#include <stddef.h>

enum console_event { CONSOLE_QUIET, CONSOLE_OOPS, CONSOLE_PANIC };

/* The worst that is in the text, and in *line (caller frees, may be NULL) the first line of it. */
enum console_event console_scan(const char *text, size_t len, char **line);

/* The last @lines lines, control characters escaped. Caller frees. */
char *console_tail(const char *text, size_t len, size_t lines);
