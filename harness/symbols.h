/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel's System.map: addresses to names. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct symbols {
	char *text;
	struct symbol {
		uint64_t at;
		const char *name; /* in text */
	} * v;			  /* in order of addresses */
	size_t n;
};

/* None, without a word, where there is no such file (or @path is NULL). */
struct symbols symbols_load(const char *path);
void symbols_free(struct symbols *s);
#define _cleanup_symbols_ __attribute__((cleanup(symbols_free)))

/* "schedule+0x12", or NULL when the address is in no function. Caller frees. */
char *symbols_find(const struct symbols *s, uint64_t at);
