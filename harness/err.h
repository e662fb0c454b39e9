/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors: built where they happen, printed once at the top.
 *
 * A function that can fail takes a `struct err *` last and returns 0 or a negative errno. The
 * first err_set() on the way wins; callers may put their own view in front with err_context().
 * The kind becomes the exit status.
 */
#pragma once

#include <stdbool.h>

enum err_kind {
	ERR_NONE = 0,
	ERR_USER = 2,  /* usage or configuration: the user can mend it */
	ERR_INFRA = 3, /* a kernel could not be had, QEMU failed, the disk is full */
};

struct err {
	enum err_kind kind;
	char msg[2048];
};

#define ERR_INIT                 \
	{                        \
		.kind = ERR_NONE \
	}

/*
 * Record an error. @errnum is a positive errno whose text is appended, or 0. Returns -errnum, or
 * -EINVAL (ERR_USER) / -EIO (ERR_INFRA) when @errnum is 0, so that `return err_set(…)` is the
 * normal way out.
 */
int err_set(struct err *err, enum err_kind kind, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Put "fmt: " in front of the message that is already there. */
void err_context(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
