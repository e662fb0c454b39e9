/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256, as lower-case hex. */
#pragma once

#include <stddef.h>

#include "err.h"

#define SHA256_HEX 65 /* with the NUL */

int hash_file(const char *path, char hex[SHA256_HEX], struct err *err);
/*
 * Of what @path holds besides zeros, each piece with its place; its length is not in it. A file of
 * holes has the same where the file system keeps none, and takes little time where it does.
 */
int hash_data(const char *path, char hex[SHA256_HEX], struct err *err);
void hash_buffer(const void *data, size_t len, char hex[SHA256_HEX]);

/* A key made of several parts: each is added with its length, so that no two lists collide. */
struct hash_key;
struct hash_key *hash_key_new(void);
void hash_key_add(struct hash_key *k, const char *s);
int hash_key_add_file(struct hash_key *k, const char *path, struct err *err);
/* Writes the digest and frees @k. */
void hash_key_end(struct hash_key *k, char hex[SHA256_HEX]);
