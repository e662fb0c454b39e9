// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "boot_hint.h"
#include "boot_internal.h"
#include "cleanup.h"
#include "console.h"
#include "json_util.h"
#include "proc.h"
#include "proto.h"
#include "publish.h"
#include "record.h"

#define CONSOLE_MAX (64 << 20)
#define TAIL_LINES  20

static void put_str(json_t *o, const char *key, const char *value)
{
	if (value)
		json_object_set_new(o, key, json_string(value));
}

static const char *release_of(const struct boot *b)
{
	const char *known = b->s->k->release;

	return jstr(b->hello, "release", known ? known : "unknown");
}

void boot_write(struct boot *b, const json_t *record)
{
	if (!b->write_error)
		b->write_error = record_append(b->s->records, record, &b->write_err);
}

json_t *boot_variant_record(const struct boot *b, size_t i, const char *state)
{
	const struct session *s = b->s;
	const struct variant *v = &s->o->variants->v[i];
	json_t *r = json_object();
	_cleanup_free_ char *id = xasprintf("%s/%s/%s", s->k->name, v->case_name, v->name);
	_cleanup_free_ char *program = proc_quoted(s->o->program);
	_cleanup_free_ char *kernel = proc_quoted(s->o->kernel_word);
	_cleanup_free_ char *repeat =
		xasprintf("%s run %s --only %s/%s%s%s", program, kernel, v->case_name, v->name,
			  v->asked ? " " : "", v->asked ? v->asked : "");

	put_str(r, "type", "variant");
	put_str(r, "id", id);
	put_str(r, "kernel", s->k->name);
	put_str(r, "release", release_of(b));
	put_str(r, "arch", s->k->arch);
	json_object_set_new(r, "boot", json_integer(b->nr));
	put_str(r, "case", v->case_name);
	put_str(r, "variant", v->name);
	put_str(r, "kind", v->kind);
	put_str(r, "control", control_name(v->control));
	json_object_set(r, "params", v->params);
	if (v->round)
		json_object_set_new(r, "round", json_integer(v->round));
	put_str(r, "state", state);
	put_str(r, "repeat", repeat);
	return r;
}

static const char *end_word(const struct boot *b, const struct vm_result *res)
{
	static const char *const words[] = {
		[VM_DONE] = "done",	   [VM_BROKEN] = "broken",	     [VM_RESET] = "reset",
		[VM_DIED] = "died",	   [VM_SILENT] = "silent",	     [VM_FLOOD] = "flood",
		[VM_STOPPED] = "protocol", [VM_INTERRUPTED] = "interrupted",
	};

	if (res->end == VM_INTERRUPTED)
		return words[VM_INTERRUPTED];
	if (b->protocol.kind)
		return words[VM_STOPPED];
	/* A kernel that lets nobody at the exit device is ended by a reset, once all is said. */
	if (res->end == VM_RESET && b->bye && b->ran == b->planned)
		return words[VM_DONE];
	/* The exit device alone proves nothing: the agent must have said that it is through. */
	if (res->end == VM_DONE && !b->bye)
		return "broken";
	return words[res->end];
}

static void add_console(const struct boot *b, const char *end, json_t *r)
{
	static const char *const events[] = {
		[CONSOLE_QUIET] = "quiet", [CONSOLE_OOPS] = "oops", [CONSOLE_PANIC] = "panic"};
	_cleanup_free_ char *text = NULL, *line = NULL;
	struct err err = ERR_INIT;
	size_t len = 0;

	if (read_file(b->console_path, CONSOLE_MAX, &text, &len, &err) < 0) {
		put_str(r, "console_error", err.msg);
		return;
	}
	enum console_event ev = console_scan(text, len, &line);
	/* Silence means something only where the kernel could have been heard. */
	bool deaf = ev == CONSOLE_QUIET && b->hello &&
		    !memmem(text, len, SM_CONSOLE_MARK, strlen(SM_CONSOLE_MARK));

	put_str(r, "console", deaf ? "deaf" : events[ev]);
	put_str(r, "console_line", line);
	if (!b->hello && strcmp(end, "interrupted"))
		put_str(r, "hint", boot_hint(text, len));
	if (strcmp(end, "done") || ev != CONSOLE_QUIET) {
		_cleanup_free_ char *tail = console_tail(text, len, TAIL_LINES);

		put_str(r, "console_tail", tail);
	}
}

json_t *boot_record(const struct boot *b, const struct vm_config *cfg, const struct vm_result *res)
{
	const struct session *s = b->s;
	const char *end = end_word(b, res);
	json_t *r = json_object();

	put_str(r, "type", "boot");
	put_str(r, "kernel", s->k->name);
	put_str(r, "release", release_of(b));
	put_str(r, "arch", s->k->arch);
	json_object_set_new(r, "boot", json_integer(b->nr));
	put_str(r, "origin", s->k->origin);
	put_str(r, "version", s->k->version);
	put_str(r, "sha256", s->k->sha256);
	put_str(r, "initrd_sha256", b->initrd_sha256);
	put_str(r, "cases_sha256", s->cases_sha256);
	put_str(r, "start", b->restored ? "restored" : "cold");
	put_str(r, "template", b->restored ? s->tpl.id : NULL);
	put_str(r, "no_template", b->restored ? NULL : s->no_template);
	if (!b->job->controls)
		json_object_set_new(r, "controls_boot", json_integer(CONTROLS_NR));
	put_str(r, "machine", vm_machine(s->k->arch));
	put_str(r, "accel", s->accel == VM_KVM ? "kvm" : "tcg");
	put_str(r, "accel_why", s->accel_why);
	put_str(r, "time", vm_real_time(cfg) ? "real" : "icount");
	json_object_set_new(r, "vcpus", json_integer(cfg->vcpus ? cfg->vcpus : 1));
	json_object_set_new(r, "memory_mib",
			    json_integer(cfg->memory_mib ? cfg->memory_mib : VM_MEMORY_MIB));
	put_str(r, "append", cfg->append);
	put_str(r, "qemu", s->qemu);
	put_str(r, "end", end);
	put_str(r, "text", b->protocol.kind ? b->protocol.msg : b->fatal ? b->fatal : res->text);
	if (res->diagnosis)
		json_object_set(r, "diagnosis", res->diagnosis);
	add_console(b, end, r);
	if (b->hello)
		json_object_set(r, "hello", b->hello);
	json_object_set_new(r, "planned", json_integer(b->planned));
	json_object_set_new(r, "ran", json_integer(b->ran));
	json_object_set_new(r, "cpu_s", json_real(res->cpu_s));
	json_object_set_new(r, "wall_s", json_real(res->wall_s));
	return r;
}

int boot_record_absent(const char *dir, const char *kernel, const char *arch, const char *end,
		       const char *text, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/records.jsonl", dir);
	_cleanup_fclose_ FILE *f = fopen(path, "ae");
	_cleanup_json_ json_t *r =
		json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "type", "boot", "kernel", kernel,
			  "arch", arch, "boot", 0, "end", end, "text", text);

	if (!f)
		return err_set(err, ERR_INFRA, errno, "open %s", path);
	return record_append(f, r, err);
}
