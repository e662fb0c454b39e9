/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building a kernel: a copy of a tree, patches, a checked configuration, make. */
#pragma once

#include <stdbool.h>

#include "err.h"
#include "progress.h"
#include "workarounds.h"
#include "xalloc.h"

struct build {
	const char *name; /* of the kernel: for its log */
	const char *arch;
	const char *release;   /* becomes the end of `uname -r` */
	struct strv fragments; /* configuration, merged in this order onto tinyconfig */
	struct strv patches;   /* applied in this order with -p1 */
	/*
	 * Where the work is done: made, and removed at the end. make takes object files for its own
	 * only if this was the same path then. NULL: a new directory below TMPDIR.
	 */
	const char *work;
	/*
	 * A locked descriptor that what make starts inherits, so that the lock on @work is held
	 * until the last of them has ended, whatever becomes of us. 0: none.
	 */
	int lock;
	struct workarounds workarounds;
};

/* May @path be a work directory? kbuild takes no blanks and no colons, make no $ and the like. */
bool build_path_ok(const char *path);

/* Is everything there that a kernel is built with? ERR_INFRA with what to install. */
int build_check_tools(struct err *err);

/* The compiler's first line of --version: another one makes another kernel. Caller frees. */
int build_compiler(char **version, struct err *err);

/*
 * Build from the source in @tree, which is not written to. build_objects() leaves patches out, and
 * leaves all that make wrote in @dir/out; build_kernel() begins with the content of @objects, such
 * a directory made with the same fragments from the same tree, or with nothing (NULL), and leaves
 * vmlinuz and config in @dir. The log is kept in the cache until the next build of that name; that
 * of a failed build is named in @err.
 */
int build_objects(const struct build *b, const char *tree, const char *dir, struct progress *pg,
		  struct err *err);
int build_kernel(const struct build *b, const char *tree, const char *objects, const char *dir,
		 struct progress *pg, struct err *err);
