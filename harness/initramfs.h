/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's root: a newc archive written with libarchive. No root needed, and the same inputs
 * give the same bytes (fixed times, owners, inode numbers, order).
 */
#pragma once

#include <stddef.h>

#include "err.h"
#include "modules.h"
#include "xalloc.h"

/* One more file, whose directory the list makes. */
struct initramfs_file {
	const char *path;
	unsigned mode;
	const void *data;
	size_t len;
};

struct initramfs_opts {
	const char *list;	       /* images/initramfs.list */
	const struct module_set *mods; /* may be NULL */
	const char *plan;	       /* content of SM_PLAN_PATH; NULL: a template's root */
	const struct initramfs_file *files;
	size_t nfiles;
};

/*
 * Write the archive to @path (published whole). The list has one entry per line:
 *   dir  PATH MODE
 *   node PATH MODE c MAJOR MINOR
 *   link PATH TARGET
 *   file PATH MODE SOURCE      SOURCE may use @guest@ (built guest programs), @data@ (the source
 *                              tree) or @host@ (this system's root, for busybox and the loader)
 *   case PATH MODE SOURCE      a file that is handed to a template when it is restored: left out of
 *                              a template's root, as the plan is
 *   load PATH MODE SOURCE      a file of a template's root only
 */
int initramfs_write(const char *path, const struct initramfs_opts *opts, struct err *err);

/* The list's `case` files: path in the guest and, at the same index, on this machine. */
int initramfs_cases(const char *list, struct strv *guest, struct strv *host, struct err *err);
