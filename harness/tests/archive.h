/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small package archive made by hand, signed with a throwaway key: what apt reads in the tests,
 * through file: addresses and without a network. It lies below test_dir(), like the cache that the
 * tests use. Every function ends the test when it cannot do its work; gpg must be installed.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "progress.h"

/* Keys and signatures are made at that time (20191110T000000Z), and keys expire within a year. To
 * be said before archive_new(); NULL is now, and for ever. */
void archive_clock(const char *moment);
/* Begin an empty archive, and point cache, mirrors and keyring at it (SEALMATRIX_*). */
void archive_new(void);
/* Absolute, below the archive's directory. Caller frees. */
char *archive_path(const char *rel);
/* A keyring that holds another key than the archive's. Caller frees. */
char *archive_other_keyring(void);

/*
 * Add a package to @suite. @depends may be NULL. @tree: the directory (below test_dir()) with what
 * it installs, or NULL for nothing. apt sees it after archive_publish().
 */
void archive_add(const char *suite, const char *name, const char *version, const char *depends,
		 const char *tree);
/* Take every package out of @suite. */
void archive_clear(const char *suite);
/* Write and sign the index. @extra: more lines for the Release file, or NULL. */
void archive_publish(const char *suite, const char *extra);
/* The file is newer, by a second or more, than those that were here before: what is not, apt takes
 * for what it has already. */
void archive_date(const char *path);

/*
 * Serve the archive at http://127.0.0.1:PORT/, which becomes the mirror: the pid of the server,
 * which ends with the test. Killed, it leaves an address where nobody answers.
 */
pid_t archive_serve(void);

/* A file of the test: @rel below test_dir(), with its directories. */
void test_file(const char *rel, const void *data, size_t len);
/* An x86 image as far as its header goes, which calls itself @release. */
void test_bzimage(const char *rel, const char *release);

/* A worker's end, and what was said into it since the last call (caller frees). */
struct progress *test_progress(void);
char *test_said(void);
