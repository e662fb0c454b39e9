/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making the file that stage 0 runs from: used by the launcher (the supervisor) and by stage 0
 * itself. Each step is noted on the control page. Descriptors are close-on-exec and the caller's;
 * a failure is -errno.
 */
#pragma once

#include <sys/types.h>

#include "control.h"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x10
#endif

/* A memfd with a copy of @src; @flags are tried, then without MFD_EXEC (unknown before 6.3). */
int image_memfd(struct control *ctl, const char *name, unsigned flags, int src);
/* A nameless file with a copy of @src: O_TMPFILE, else mkostemp and unlink; @mode is set. */
int image_tmpfile(struct control *ctl, int src, mode_t mode);
/* All of @mask in one call. */
int image_seal(struct control *ctl, int fd, int mask, bool optional);
/* The same file read-only: one that is open for writing cannot be executed. Closes @fd. */
int image_reopen(struct control *ctl, int fd);
