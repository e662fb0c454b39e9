/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernels/workarounds.conf: what a series of kernels needs from a compiler that is newer than it.
 */
#pragma once

#include <stdbool.h>

#include "err.h"
#include "xalloc.h"

/* All that fits one kernel, put together. */
struct workarounds {
	struct strv names;   /* of the sections */
	char *cc;	     /* words behind gcc, or NULL */
	char *ld;	     /* words behind ld, or NULL */
	char *kcflags;	     /* or NULL */
	char *hostcflags;    /* or NULL */
	struct strv make;    /* VAR=value */
	struct strv patches; /* paths */
	bool unknown_noted;  /* an option that its source does not have at all is just noted: also
				where the series is not known, for it may be an old one */
};

void workarounds_free(struct workarounds *w);
#define _cleanup_workarounds_ __attribute__((cleanup(workarounds_free)))

/*
 * Those of the file @path for kernels of @series (NULL: not known) and a compiler that calls itself
 * @compiler in the first line of --version. *w is the caller's, also after a failure.
 */
int workarounds_load(const char *path, const char *series, const char *compiler,
		     struct workarounds *w, struct err *err);
