// SPDX-License-Identifier: GPL-2.0-or-later
#include "await.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>

#include "cleanup.h"
#include "loader/fwcfg.h"
#include "loader/park.h"
#include "plan.h"
#include "proto.h"

static const struct fwcfg_file *find(const struct fwcfg_file *files, int n, const char *path)
{
	for (int i = 0; i < n; i++)
		if (!strncmp(files[i].name, SM_PAYLOAD_PREFIX, strlen(SM_PAYLOAD_PREFIX)) &&
		    !strcmp(files[i].name + strlen(SM_PAYLOAD_PREFIX), path))
			return &files[i];
	return NULL;
}

static int save(const char *path, const char *text, size_t len)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	return write(fd, text, len) == (ssize_t)len ? 0 : -EIO;
}

static int take(struct fwcfg *f, const char *path, const char **why)
{
	_cleanup_free_ struct fwcfg_file *files = NULL;
	int n = fwcfg_list(f, &files), ret;
	const struct fwcfg_file *plan = n < 0 ? NULL : find(files, n, path);

	*why = "find the plan";
	if (!plan || !plan->size || plan->size > PLAN_MAX)
		return n < 0 ? n : -ENOENT;
	char *text = mmap(NULL, plan->size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	*why = "read the plan";
	if (text == MAP_FAILED)
		return -errno;
	ret = mlock(text, plan->size) < 0 ? -errno : fwcfg_read(f, plan->key, text, plan->size);
	if (!ret)
		ret = save(path, text, plan->size);
	explicit_bzero(text, plan->size); /* it holds the nonce */
	munmap(text, plan->size);
	return ret;
}

int await_plan(int channel, const char *path, const char **why)
{
	struct fwcfg *f = NULL;
	int ret = fwcfg_open(&f, why);

	if (ret < 0)
		return ret;
	*why = "say that the machine is ready";
	if (write(channel, SM_PARK_READY, strlen(SM_PARK_READY)) != (ssize_t)strlen(SM_PARK_READY))
		ret = -EIO;
	if (!ret) {
		tcdrain(channel);
		park();
		ret = take(f, path, why);
	}
	fwcfg_close(f);
	park_close();
	return ret;
}
