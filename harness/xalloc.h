/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allocation that ends the program when memory is gone (a host tool has nothing better to do),
 * what is asked of strings, and the growing vector of them that argv and file lists are made of.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...)
	__attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

bool ends_with(const char *s, const char *tail);

/* A NULL-terminated vector that owns its strings; {0} is empty. */
struct strv {
	char **v;
	size_t n;
};

void strv_add(struct strv *sv, const char *s);
void strv_addf(struct strv *sv, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Split @s at any of @sep, leaving empty pieces out. */
void strv_split(struct strv *sv, const char *s, const char *sep);
/* Those of @more, too. */
void strv_add_all(struct strv *sv, const struct strv *more);
/* All in one, with @sep between them; "" if there is none. Caller frees. */
char *strv_join(const struct strv *sv, const char *sep) __attribute__((malloc, returns_nonnull));
int strv_contains(const struct strv *sv, const char *s);
void strv_free(struct strv *sv);

#define _cleanup_strv_ __attribute__((cleanup(strv_free)))
