/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel's source: one of Debian's linux-source packages, a tarball, or a tree on disk. */
#pragma once

#include <jansson.h>

#include "err.h"
#include "hash.h"
#include "matrix.h"
#include "progress.h"

struct source {
	json_t *packages;     /* as locked; NULL for a path, or when it is not known yet */
	char *tarball, *tree; /* an absolute path, or NULL */
	char key[SHA256_HEX]; /* of the source's content; "" when it is not known yet */
};

void source_free(struct source *s);
#define _cleanup_source_ __attribute__((cleanup(source_free)))

/*
 * What @spec says (keys: package and suites, or tarball, or tree; a relative path is one below the
 * data root). Without @network a package that was never locked stays unknown. A tree on disk is
 * known by its files' names, sizes and times.
 */
int source_resolve(const struct kernel_spec *spec, bool network, struct progress *pg,
		   struct source *s, struct err *err);

/* The directory that holds it, unpacked into the cache if need be. *tree is the caller's. */
int source_tree(const struct source *s, struct progress *pg, char **tree, struct err *err);

/* For people; caller frees. */
char *source_origin(const struct kernel_spec *spec, const struct source *s);
char *source_version(const struct source *s);
