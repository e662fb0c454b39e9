// SPDX-License-Identifier: GPL-2.0-or-later
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, enum err_kind kind, int errnum, const char *fmt, ...)
{
	int ret = -(errnum ? errnum : kind == ERR_USER ? EINVAL : EIO);
	va_list ap;

	if (err->kind != ERR_NONE)
		return ret; /* the first cause is the one worth reading */
	err->kind = kind;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);

	size_t len = strlen(err->msg);

	if (errnum)
		snprintf(err->msg + len, sizeof(err->msg) - len, ": %s",
			 /* Only who was asked to stop says so. */
			 errnum == EINTR ? "interrupted" : strerror(errnum));
	return ret;
}

void err_context(struct err *err, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	va_list ap;

	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);

	size_t len = strlen(err->msg);

	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", old);
}
