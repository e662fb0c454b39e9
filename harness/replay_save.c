// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"
#include "cleanup.h"
#include "json_util.h"
#include "paths.h"
#include "publish.h"
#include "record.h"
#include "replay.h"

static const char *const programs[] = {"nsexec-static", "nsexec-pie", "nsexec-dynamic"};

static char *member(const json_t *boot, const char *dir, const char *name)
{
	return xasprintf("%s/%s-%d", dir, name, (int)jint(boot, "boot", 0));
}

struct vm_config replay_config(const json_t *boot, const char *dir)
{
	struct vm_config cfg = {
		.arch = jstr(boot, "arch", ""),
		.append = jstr(boot, "append", NULL),
		.memory_mib = jint(boot, "memory_mib", 0),
		.vcpus = jint(boot, "vcpus", 0),
		.accel = strcmp(jstr(boot, "accel", ""), "kvm") ? VM_TCG : VM_KVM,
		.realtime = !strcmp(jstr(boot, "time", ""), "real"),
	};

	cfg.kernel = xasprintf("%s/kernel", dir);
	cfg.initrd = member(boot, dir, "initramfs");
	/* Not what was saved: that is to be compared with. */
	cfg.console_path = member(boot, dir, "new-console");
	cfg.channel_path = member(boot, dir, "new-channel");
	if (jbool(boot, "rr", 0) == 1) {
		cfg.rr = VM_RR_REPLAY;
		cfg.rr_path = member(boot, dir, "rr");
	}
	return cfg;
}

void replay_config_free(struct vm_config *cfg)
{
	free((char *)cfg->kernel);
	free((char *)cfg->initrd);
	free((char *)cfg->console_path);
	free((char *)cfg->channel_path);
	free((char *)cfg->rr_path);
	strv_free(&cfg->extra);
}

json_t *replay_argv(const json_t *boot)
{
	_cleanup_(replay_config_free) struct vm_config cfg = replay_config(boot, "@");
	_cleanup_strv_ struct strv argv = {0};
	json_t *words = json_array();

	vm_argv(&cfg, &argv);
	for (size_t i = 0; i < argv.n; i++)
		json_array_append_new(words, json_string(argv.v[i]));
	return words;
}

static void copy(json_t *to, const json_t *from, const char *const keys[])
{
	for (; *keys; keys++)
		if (json_object_get(from, *keys))
			json_object_set(to, *keys, json_object_get(from, *keys));
}

static json_t *describe_boot(const json_t *record, bool rr)
{
	static const char *const keys[] = {"boot",   "arch",	   "accel", "time", "vcpus",
					   "append", "memory_mib", "end",   NULL};
	json_t *boot = json_object();

	copy(boot, record, keys);
	if (rr)
		json_object_set_new(boot, "rr", json_true());
	json_object_set_new(boot, "argv", replay_argv(boot));
	return boot;
}

/* What the run was about: the first variant that failed, or else the first. */
static const char *subject(const json_t *records)
{
	const char *first = NULL;
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		const char *id = jstr(r, "id", ""), *rest = strchr(id, '/');

		if (strcmp(jstr(r, "type", ""), "variant") || !rest ||
		    strcmp(jstr(r, "control", ""), "none") ||
		    strcmp(jstr(r, "kind", ""), "machine"))
			continue;
		if (strcmp(jstr(r, "outcome", ""), "pass") &&
		    strcmp(jstr(r, "outcome", ""), "unsupported"))
			return rest + 1;
		first = first ? first : rest + 1;
	}
	return first;
}

struct save {
	json_t *manifest;
	struct strv names, files;
};

static void save_free(struct save *s)
{
	json_decref(s->manifest);
	strv_free(&s->names);
	strv_free(&s->files);
}

static bool add(struct save *s, const char *name, const char *file)
{
	if (access(file, R_OK) < 0)
		return false;
	strv_add(&s->names, name);
	strv_add(&s->files, file);
	return true;
}

static int add_boot(struct save *s, const json_t *record, const char *dir, struct err *err)
{
	static const struct {
		const char *name, *file;
	} parts[] = {
		{"initramfs", "initrd-%d.cpio"},
		{"console", "console-%d.log"},
		{"channel", "channel-%d.log"},
		{"rr", "rr-%d.log"},
	};
	int nr = jint(record, "boot", 0);
	bool there = false;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		_cleanup_free_ char *name = xasprintf("%s-%d", parts[i].name, nr);
		_cleanup_free_ char *file = xasprintf(parts[i].file, nr);
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, file);

		there = add(s, name, path);
		if (!there && strcmp(parts[i].name, "rr"))
			return err_set(err, ERR_INFRA, 0, "boot %d has left no %s in %s", nr, file,
				       dir);
	}
	json_array_append_new(json_object_get(s->manifest, "boots"), describe_boot(record, there));
	return 0;
}

/* All boots of this kernel that came to an end of their own. */
static int add_boots(struct save *s, const json_t *own, const char *dir, struct err *err)
{
	json_t *r;
	size_t i;
	int ret = 0;

	json_object_set_new(s->manifest, "boots", json_array());
	json_array_foreach (own, i, r) {
		if (ret || strcmp(jstr(r, "type", ""), "boot"))
			continue;
		if (jint(r, "boot", 0) < 1 || !strcmp(jstr(r, "end", ""), "interrupted"))
			return err_set(err, ERR_INFRA, 0, "%s", jstr(r, "text", "?"));
		json_object_set(s->manifest, "qemu", json_object_get(r, "qemu"));
		ret = add_boot(s, r, dir, err);
	}
	if (!ret && !json_array_size(json_object_get(s->manifest, "boots")))
		ret = err_set(err, ERR_INFRA, 0, "there was no boot");
	return ret;
}

static void describe_kernel(json_t *manifest, const struct kernel *k)
{
	const struct {
		const char *key, *value;
	} members[] = {{"name", k->name},     {"arch", k->arch},       {"release", k->release},
		       {"origin", k->origin}, {"version", k->version}, {"sha256", k->sha256}};
	json_t *o = json_object();

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		if (members[i].value)
			json_object_set_new(o, members[i].key, json_string(members[i].value));
	json_object_set_new(manifest, "kernel", o);
}

int replay_save_check(const char *path, struct err *err)
{
	_cleanup_free_ char *probe = xasprintf("%s.tmp.%d", path, (int)getpid());
	_cleanup_free_ char *folder = xstrdup(path);
	char *slash = strrchr(folder, '/');
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return err_set(err, ERR_USER, EISDIR, "--save %s", path);
	int fd = open(probe, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600), why = errno;

	if (fd >= 0) {
		close(fd);
		unlink(probe);
		return 0;
	}
	if (slash)
		*slash = '\0';
	if (why == ENOENT && slash && *folder && access(folder, F_OK) < 0)
		return 0;
	return err_set(err, ERR_USER, why, "--save %s", path);
}

int replay_save(const char *path, const struct kernel *k, const char *dir, const json_t *records,
		struct err *err)
{
	_cleanup_(save_free) struct save s = {.manifest = json_object()};
	_cleanup_json_ json_t *own = record_select(records, k->name);
	_cleanup_free_ char *list = xasprintf("%s/records.jsonl", dir);
	const char *about = subject(own);

	json_object_set_new(s.manifest, "sealmatrix", json_string(SM_VERSION));
	if (about)
		json_object_set_new(s.manifest, "subject", json_string(about));
	describe_kernel(s.manifest, k);
	add(&s, "kernel", k->image);
	add(&s, "records.jsonl", list);
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		_cleanup_free_ char *rel = xasprintf("../symbols/%s", programs[i]);
		_cleanup_free_ char *symbols = paths_guest(rel);

		add(&s, programs[i], symbols);
	}
	int ret = add_boots(&s, own, dir, err);

	return ret ? ret : bundle_write(path, s.manifest, &s.names, &s.files, err);
}
