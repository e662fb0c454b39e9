// SPDX-License-Identifier: GPL-2.0-or-later
/* Are a replay file's records those of its channels? */
#include <string.h>

#include "boot.h"
#include "channel.h"
#include "cleanup.h"
#include "hash.h"
#include "json_util.h"
#include "proto.h"
#include "publish.h"
#include "replay_internal.h"

#define CHANNEL_MAX (SM_CHANNEL_MAX + (1 << 20))

struct check {
	const struct replay *r;
	json_int_t boot;
	size_t results;
	struct err *err; /* ours to fill: the first record that disagrees */
};

/* Where variants were repeated there are several of a name. */
static bool has_record(const struct check *c, const json_t *frame)
{
	json_t *r;
	size_t i;

	json_array_foreach (c->r->records, i, r)
		if (!strcmp(jstr(r, "type", ""), "variant") && jint(r, "boot", -1) == c->boot &&
		    !strcmp(jstr(r, "state", ""), "ran") &&
		    !strcmp(jstr(r, "case", ""), jstr(frame, "case", "?")) &&
		    !strcmp(jstr(r, "variant", ""), jstr(frame, "variant", "?")) &&
		    json_equal(json_object_get(r, "observed"), json_object_get(frame, "facts")))
			return true;
	return false;
}

static void on_frame(void *arg, const json_t *frame)
{
	struct check *c = arg;

	if (strcmp(jstr(frame, "type", ""), SM_FRAME_RESULT))
		return;
	c->results++;
	if (!has_record(c, frame))
		err_set(c->err, ERR_USER, 0,
			"the record of %.100s/%.100s is not what the machine said",
			jstr(frame, "case", "?"), jstr(frame, "variant", "?"));
}

static size_t count_ran(const struct check *c)
{
	size_t i, n = 0;
	json_t *r;

	json_array_foreach (c->r->records, i, r)
		n += !strcmp(jstr(r, "type", ""), "variant") && jint(r, "boot", -1) == c->boot &&
		     !strcmp(jstr(r, "state", ""), "ran");
	return n;
}

static int verify_boot(const struct replay *r, const json_t *boot, struct err *err)
{
	struct check c = {.r = r, .boot = jint(boot, "boot", 0), .err = err};
	_cleanup_free_ char *path = xasprintf("%s/channel-%d", r->dir, (int)c.boot), *data = NULL;
	struct err protocol = ERR_INIT;
	char nonce[SHA256_HEX];
	size_t len;
	int ret = read_file(path, CHANNEL_MAX, &data, &len, err);

	if (ret < 0)
		return ret;
	boot_nonce(jstr(json_object_get(r->manifest, "kernel"), "sha256", ""), c.boot, nonce);
	struct channel *channel = channel_new(nonce, on_frame, &c);

	ret = channel_feed(channel, data, len, &protocol);
	channel_free(&channel);
	if (err->kind)
		return -EINVAL;
	if (c.results != count_ran(&c))
		return err_set(err, ERR_USER, 0,
			       "boot %d has records of %zu variants, and its machine spoke of %zu",
			       (int)c.boot, count_ran(&c), c.results);
	/* A guest that broke the protocol was recorded as such. */
	if (ret < 0 && strcmp(jstr(boot, "end", ""), "protocol"))
		return err_set(err, ERR_USER, 0, "channel-%d: %s", (int)c.boot, protocol.msg);
	return 0;
}

int replay_verify(const struct replay *r, struct err *err)
{
	json_t *boot;
	size_t i;
	int ret = 0;

	json_array_foreach (json_object_get(r->manifest, "boots"), i, boot)
		if (!ret)
			ret = verify_boot(r, boot, err);
	return ret;
}
