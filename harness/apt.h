/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A private apt state for each suite, below the cache: other suites of the mirror that this system
 * already uses, read without touching the system. apt verifies the signatures. The mirror's address
 * comes from `apt-get indextargets` and is never written into this project.
 *
 * Environment, for archives that the system does not use (a snapshot, a test):
 *   SEALMATRIX_MIRROR           address of the archive instead of the system's
 *   SEALMATRIX_SECURITY_MIRROR  the same for suites named *-security
 *   SEALMATRIX_SNAPSHOT         address of a snapshot archive: below it ARCHIVE/TIME/ holds what
 *                               ARCHIVE (debian, debian-security) held then. Suites are named with
 *                               their time: sid@20191110T000000Z
 *   SEALMATRIX_KEYRING          keys that may sign, instead of Debian's (for a snapshot: Debian's
 *                               present and removed ones)
 */
#pragma once

#include "err.h"
#include "progress.h"
#include "xalloc.h"

struct apt_package {
	char *name, *version, *suite;
	char *sha256;	     /* as the signed index has it */
	struct strv depends; /* package names, without versions */
};
void apt_package_free(struct apt_package *p);
#define _cleanup_apt_package_ __attribute__((cleanup(apt_package_free)))

/*
 * The newest package, by Debian's order of versions, in any of @suites whose name matches the shell
 * pattern @name and whose version matches @version: blank-separated patterns of which one must
 * match, and none of those that begin with '!'. NULL: any version.
 *
 * Lists are fetched again when they are older than a day. When the mirror cannot be reached, lists
 * that were verified before are used, and that is said. -ENOPKG (nothing for a kernel to be made
 * of: @err names suites that the mirror does not carry) or another error with ERR_INFRA.
 */
int apt_find(const struct strv *suites, const char *name, const char *version, struct progress *pg,
	     struct apt_package *out, struct err *err);

/*
 * -ENOPKG when one of @suites is of the past and nobody has said where the past is kept: @err says
 * what would help to find @name.
 */
int apt_check_past(const struct strv *suites, const char *name, struct err *err);

/*
 * Download @p into the empty directory @dir, and compare it with the signed index. *path is the
 * caller's. -ENOPKG when the archive has the file no longer: the lists are then fetched again by
 * the next apt_find().
 */
int apt_fetch(const struct apt_package *p, const char *dir, struct progress *pg, char **path,
	      struct err *err);
