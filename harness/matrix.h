/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernels/matrix.conf: which kernels there are, and how the command line names them. */
#pragma once

#include <stddef.h>

#include "err.h"
#include "xalloc.h"

struct kernel_spec {
	char *name;	  /* section: unique */
	char *provider;	  /* "debian", "source", "file" */
	char *arch;	  /* "x86_64" */
	char *series;	  /* "6.1"; may be NULL */
	struct strv tags; /* "default", "lts", "seeded", … */
	/* The provider's own keys, as written; see provider.h. */
	struct strv keys, values;
	char *word; /* the path on the command line that it was made of, or NULL */
};

struct matrix {
	struct kernel_spec *v;
	size_t n;
};

/* Add the kernels that the file @path lists to @m. */
int matrix_load(const char *path, struct matrix *m, struct err *err);
/* The matrix that is shipped, and the user's own behind it (settings_path("matrix.conf")). */
int matrix_open(struct matrix *m, struct err *err);
void matrix_free(struct matrix *m);
#define _cleanup_matrix_ __attribute__((cleanup(matrix_free)))

/* Add each kernel BASE+FAULT that there can be: a kernel that is built here, with a seeded fault.
 */
int matrix_add_all_faults(struct matrix *m, struct err *err);

/* The value of one of the provider's keys, or NULL. */
const char *spec_get(const struct kernel_spec *spec, const char *key);

/*
 * The kernels that @words name, in the matrix's order, none twice: a name, a series (6.1), a tag, a
 * range (5.1..5.4, by series), or a path (contains '/': it is added to @m under the name of the
 * file, see matrix_add_path()). No words: tag "default". Fills @sel with indexes
 * into @m; sel is the caller's to free. An unknown word is an ERR_USER that names the near ones.
 */
int matrix_select(struct matrix *m, char *const *words, size_t nwords, size_t **sel, size_t *nsel,
		  struct err *err);

/*
 * Add the kernel at @path, under the name of the file or one like it: with the source provider for
 * a kernel's source (a tarball, a .dsc, a directory with Kconfig and nothing built in it), else,
 * and when nothing is there, with the file provider, which says what is wrong with it. The same
 * path twice is one kernel.
 * Index.
 */
size_t matrix_add_path(struct matrix *m, const char *path);

/* Give the kernel another name, which none of @m has yet. */
int matrix_rename(const struct matrix *m, struct kernel_spec *spec, const char *name,
		  struct err *err);
