// SPDX-License-Identifier: GPL-2.0-or-later
/* cgroup v2 (Documentation/admin-guide/cgroup-v2.rst); a limit of any ancestor holds as well. */
#include "host.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "publish.h"
#include "xalloc.h"

static char *slurp(const char *root, const char *dir, const char *file)
{
	_cleanup_free_ char *path = xasprintf("%s%s/%s", root, dir, file);
	struct err ignored = ERR_INIT;
	char *text = NULL;

	return read_file(path, 1 << 20, &text, NULL, &ignored) < 0 ? NULL : text;
}

/* "/sys/fs/cgroup/user.slice/…" of this process, or NULL where there is no version 2. */
static char *own_group(const char *root)
{
	_cleanup_free_ char *text = slurp(root, "/proc/self", "cgroup");
	char *line = text ? strstr(text, "0::/") : NULL;

	if (!line || (line != text && line[-1] != '\n'))
		return NULL;
	line += strlen("0::");
	line[strcspn(line, "\n")] = '\0';
	return xasprintf("/sys/fs/cgroup%s", line);
}

/* Call @fn for the group and all above it. */
static void each_group(const char *root, void (*fn)(const char *root, const char *dir, void *arg),
		       void *arg)
{
	_cleanup_free_ char *dir = own_group(root);

	while (dir && strlen(dir) >= strlen("/sys/fs/cgroup")) {
		fn(root, dir, arg);
		*strrchr(dir, '/') = '\0';
	}
}

/* cpu.max: "max 100000" or "150000 100000". */
static void limit_cpus(const char *root, const char *dir, void *arg)
{
	_cleanup_free_ char *text = slurp(root, dir, "cpu.max");
	unsigned long quota, period;
	unsigned *cpus = arg;

	if (!text || sscanf(text, "%lu %lu", &quota, &period) != 2 || !period)
		return;
	unsigned fit = (quota + period - 1) / period;

	if (fit < *cpus)
		*cpus = fit;
}

unsigned host_cpus_below(const char *root, unsigned cpus)
{
	each_group(root, limit_cpus, &cpus);
	return cpus ? cpus : 1;
}

unsigned host_cpus(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return host_cpus_below("", CPU_COUNT(&set));
}

static unsigned long number(const char *text)
{
	char *end;
	unsigned long v = text ? strtoul(text, &end, 10) : 0;

	return text && end != text ? v : ULONG_MAX;
}

/* Page cache counts as used by a group, and goes when it is needed: it is not taken off. */
static unsigned long reclaimable(const char *root, const char *dir)
{
	_cleanup_free_ char *text = slurp(root, dir, "memory.stat");
	const char *line = text ? strstr(text, "\ninactive_file ") : NULL;

	return line ? strtoul(line + strlen("\ninactive_file "), NULL, 10) : 0;
}

static void limit_memory(const char *root, const char *dir, void *arg)
{
	_cleanup_free_ char *max = slurp(root, dir, "memory.max");
	_cleanup_free_ char *current = slurp(root, dir, "memory.current");
	unsigned long limit = number(max), used = number(current), *mib = arg;

	if (limit == ULONG_MAX || used == ULONG_MAX)
		return;
	unsigned long cache = reclaimable(root, dir);

	used -= cache < used ? cache : used;
	unsigned long left = limit > used ? (limit - used) >> 20 : 0;

	if (left < *mib)
		*mib = left;
}

unsigned long host_memory_mib_below(const char *root)
{
	_cleanup_free_ char *text = slurp(root, "/proc", "meminfo");
	const char *line = text ? strstr(text, "MemAvailable:") : NULL;
	unsigned long mib = line ? strtoul(line + strlen("MemAvailable:"), NULL, 10) / 1024 : 0;

	each_group(root, limit_memory, &mib);
	return mib;
}

unsigned long host_memory_mib(void)
{
	return host_memory_mib_below("");
}
