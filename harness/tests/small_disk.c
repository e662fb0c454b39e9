// SPDX-License-Identifier: GPL-2.0-or-later
#include "small_disk.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cleanup.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

bool small_disk(const char *path, const char *size)
{
	_cleanup_free_ char *data = xasprintf("size=%s", size);
	struct err err = ERR_INIT;

	if (make_dirs(path, &err) == 0 &&
	    unshare(geteuid() ? CLONE_NEWUSER | CLONE_NEWNS : CLONE_NEWNS) == 0 &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("small", path, "tmpfs", 0, data) == 0)
		return true;
	ck_assert_msg(!getenv("MUST_RUN"), "no mount namespace: %s", strerror(errno));
	fprintf(stderr, "full disk: skipped, no mount namespace: %s\n", strerror(errno));
	return false;
}
