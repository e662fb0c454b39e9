// SPDX-License-Identifier: GPL-2.0-or-later
/* Suites of the past, as an archive of Debian's snapshots keeps them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apt_state.h"
#include "cleanup.h"
#include "publish.h"

bool apt_is_snapshot(const char *suite)
{
	return strchr(suite, '@') != NULL;
}

/* The two halves of 20191110T235959Z. */
static int parse_moment(const char *suite, unsigned *date, unsigned *time, struct err *err)
{
	const char *moment = strchr(suite, '@') + 1;
	int end = 0;

	if (sscanf(moment, "%8uT%6uZ%n", date, time, &end) == 2 && end == 16 && !moment[end])
		return 0;
	return err_set(err, ERR_USER, 0,
		       "'%s' is no suite of the past; one looks like sid@20191110T000000Z", suite);
}

int apt_snapshot_uri(const char *suite, char **uri, struct err *err)
{
	const char *base = getenv("SEALMATRIX_SNAPSHOT");
	size_t n = base ? strlen(base) : 0;
	unsigned date, time;
	int ret = parse_moment(suite, &date, &time, err);

	while (n && base[n - 1] == '/')
		n--;
	if (!ret && n)
		*uri = xasprintf("%.*s/%s/%s/", (int)n, base,
				 apt_is_security(suite) ? "debian-security" : "debian",
				 strchr(suite, '@') + 1);
	return ret;
}

int apt_snapshot_gpgv(const char *suite, const char *path, struct err *err)
{
	unsigned date, time;
	int ret = parse_moment(suite, &date, &time, err);

	if (ret < 0)
		return ret;
	_cleanup_free_ char *text =
		xasprintf("#!/bin/sh\n"
			  "# The keys of back then have expired since: a signature is judged by "
			  "its own time.\n"
			  "TZ=UTC export TZ\n"
			  "command -v faketime >/dev/null || exec gpgv \"$@\"\n"
			  "exec faketime -f '@%04u-%02u-%02u %02u:%02u:%02u' gpgv \"$@\"\n",
			  date / 10000, date / 100 % 100, date % 100, time / 10000,
			  time / 100 % 100, time % 100);

	ret = publish_buffer(path, text, strlen(text), err);
	if (!ret && chmod(path, 0755) < 0)
		ret = err_set(err, ERR_INFRA, errno, "make %s executable", path);
	return ret;
}
