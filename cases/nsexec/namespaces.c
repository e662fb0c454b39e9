// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nsexec.h"

/* The kernel takes such files in one write() only. */
static int write_proc(pid_t pid, const char *name, const char *text, size_t len)
{
	char path[64];
	ssize_t n;
	int fd, saved;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = write(fd, text, len);
	saved = errno;
	close(fd);
	errno = saved;
	return n == (ssize_t)len ? 0 : -1;
}

int write_id_maps(const struct machine *m)
{
	const struct config *c = &m->cfg;

	/* Without privileges over the group map the kernel wants setgroups() given up first. */
	if (c->rootless && !c->setgroups && write_proc(m->child, "setgroups", "deny", 4) < 0)
		return -1;
	if (c->uid_map && write_proc(m->child, "uid_map", c->uid_map, c->uid_map_len) < 0)
		return -1;
	if (c->gid_map && write_proc(m->child, "gid_map", c->gid_map, c->gid_map_len) < 0)
		return -1;
	return 0;
}

int write_time_offsets(const struct machine *m)
{
	return write_proc(m->child, "timens_offsets", m->cfg.time_offsets, m->cfg.time_offsets_len);
}

int write_oom_score_adj(const struct machine *m)
{
	return write_proc(getpid(), "oom_score_adj", m->cfg.oom_score_adj,
			  m->cfg.oom_score_adj_len);
}

/* "type:path"; the path alone says which namespace. */
static int join_one(const char *entry, size_t len)
{
	const char *colon = memchr(entry, ':', len);
	char path[256];
	int fd, ret, saved;

	if (!colon) {
		errno = EINVAL;
		return -1;
	}
	len -= (size_t)(colon + 1 - entry);
	snprintf(path, sizeof(path), "%.*s", (int)len, colon + 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = setns(fd, 0);
	saved = errno;
	close(fd);
	errno = saved;
	return ret;
}

int join_namespaces(const struct machine *m)
{
	for (const char *p = m->cfg.ns_paths; *p;) {
		size_t len = strcspn(p, ",");

		if (join_one(p, len) < 0)
			return -1;
		p += len + (p[len] == ',');
	}
	return 0;
}
