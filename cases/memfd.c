// SPDX-License-Identifier: GPL-2.0-or-later
#include "memfd.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "case.h"
#include "cleanup.h"

size_t memfd_size(void)
{
	return 2 * sysconf(_SC_PAGESIZE);
}

/* Linux 6.3 and later want to be told whether it is to be executable; earlier ones refuse to. */
static int create(void)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = syscall(SYS_memfd_create, "sealmatrix", flags | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = syscall(SYS_memfd_create, "sealmatrix", flags);
	return fd < 0 ? -errno : fd;
}

static int fill(int fd)
{
	char block[4096];

	memset(block, MEMFD_FILL, sizeof(block));
	for (size_t left = memfd_size(); left; left -= sizeof(block)) {
		ssize_t n = write(fd, block, sizeof(block));

		if (n != (ssize_t)sizeof(block))
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

int memfd_new(void)
{
	int fd = create();
	int ret = fd < 0 ? fd : fill(fd);

	if (ret < 0 && fd >= 0)
		close(fd);
	return ret < 0 ? ret : fd;
}

int memfd_seals_param(const json_t *params, int *seals, json_t *facts)
{
	const char *s = json_string_value(json_object_get(params, "seals"));
	char *end = NULL;
	long mask;

	*seals = SEALS_NONE;
	if (s && !strcmp(s, "none"))
		return 0;
	errno = 0;
	mask = s ? strtol(s, &end, 0) : -1;
	if (!s || end == s || *end || errno || mask < 0 || mask > 0xffff) {
		fact_error(facts, "parameter seals: \"%s\" is neither a mask nor \"none\"",
			   s ? s : "");
		return -1;
	}
	*seals = mask;
	return 0;
}

int memfd_seal(int fd, int seals)
{
	if (seals == SEALS_NONE)
		return 0;
	return fcntl(fd, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

void memfd_fact_new(json_t *facts, int err)
{
	if (err == -ENOSYS || err == -EINVAL)
		fact_unsupported(facts, "memfd_create", -err);
	else
		fact_error(facts, "memfd_create and fill %zu bytes: %s", memfd_size(),
			   strerror(-err));
}

void memfd_fact_seal(json_t *facts, int seals, int err)
{
	char step[32];

	snprintf(step, sizeof(step), "F_ADD_SEALS 0x%x", seals);
	if (err == -EINVAL)
		fact_unsupported(facts, step, -err);
	else
		fact_error(facts, "%s: %s", step, strerror(-err));
}
