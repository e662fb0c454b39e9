// SPDX-License-Identifier: GPL-2.0-or-later
#include "fake_qemu.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

void fake_qemu(const char *script)
{
	_cleanup_free_ char *path = xasprintf("%s/bin/qemu-system-x86_64", test_dir());
	_cleanup_free_ char *text = xasprintf("#!/bin/sh\n%s\n", script);
	_cleanup_free_ char *bin =
		xasprintf("%s/bin:%s", test_dir(), getenv("PATH") ? getenv("PATH") : "");
	struct err err = ERR_INIT;

	ck_assert_int_eq(publish_buffer(path, text, strlen(text), &err), 0);
	ck_assert_int_eq(chmod(path, 0755), 0);
	setenv("PATH", bin, 1);
}
