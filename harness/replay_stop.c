// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay_stop.h"

#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "channel.h"
#include "cleanup.h"
#include "hash.h"
#include "json_util.h"
#include "near.h"
#include "proto.h"
#include "publish.h"
#include "schedule_check.h"

struct search {
	const char *case_name, *variant;
	json_int_t index; /* in the plan, or -1 */
};

static void on_frame(void *arg, const json_t *frame)
{
	struct search *s = arg;

	if (!strcmp(jstr(frame, "type", ""), SM_FRAME_BEGIN) &&
	    !strcmp(jstr(frame, "case", ""), s->case_name) &&
	    !strcmp(jstr(frame, "variant", ""), s->variant))
		s->index = jint(frame, "index", -1);
}

/* By which the machine's control page tells one run of it from the others of that boot. */
static int find_index(const struct replay *r, const json_t *boot, const json_t *record,
		      json_int_t *index, struct err *err)
{
	struct search s = {jstr(record, "case", ""), jstr(record, "variant", ""), -1};
	_cleanup_free_ char *path = xasprintf("%s/channel-%d", r->dir, (int)jint(boot, "boot", 0));
	_cleanup_free_ char *data = NULL;
	struct err protocol = ERR_INIT;
	char nonce[SHA256_HEX];
	size_t len;
	int ret = read_file(path, SM_CHANNEL_MAX, &data, &len, err);

	if (ret < 0)
		return ret;
	boot_nonce(jstr(json_object_get(r->manifest, "kernel"), "sha256", ""),
		   jint(boot, "boot", 0), nonce);
	struct channel *c = channel_new(nonce, on_frame, &s);

	channel_feed(c, data, len, &protocol);
	channel_free(&c);
	*index = s.index;
	return s.index < 0 ? err_set(err, ERR_USER, 0, "%s/%s was not begun in boot %d",
				     s.case_name, s.variant, (int)jint(boot, "boot", 0))
			   : 0;
}

static int no_such(const struct replay *r, const char *variant, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};
	json_t *rec;
	size_t i;

	json_array_foreach (r->records, i, rec)
		if (!strcmp(jstr(rec, "kind", ""), "machine"))
			strv_addf(&names, "%s/%s", jstr(rec, "case", ""), jstr(rec, "variant", ""));
	_cleanup_free_ char *near = near_matches(variant, &names);

	return err_set(err, ERR_USER, 0, "the file has no variant %s%s%s%s", variant,
		       near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

/* Where the program's symbols belong: its links but the static one are put anywhere by the kernel.
 */
static int load_symbols(const struct replay *r, const json_t *record, struct gdb *gdb,
			struct err *err)
{
	const char *link = jstr(json_object_get(record, "params"), "link", "static");
	json_int_t base = jint(json_object_get(record, "observed"), "base", 0);
	_cleanup_free_ char *path = xasprintf("%s/nsexec-%s", r->dir, link);

	if (strchr(link, '/') || access(path, R_OK) < 0)
		return err_set(
			err, ERR_USER, 0,
			"the file has no symbols of nsexec-%s, so its points cannot be found",
			link);
	if (!strcmp(link, "static"))
		base = 0;
	else if (!base)
		return err_set(err, ERR_USER, 0,
			       "the record does not say where nsexec-%s was loaded", link);
	strv_addf(&gdb->commands, "symbol-file \"%s\" -o %#llx", path, (unsigned long long)base);
	return 0;
}

int replay_stop(const struct replay *r, const char *variant, const char *point, struct gdb *gdb,
		const json_t **boot, char **where, struct err *err)
{
	const json_t *record = NULL, *params;
	struct schedule_point p;
	json_int_t index = -1;

	variant = variant ? variant : jstr(r->manifest, "subject", "");
	*boot = replay_boot_of(r, variant, &record);
	if (!*boot || strcmp(jstr(record, "kind", ""), "machine"))
		return no_such(r, variant, err);
	params = json_object_get(record, "params");
	int ret = schedule_point(point, jstr(params, "ns", "plain"), jstr(params, "join", "none"),
				 &p, err);

	if (!ret)
		ret = find_index(r, *boot, record, &index, err);
	if (!ret)
		ret = load_symbols(r, record, gdb, err);
	if (ret < 0)
		return ret;
	strv_addf(&gdb->commands, "target remote %s", gdb->socket);
	/* All stages, and all runs of the machine, share this address: the rest is in the
	 * condition.
	 */
	strv_addf(&gdb->commands,
		  "hbreak *point_reached if pt == %d && m->self == %d && m->ctl->variant == %d && "
		  "m->lane->passed[%d] == %d",
		  p.point, p.stage, (int)index, p.point, p.nth - 1);
	strv_add(&gdb->commands, "continue");
	*where = xasprintf("In %s, stage %s stops when it is about to pass %s for the %d. time",
			   variant, p.stage_name, p.point_name, p.nth);
	return 0;
}
