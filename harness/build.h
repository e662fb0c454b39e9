/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building a kernel: a copy of a tree, patches, a checked configuration, make. */
#pragma once

#include "err.h"
#include "progress.h"
#include "xalloc.h"

struct build {
	const char *name; /* of the kernel: for its log */
	const char *arch;
	const char *release;   /* becomes the end of `uname -r` */
	struct strv fragments; /* configuration, merged in this order onto tinyconfig */
	struct strv patches;   /* applied in this order with -p1 */
};

/* Is everything there that a kernel is built with? ERR_INFRA with what to install. */
int build_check_tools(struct err *err);

/* The compiler's first line of --version: another one makes another kernel. Caller frees. */
int build_compiler(char **version, struct err *err);

/*
 * Build @b from the source in @tree, which is not written to, and leave vmlinuz and config in @dir.
 * The log of a failed build is kept in the cache and named in @err.
 */
int build_kernel(const struct build *b, const char *tree, const char *dir, struct progress *pg,
		 struct err *err);
