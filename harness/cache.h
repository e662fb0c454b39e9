/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ${XDG_CACHE_HOME:-~/.cache}/sealmatrix/KIND/KEY: directories that are whole or not there.
 *
 * KEY is the hash of all that went in. Each entry holds a MANIFEST (size and SHA-256 of every
 * regular file, of one with holes that of what is between them) written last. An entry whose files
 * do not have the sizes in its manifest is thrown away and made again; cache_check() also compares
 * a file's content before it is used. The cache may vanish at any time between two runs; nothing
 * needs it.
 */
#pragma once

#include <stdbool.h>

#include "err.h"

/* Fill the empty directory @dir. What it leaves there becomes the entry. */
typedef int cache_fill_fn(const char *dir, void *arg, struct err *err);

/*
 * The path of entry KIND/KEY, made with @fill if it is not there. A lock keeps two processes from
 * making the same entry twice. *path is the caller's.
 */
int cache_get(const char *kind, const char *key, cache_fill_fn *fill, void *arg, char **path,
	      struct err *err);

/* Somebody else makes that entry at this moment, so that cache_get() would wait. */
bool cache_is_being_made(const char *kind, const char *key);

/* 1 if a whole-looking entry is there, else 0. */
int cache_has(const char *kind, const char *key);
/* The path of a whole-looking entry, or NULL if there is none. Caller frees. */
char *cache_find(const char *kind, const char *key);
/* Where that entry is or would be. Caller frees; NULL when there is no place for a cache. */
char *cache_path(const char *kind, const char *key);
/* Bytes of the files in @entry, as its manifest has them. */
long long cache_size(const char *entry);

/* Compare the content of @entry/@rel with the manifest; on a mismatch the entry is removed. */
int cache_check(const char *entry, const char *rel, struct err *err);

/*
 * The root of the cache; made if needed. The string is ours. From the first call on this process is
 * a user of the cache, until it and all its children end.
 */
const char *cache_root(struct err *err);
/* Make this process the only user, or -EBUSY. */
int cache_alone(struct err *err);
