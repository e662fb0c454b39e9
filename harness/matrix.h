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
};

struct matrix {
	struct kernel_spec *v;
	size_t n;
};

int matrix_load(const char *path, struct matrix *m, struct err *err);
void matrix_free(struct matrix *m);
#define _cleanup_matrix_ __attribute__((cleanup(matrix_free)))

/* The value of one of the provider's keys, or NULL. */
const char *spec_get(const struct kernel_spec *spec, const char *key);

/*
 * The kernels that @words name, in the matrix's order, none twice: a name, a series (6.1), a tag, a
 * range (5.1..5.4, by series), or a path (contains '/': a kernel image; it is added to @m with the
 * file provider under the name of the file). No words: tag "default". Fills @sel with indexes
 * into @m; sel is the caller's to free. An unknown word is an ERR_USER that names the near ones.
 */
int matrix_select(struct matrix *m, char *const *words, size_t nwords, size_t **sel, size_t *nsel,
		  struct err *err);
