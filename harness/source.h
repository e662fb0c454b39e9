/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel's source: one of Debian's linux-source packages, from the mirror or a file, a tarball, a
 * source package (.dsc), or a tree on disk.
 */
#pragma once

#include <jansson.h>

#include "err.h"
#include "hash.h"
#include "matrix.h"
#include "progress.h"

struct source {
	json_t *packages;     /* as locked; NULL for a path, or when it is not known yet */
	char *tarball;	      /* a tarball, .deb or .dsc: an absolute path, or NULL */
	char *tree;	      /* the same of a directory */
	char key[SHA256_HEX]; /* of the source's content; "" when it is not known yet */
};

void source_free(struct source *s);
#define _cleanup_source_ __attribute__((cleanup(source_free)))

/*
 * What @spec says (keys: package and suites, or tarball, or dsc, or tree). A relative path is
 * looked for in the directories that SEALMATRIX_SOURCES lists (with colons between), then below the
 * data root; KERNEL_NOT_AVAILABLE when it is in none of them. Without @network a package that was
 * never locked stays unknown. A tree on disk is known by its files' names, sizes and times.
 */
int source_resolve(const struct kernel_spec *spec, bool network, struct progress *pg,
		   struct source *s, struct err *err);

/* The directory that holds it, unpacked into the cache if need be. *tree is the caller's. */
int source_tree(const struct source *s, struct progress *pg, char **tree, struct err *err);

/* For people; caller frees. */
char *source_origin(const struct kernel_spec *spec, const struct source *s);
char *source_version(const struct source *s);

/* "6.1", of the tree's Makefile or of what the source is called; NULL if neither tells. Caller
 * frees. */
char *source_series(const struct source *s);
