/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which module files a boot needs, in load order, from libkmod. */
#pragma once

#include "err.h"
#include "xalloc.h"

struct module_set {
	struct strv files;   /* absolute paths as they are on disk (maybe .ko.xz), in load order */
	struct strv names;   /* the module's name for each file */
	struct strv builtin; /* wanted, and built into this kernel */
	struct strv missing; /* wanted, and neither module nor built in */
};

/* The words of images/modules.list: what the guest wants. */
int modules_wanted(struct strv *wanted, struct err *err);

/*
 * The modules below @root, which is absolute, as links below @dir: for depmod, which writes next to
 * them, where they are not ours to write to.
 */
int modules_mirror(const char *root, const char *release, const char *dir, struct err *err);

/*
 * The closure of @wanted for the kernel whose modules are below @root/lib/modules/@release.
 * @root NULL: a kernel without modules; everything is then missing. modules.dep is made with
 * depmod -b in a copy of the names if it is not there (@root itself is not written to).
 */
int modules_closure(const char *root, const char *release, const struct strv *wanted,
		    struct module_set *out, struct err *err);
void module_set_free(struct module_set *s);
#define _cleanup_module_set_ __attribute__((cleanup(module_set_free)))

/* A module's content, decompressed with libarchive. *data is the caller's. */
int module_read(const char *file, char **data, size_t *len, struct err *err);

/* How many bytes at the end of a module are its signature, with what describes it; 0: unsigned. */
size_t module_signature(const char *data, size_t len);
