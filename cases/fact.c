// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "case.h"

const char *errno_name(int errnum)
{
	const char *name = strerrorname_np(errnum);

	return name ? name : "EUNKNOWN";
}

void case_progress(const struct case_env *env, const char *fmt, ...)
{
	char text[PROGRESS_MAX];
	va_list ap;
	int n;

	if (env->progress_fd <= 0)
		return;
	text[0] = PROGRESS_MARK;
	va_start(ap, fmt);
	n = 1 + vsnprintf(text + 1, sizeof(text) - 2, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(text) - 2)
		n = sizeof(text) - 2;
	text[n++] = '\n';
	if (write(env->progress_fd, text, (size_t)n) != n)
		return; /* nobody listens any more */
}

void fact_unsupported(json_t *facts, const char *step, int errnum)
{
	if (json_object_get(facts, "unsupported"))
		return;
	json_object_set_new(facts, "unsupported",
			    json_pack("{s:s, s:s}", "step", step, "errno", errno_name(errnum)));
}

void fact_error(json_t *facts, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (json_object_get(facts, "error"))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);

	json_t *s = json_string(text);

	/* Bytes that are no UTF-8 must not lose the fact that there was an error. */
	json_object_set_new(facts, "error", s ? s : json_string("(text that is not UTF-8)"));
}
