// SPDX-License-Identifier: GPL-2.0-or-later
#include "await.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>

#include "cleanup.h"
#include "loader/fwcfg.h"
#include "loader/park.h"
#include "proto.h"

static const struct fwcfg_file *find(const struct fwcfg_file *files, int n, const char *path)
{
	for (int i = 0; i < n; i++)
		if (!strncmp(files[i].name, SM_PAYLOAD_PREFIX, strlen(SM_PAYLOAD_PREFIX)) &&
		    !strcmp(files[i].name + strlen(SM_PAYLOAD_PREFIX), path))
			return &files[i];
	return NULL;
}

static int not_done(int ret, const char *what, char *why, size_t why_len)
{
	snprintf(why, why_len, "%s: %s", what, strerror(-ret));
	return -1;
}

static int take(struct fwcfg *f, const char *path, struct plan *plan, char *why, size_t why_len)
{
	_cleanup_free_ struct fwcfg_file *files = NULL;
	int n = fwcfg_list(f, &files), ret;
	const struct fwcfg_file *file = n < 0 ? NULL : find(files, n, path);

	if (!file || !file->size || file->size > PLAN_MAX)
		return not_done(n < 0 ? n : -ENOENT, "find it", why, why_len);
	char *text = mmap(NULL, file->size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (text == MAP_FAILED)
		return not_done(-errno, "allocate memory", why, why_len);
	ret = mlock(text, file->size) < 0 ? -errno : fwcfg_read(f, file->key, text, file->size);
	ret = ret < 0 ? not_done(ret, "read it", why, why_len)
		      : plan_parse(text, file->size, plan, why, why_len);
	munmap(text, file->size);
	return ret;
}

int await_plan(int channel, const char *path, struct plan *plan, char *why, size_t why_len)
{
	static const char ready[] = SM_PARK_READY;
	const char *what;
	struct fwcfg *f = NULL;
	int ret = fwcfg_open(&f, &what);

	if (ret < 0)
		return not_done(ret, what, why, why_len);
	if (write(channel, ready, strlen(ready)) != (ssize_t)strlen(ready)) {
		ret = not_done(-EIO, "say that the machine is ready", why, why_len);
	} else {
		tcdrain(channel);
		park();
		ret = take(f, path, plan, why, why_len);
	}
	fwcfg_close(f);
	park_close();
	return ret;
}
