// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "boot_internal.h"
#include "cleanup.h"
#include "json_util.h"
#include "proto.h"
#include "xalloc.h"

/* The variant a frame speaks of, or -1 with a protocol error when the guest made it up. */
static long frame_variant(struct boot *b, const json_t *frame)
{
	const struct variants *vs = b->s->o->variants;
	json_int_t i = jint(frame, "index", -1);

	if (i >= 0 && (size_t)i < vs->n && b->job->todo[i] &&
	    !strcmp(jstr(frame, "case", ""), vs->v[i].case_name) &&
	    !strcmp(jstr(frame, "variant", ""), vs->v[i].name))
		return i;
	err_set(&b->protocol, ERR_INFRA, 0, "the guest speaks of a variant that was not planned");
	return -1;
}

static void on_hello(struct boot *b, const json_t *frame)
{
	if (b->hello)
		err_set(&b->protocol, ERR_INFRA, 0, "the guest said hello twice");
	else if (jint(frame, "proto", -1) != SM_PROTO)
		err_set(&b->protocol, ERR_INFRA, 0, "the guest speaks another protocol");
	else
		b->hello = json_deep_copy(frame);
}

static void on_begin(struct boot *b, const json_t *frame)
{
	long i = frame_variant(b, frame);

	if (i < 0)
		return;
	if (b->running >= 0) {
		err_set(&b->protocol, ERR_INFRA, 0, "the guest began a variant within another");
		return;
	}
	b->running = i;
	const struct variant *v = &b->s->o->variants->v[i];

	progress_tick(b->s->pg, "%u/%zu %s/%s", b->s->shared->ran + 1, b->s->planned, v->case_name,
		      v->name);
}

/* What a stage machine came to, for whoever watches. Facts: the judge has not spoken yet. */
static void narrate(struct boot *b, const char *name, const json_t *frame)
{
	const json_t *stop = json_object_get(json_object_get(frame, "facts"), "stop");
	double ms = jint(frame, "guest_us", 0) / 1000.0;
	char waits[128] = "";
	json_t *edge;
	size_t i, n = 0;

	if (!stop)
		return;
	json_array_foreach (json_object_get(stop, "graph"), i, edge)
		if (n < sizeof(waits))
			n += snprintf(waits + n, sizeof(waits) - n, "%s %s waits for %s",
				      i ? "," : ":", jstr(edge, "stage", "?"),
				      jstr(edge, "waits_for", "?"));
	const char *how = jbool(stop, "deadlock", 0) == 1	 ? "deadlock"
			  : json_object_get(stop, "lost_wakeup") ? "lost wake-up"
			  : json_object_get(stop, "lost_eof")	 ? "lost end of file"
								 : jstr(stop, "why", "?");

	progress_note(b->s->pg, "%s: %s after %.0f ms of guest time%s", name, how, ms, waits);
}

static void on_result(struct boot *b, const json_t *frame)
{
	long i = frame_variant(b, frame);
	json_t *facts = json_object_get(frame, "facts");

	if (i < 0)
		return;
	if (i != b->running || !json_is_object(facts)) {
		err_set(&b->protocol, ERR_INFRA, 0, "the guest sent a result out of turn");
		return;
	}
	_cleanup_json_ json_t *r = boot_variant_record(b, i, "ran");

	json_object_set_new(r, "guest_ms", json_real(jint(frame, "guest_us", 0) / 1000.0));
	json_object_set(r, "observed", facts);
	boot_write(b, r);
	if (b->s->o->narrate)
		narrate(b, b->s->o->variants->v[i].name, frame);
	b->running = -1;
	b->ran++;
	if (b->s->o->variants->v[i].control == CONTROL_NONE) {
		b->job->todo[i] = false;
		b->s->shared->ran++;
	}
}

static void on_progress(struct boot *b, const json_t *frame)
{
	const struct variant *v;

	if (b->running < 0) {
		err_set(&b->protocol, ERR_INFRA, 0, "the guest gets on with nothing");
		return;
	}
	v = &b->s->o->variants->v[b->running];
	progress_tick(b->s->pg, "%u/%zu %s/%s: %s", b->s->shared->ran + 1, b->s->planned,
		      v->case_name, v->name, jstr(frame, "text", ""));
}

static void on_note(struct boot *b, const json_t *frame)
{
	progress_note(b->s->pg, "guest: %s", jstr(frame, "text", ""));
}

static void on_fatal(struct boot *b, const json_t *frame)
{
	if (!b->fatal)
		b->fatal = xstrdup(jstr(frame, "text", ""));
}

static void on_bye(struct boot *b, const json_t *frame)
{
	b->bye = true;
	if (jint(frame, "ran", -1) != (json_int_t)b->ran)
		err_set(&b->protocol, ERR_INFRA, 0, "the guest ran more variants than it reported");
}

void boot_frame(void *arg, const json_t *frame)
{
	static const struct {
		const char *type;
		void (*fn)(struct boot *b, const json_t *frame);
	} handlers[] = {
		{SM_FRAME_HELLO, on_hello},	  {SM_FRAME_BEGIN, on_begin},
		{SM_FRAME_RESULT, on_result},	  {SM_FRAME_NOTE, on_note},
		{SM_FRAME_PROGRESS, on_progress}, {SM_FRAME_FATAL, on_fatal},
		{SM_FRAME_BYE, on_bye},
	};
	struct boot *b = arg;
	const char *type = jstr(frame, "type", "");

	if (b->protocol.kind)
		return;
	if (!b->hello && strcmp(type, SM_FRAME_HELLO) && strcmp(type, SM_FRAME_FATAL)) {
		err_set(&b->protocol, ERR_INFRA, 0, "the guest sent %s before hello", type);
		return;
	}
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++) {
		if (strcmp(type, handlers[i].type))
			continue;
		handlers[i].fn(b, frame);
		return;
	}
	err_set(&b->protocol, ERR_INFRA, 0, "the guest sent an unknown frame");
}
