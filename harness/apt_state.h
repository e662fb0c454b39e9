/* SPDX-License-Identifier: GPL-2.0-or-later */
/* apt's files for one suite, and apt commands run on them. Only apt*.c uses this. */
#pragma once

#include "err.h"
#include "progress.h"
#include "xalloc.h"

enum apt_state {
	APT_READY,
	APT_MISSING, /* the mirror does not carry this suite */
};

/* Make the lists of @suite ready to be read: an enum apt_state, or negative with @err. */
int apt_state_refresh(const char *suite, struct progress *pg, struct err *err);

/* The beginning of an apt command line: PROGRAM and the options that point it at the suite's files.
 */
int apt_state_argv(const char *suite, const char *program, struct strv *argv, struct err *err);
