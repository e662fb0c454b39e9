// SPDX-License-Identifier: GPL-2.0-or-later
/* Where two runs of the same machine first differ, and why that may be. */
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "proto.h"
#include "publish.h"
#include "replay_internal.h"

#define PORT_MAX (128L << 20)
#define EXCERPT	 100 /* bytes of a line that are shown */

struct part {
	const char *name; /* "console" */
	char *old, *new;
	size_t old_len, new_len;
};

static void part_free(struct part *p)
{
	free(p->old);
	free(p->new);
}

static int load(const struct replay *r, const json_t *boot, const char *name, struct part *p,
		struct err *err)
{
	int nr = jint(boot, "boot", 0);
	_cleanup_free_ char *old = xasprintf("%s/%s-%d", r->dir, name, nr);
	_cleanup_free_ char *new = xasprintf("%s/new-%s-%d", r->dir, name, nr);
	int ret = read_file(old, PORT_MAX, &p->old, &p->old_len, err);

	p->name = name;
	return ret ? ret : read_file(new, PORT_MAX, &p->new, &p->new_len, err);
}

/* The line of @text that @at lies in, from some way before it, without control characters. */
static char *excerpt(const char *text, size_t len, size_t at)
{
	size_t from = at, to = at;

	while (from && text[from - 1] != '\n' && at - from < EXCERPT / 2)
		from--;
	while (to < len && text[to] != '\n' && to - from < EXCERPT)
		to++;
	char *out = xstrndup(text + from, to - from);

	if (to == from)
		return free(out), xstrdup(at < len ? "(an empty line)" : "(the end)");
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = '?';
	return out;
}

/* What the frame is about whose line begins at @line: " (result stage-machine/memfd-0x1f)". */
static char *frame_name(const char *line, size_t len)
{
	const char *end = memchr(line, '\n', len), *json = memchr(line, '{', len);

	if (!json || !end || json > end)
		return xstrdup("");
	_cleanup_json_ json_t *frame = json_loadb(json, end - json, 0, NULL);
	const char *type = jstr(frame, "type", NULL), *name = jstr(frame, "variant", NULL);

	if (!type)
		return xstrdup("");
	return xasprintf(" (%s%s%s%s%s)", type, name ? " " : "",
			 name ? jstr(frame, "case", "?") : "", name ? "/" : "", name ? name : "");
}

/* NULL when every byte is the same. */
static char *difference_in(const struct part *p)
{
	size_t n = p->old_len < p->new_len ? p->old_len : p->new_len, at = 0, line = 1, start = 0;

	while (at < n && p->old[at] == p->new[at]) {
		if (p->old[at++] != '\n')
			continue;
		line++;
		start = at;
	}
	if (at == p->old_len && at == p->new_len)
		return NULL;
	_cleanup_free_ char *was = excerpt(p->old, p->old_len, at);
	_cleanup_free_ char *is = excerpt(p->new, p->new_len, at);
	_cleanup_free_ char *what = strcmp(p->name, "channel")
					    ? xstrdup("")
					    : frame_name(p->old + start, p->old_len - start);

	return xasprintf("%s differs at byte %zu, %s %zu%s\n  recorded: %s\n  now:      %s\n",
			 p->name, at, strcmp(p->name, "channel") ? "line" : "record", line, what,
			 was, is);
}

/* What may have made the difference, most likely first. */
static char *reasons(const struct replay *r, const json_t *boot)
{
	_cleanup_free_ char *here = NULL;
	const char *qemu = jstr(r->manifest, "qemu", "unknown"), *arch = jstr(boot, "arch", "");
	_cleanup_json_ json_t *argv = replay_argv(boot);
	struct err ignored = ERR_INIT;
	char *text = xstrdup("Why that may be:\n"), *more;
	size_t before = strlen(text);

#define REASON(...)                                               \
	do {                                                      \
		_cleanup_free_ char *_s = xasprintf(__VA_ARGS__); \
		more = xasprintf("%s  %s\n", text, _s);           \
		free(text);                                       \
		text = more;                                      \
	} while (0)

	if (vm_qemu_version(arch, &here, &ignored) == 0 && strcmp(here, qemu))
		REASON("another QEMU: %s then, %s now", qemu, here);
	if (!json_equal(argv, json_object_get(boot, "argv")))
		REASON("QEMU was given other arguments then");
	if (!strcmp(jstr(boot, "accel", ""), "kvm"))
		REASON("KVM: the processor and the host's clock take part");
	else if (!strcmp(jstr(boot, "time", ""), "real") && jbool(boot, "rr", 0) != 1)
		REASON("real time: the host's clock and scheduler take part");
	const char *end = jstr(boot, "end", "");

	if (!strcmp(end, "silent") || !strcmp(end, "flood") || !strcmp(end, "protocol"))
		REASON("that machine was ended by the host, at no certain instruction");
	if (strlen(text) == before)
		REASON("nothing that is known to matter differs: please report it");
#undef REASON
	return text;
}

int replay_compare(const struct replay *r, const json_t *boot, const struct vm_result *res,
		   char **difference, struct err *err)
{
	_cleanup_(part_free) struct part console = {0}, channel = {0};
	int ret = load(r, boot, "console", &console, err);

	*difference = NULL;
	if (!ret)
		ret = load(r, boot, "channel", &channel, err);
	if (ret < 0)
		return ret;
	_cleanup_free_ char *a = difference_in(&channel), *b = difference_in(&console);

	if (!a && !b)
		return 0;
	_cleanup_free_ char *why = reasons(r, boot);

	*difference =
		xasprintf("%s%sThe machine now: %s\n%s", a ? a : "", b ? b : "", res->text, why);
	return 0;
}
