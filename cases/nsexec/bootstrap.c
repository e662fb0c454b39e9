// SPDX-License-Identifier: GPL-2.0-or-later
#include "bootstrap.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nsexec.h"

#define PAYLOAD_MAX (1u << 20)

static void read_all(struct machine *m, void *buf, size_t len, const char *what)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(m->initfd, (char *)buf + got, len - got);

		if (n <= 0) {
			errno = n ? errno : 0;
			die(m, "failed to read the bootstrap %s", what);
		}
		got += (size_t)n;
	}
}

static void take_u32(uint32_t *out, const void *data, size_t len)
{
	if (len >= sizeof(*out))
		memcpy(out, data, sizeof(*out));
}

/* One attribute; false when it is unknown. */
static bool take(struct config *c, unsigned type, const char *data, size_t len)
{
	switch (type) {
	case BOOT_CLONE_FLAGS:
		take_u32(&c->clone_flags, data, len);
		return true;
	case BOOT_NS_PATHS:
		c->ns_paths = data;
		return true;
	case BOOT_UID_MAP:
		c->uid_map = data;
		c->uid_map_len = strlen(data);
		return true;
	case BOOT_GID_MAP:
		c->gid_map = data;
		c->gid_map_len = strlen(data);
		return true;
	case BOOT_SETGROUPS:
		c->setgroups = *data;
		return true;
	case BOOT_OOM_SCORE_ADJ:
		c->oom_score_adj = data;
		c->oom_score_adj_len = strlen(data);
		return true;
	case BOOT_ROOTLESS:
		c->rootless = *data;
		return true;
	case BOOT_NEWUIDMAP:
	case BOOT_NEWGIDMAP:
		/* Helpers for callers who may not write the maps themselves; this one is root. */
		return true;
	case BOOT_TIME_OFFSETS:
		c->time_offsets = data;
		c->time_offsets_len = strlen(data);
		return true;
	}
	return false;
}

void read_bootstrap(struct machine *m)
{
	struct nlmsghdr h;
	char *payload;
	size_t len;

	read_all(m, &h, sizeof(h), "header");
	errno = EINVAL;
	if (h.nlmsg_type != BOOT_MSG)
		die(m, "unexpected bootstrap message type %u", h.nlmsg_type);
	if (h.nlmsg_len < BOOT_MSG_MIN || h.nlmsg_len > PAYLOAD_MAX)
		die(m, "bootstrap message of %u bytes", h.nlmsg_len);
	len = h.nlmsg_len - sizeof(h);
	/* One byte more: a string that lacks its NUL ends there. */
	payload = calloc(1, len + 1);
	if (!payload)
		die(m, "no memory for %zu bytes of bootstrap message", len);
	read_all(m, payload, len, "payload");

	for (size_t at = 0; at < len;) {
		struct nlattr a;

		errno = EINVAL;
		if (len - at < sizeof(a))
			die(m, "bootstrap attribute cut off at %zu", at);
		memcpy(&a, payload + at, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > len - at)
			die(m, "bootstrap attribute %u of %u bytes", a.nla_type, a.nla_len);
		if (!take(&m->cfg, a.nla_type, payload + at + sizeof(a), a.nla_len - sizeof(a)))
			die(m, "unknown bootstrap attribute %u", a.nla_type);
		at += NLA_ALIGN(a.nla_len);
	}
}
