/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a kernel's entry in the matrix to the exact packages it stands for: what providers share. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "err.h"
#include "matrix.h"
#include "progress.h"

/*
 * The packages of @spec (keys: suites, package, version), from its lock or else from the mirror; a
 * new answer is locked. @follow: names among the package's dependencies that belong to it, or NULL;
 * one that the mirror lacks is said and left out.
 * *packages (array of {"name","version","suite","sha256"}) is the caller's.
 */
int packages_resolve(const struct kernel_spec *spec, bool (*follow)(const char *name),
		     struct progress *pg, json_t **packages, struct err *err);

/* Download one of them into the empty directory @dir. *path is the caller's. */
int packages_fetch(const json_t *package, const char *dir, struct progress *pg, char **path,
		   struct err *err);

/* For people: "linux-image-… 6.1.192-2 (bookworm-security)". Caller frees. */
char *packages_origin(const json_t *packages);

/* What `kernels list` says without a network: the lock's answer, or where one would be looked for.
 */
char *packages_describe(const struct kernel_spec *spec);

/* Without a network: -ENOPKG when it is clear already that they cannot be had here. */
int packages_possible(const struct kernel_spec *spec, struct err *err);
