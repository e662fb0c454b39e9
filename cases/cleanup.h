/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's own few scope-bound owners; the host's are in harness/cleanup.h. */
#pragma once

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void free_scoped(void *p)
{
	free(*(void **)p);
}

static inline void close_scoped(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void fclose_scoped(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_	 __attribute__((cleanup(free_scoped)))
#define _cleanup_close_	 __attribute__((cleanup(close_scoped)))
#define _cleanup_fclose_ __attribute__((cleanup(fclose_scoped)))
#define _cleanup_json_	 __attribute__((cleanup(json_decrefp)))
