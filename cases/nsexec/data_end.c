// SPDX-License-Identifier: GPL-2.0-or-later
#include "canary.h"

/*
 * Linked last: .data must not end with the page-aligned pages of data_clean.c, or the last page of
 * the file would have no tail for .bss (in a dynamic link nothing else comes after them).
 */
uint64_t canary_data_end = 1;
