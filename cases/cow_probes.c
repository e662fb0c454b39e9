// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "cow.h"

/* Text like "rd wr mr mw me ac \n" without what is around it. */
static void take_flags(const char *line, struct observed *o)
{
	size_t len;

	line += strspn(line, " ");
	len = strcspn(line, "\n");
	while (len && line[len - 1] == ' ')
		len--;
	snprintf(o->text, sizeof(o->text), "%.*s", (int)len, line);
	o->errnum = 0;
}

/* The mapping that a line of smaps begins with, and then its fields, whose names are capitals. */
static int map_of_line(const char *line, char *const maps[], size_t n, int at)
{
	uintptr_t from, to;

	if (isupper((unsigned char)*line) || sscanf(line, "%lx-%lx ", &from, &to) != 2)
		return at;
	for (size_t i = 0; i < n; i++)
		if ((uintptr_t)maps[i] >= from && (uintptr_t)maps[i] < to)
			return (int)i;
	return -1;
}

/* For a kernel each mapping is a walk over all its pages: one reading for all. */
static int read_vmflags(char *const maps[], size_t n, struct observed o[])
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/smaps", "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0, seen = 0;
	int at = -1;

	if (!f)
		return -errno;
	while (seen < n && getline(&line, &cap, f) > 0) {
		at = map_of_line(line, maps, n, at);
		if (at < 0 || strncmp(line, "VmFlags:", 8))
			continue;
		take_flags(line + 8, &o[at]);
		seen++;
	}
	return 0;
}

static bool has_flag(const char *flags, const char *flag)
{
	size_t len = strlen(flag);

	while (*flags) {
		flags += strspn(flags, " ");
		size_t n = strcspn(flags, " ");

		if (n == len && !memcmp(flags, flag, len))
			return true;
		flags += n;
	}
	return false;
}

void cow_vmflags(char *const maps[], size_t n, struct observed o[])
{
	int ret;

	for (size_t i = 0; i < n; i++)
		o[i].errnum = ENODATA; /* smaps has no such line */
	ret = read_vmflags(maps, n, o);
	for (size_t i = 0; i < n; i++) {
		if (ret < 0)
			o[i].errnum = -ret;
		o[i].ok = !o[i].errnum && has_flag(o[i].text, "mw");
	}
}

void cow_mprotect(char *const maps[], size_t n, struct observed o[])
{
	for (size_t i = 0; i < n; i++) {
		volatile char *p = maps[i];

		if (mprotect(maps[i], sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE) < 0) {
			observed_errno(&o[i], errno);
			continue;
		}
		p[0] = 'm';
		o[i].ok = p[0] == 'm';
	}
}

void cow_proc_mem(char *const maps[], size_t n, struct observed o[])
{
	_cleanup_close_ int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	int err = fd < 0 ? errno : 0;

	for (size_t i = 0; i < n; i++) {
		volatile char *p = maps[i];

		o[i].errnum = err;
		if (!err && pwrite(fd, "M", 1, (uintptr_t)maps[i]) < 0)
			o[i].errnum = errno;
		o[i].ok = p[0] == 'M';
	}
}

static int64_t page_frame(int fd, const char *map)
{
	off_t at = (uintptr_t)map / sysconf(_SC_PAGESIZE) * sizeof(uint64_t);
	uint64_t entry;
	ssize_t n = pread(fd, &entry, sizeof(entry), at);
	int64_t pfn;

	if (n != (ssize_t)sizeof(entry))
		return n < 0 ? -errno : -EIO;
	if (!(entry >> 63))
		return -ENODATA;
	pfn = entry & ((1ULL << 55) - 1);
	return pfn ?: -EPERM; /* frames read as 0 without CAP_SYS_ADMIN */
}

void cow_page_frames(char *const maps[], size_t n, int64_t pfns[])
{
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? errno : 0;

	for (size_t i = 0; i < n; i++)
		pfns[i] = err ? -err : page_frame(fd, maps[i]);
}
