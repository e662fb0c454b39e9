/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where kernels come from. A provider resolves a spec to one exact thing (written to the lock
 * file), fetches it, unpacks it into the cache and says what it is.
 *
 *   debian  keys: suites (in order of search), package (a shell pattern on the package name),
 *           version (optional pattern; the newest match wins)
 *   source  keys: package (linux-source-6.1) and suites, or tarball, or dsc, or tree (see
 *           source.h); config (fragments), patches, release
 *   file    keys: image (an image, a .deb or .rpm, or a built tree), modules (directory that holds
 *           lib/modules/RELEASE; optional)
 */
#pragma once

#include "err.h"
#include "matrix.h"
#include "progress.h"

struct kernel {
	char *name;
	char *arch;
	char *release;	 /* `uname -r` as read from the image; the guest's own answer is what counts
			  */
	char *image;	 /* bzImage, vmlinux or Image */
	char *modules;	 /* directory that holds lib/modules/RELEASE, or NULL */
	char *config;	 /* the kernel's .config, or NULL */
	char *version;	 /* the package's or tree's version, or NULL */
	char *origin;	 /* one line for people: where it came from */
	char sha256[65]; /* of the image */
	char *entry;	 /* cache entry that holds it, or NULL */
};

void kernel_free(struct kernel *k);
#define _cleanup_kernel_ __attribute__((cleanup(kernel_free)))

/* kernel_get() answers this when the kernel cannot be had here, which @err then explains. */
#define KERNEL_NOT_AVAILABLE (-ENOPKG)

/* Get one kernel, from the cache or its provider. The image is verified; modules_of() does that
 * with the modules that are needed. */
int kernel_get(const struct kernel_spec *spec, struct progress *pg, struct kernel *out,
	       struct err *err);

/* The System.map of a kernel that was built here, or NULL; caller frees. */
char *kernel_system_map(const struct kernel *k);

/*
 * For `kernels list`, without a network: one line about where it comes from, and where it lies (a
 * cache entry or the user's own file; NULL while it is not here). KERNEL_NOT_AVAILABLE, with @about
 * set all the same, when it is clear already that it cannot be had. Both are the caller's.
 */
int kernel_describe(const struct kernel_spec *spec, char **about, char **where, struct err *err);

/*
 * The cache entries that @spec stands for, whether they are there or not: what `kernels prune` has
 * to keep. Without a network. An error when that cannot be told: KERNEL_NOT_AVAILABLE when it is
 * because its source is not where it is looked for now.
 */
int kernel_uses(const struct kernel_spec *spec, struct strv *entries, struct err *err);

struct provider {
	const char *name;
	int (*get)(const struct kernel_spec *spec, struct progress *pg, struct kernel *out,
		   struct err *err);
	int (*describe)(const struct kernel_spec *spec, char **about, char **where,
			struct err *err);
	int (*uses)(const struct kernel_spec *spec, struct strv *entries, struct err *err);
};

extern const struct provider provider_debian, provider_source, provider_file;

/* `uname -r` and the like out of an x86 bzImage header or a vmlinux/Image banner. -ENOMSG when the
 * file is a kernel without one; ERR_INFRA when it is not a kernel image for @arch (says what). */
int image_release(const char *path, const char *arch, char **release, struct err *err);
