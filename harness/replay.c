// SPDX-License-Identifier: GPL-2.0-or-later
#include "replay.h"

#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot.h"
#include "bundle.h"
#include "channel.h"
#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "record.h"
#include "replay_internal.h"
#include "vm_arch.h"
#include "vm_internal.h"

/* The parts without which there is nothing to replay; what they mean is checked as they are used.
 */
static int check_parts(const struct replay *r, struct err *err)
{
	const json_t *kernel = json_object_get(r->manifest, "kernel");
	const json_t *boots = json_object_get(r->manifest, "boots");
	_cleanup_free_ char *image = xasprintf("%s/kernel", r->dir);
	char hex[SHA256_HEX];
	json_t *boot;
	size_t i;
	int ret = hash_file(image, hex, err);

	if (ret < 0 || strcmp(hex, jstr(kernel, "sha256", "")))
		return err_set(err, ERR_USER, 0,
			       "its kernel is not the one that its records are of");
	if (!json_array_size(boots))
		return err_set(err, ERR_USER, 0, "its manifest has no boots");
	json_array_foreach (boots, i, boot) {
		if (!vm_arch(jstr(boot, "arch", "")))
			return err_set(err, ERR_USER, 0,
				       "no virtual machine is known for the architecture '%.20s'",
				       jstr(boot, "arch", ""));
		if (jint(boot, "boot", 0) < 1 || jint(boot, "boot", 0) > 1000 ||
		    jint(boot, "memory_mib", 0) < 1 || jint(boot, "memory_mib", 0) > 1 << 20 ||
		    jint(boot, "vcpus", 0) < 1 || jint(boot, "vcpus", 0) > 64)
			return err_set(err, ERR_USER, 0, "its manifest describes no machine");
	}
	return 0;
}

int replay_open(struct replay *r, const char *path, struct err *err)
{
	const char *tmp = getenv("TMPDIR") ?: "/tmp";

	*r = (struct replay){.dir = xasprintf("%s/sealmatrix-replay.XXXXXX", tmp)};
	if (!mkdtemp(r->dir)) {
		int ret = err_set(err, ERR_INFRA, errno, "make directory %s", r->dir);

		free(steal_ptr(r->dir));
		return ret;
	}
	int ret = bundle_read(path, r->dir, &r->manifest, err);

	if (ret < 0)
		return ret;
	ret = check_parts(r, err);
	if (!ret)
		ret = records_load(r->dir, &r->records, err);
	if (!ret)
		ret = replay_verify(r, err);
	if (ret < 0) {
		err_context(err, "%s", path);
		err->kind = ERR_USER;
	}
	return ret;
}

void replay_close(struct replay *r)
{
	struct err ignored = ERR_INIT;

	if (r->dir)
		remove_tree(r->dir, &ignored);
	free(r->dir);
	json_decref(r->manifest);
	json_decref(r->records);
}

/* The first word that differs; where one list ends, "nothing". */
static int check_argv(const json_t *boot, struct err *err)
{
	_cleanup_json_ json_t *ours = replay_argv(boot);
	const json_t *theirs = json_object_get(boot, "argv");
	size_t n = json_array_size(ours), m = json_array_size(theirs);

	for (size_t i = 0; i < n || i < m; i++) {
		const char *a = json_string_value(json_array_get(ours, i));
		const char *b = json_string_value(json_array_get(theirs, i));

		if (!a || !b || strcmp(a, b))
			return err_set(err, ERR_USER, 0,
				       "recorded on another machine: QEMU had %.200s where this "
				       "sealmatrix gives it %.200s",
				       b ? b : "nothing", a ? a : "nothing");
	}
	return 0;
}

int replay_check_machine(const struct replay *r, struct err *err)
{
	const char *recorded = jstr(r->manifest, "qemu", "unknown");
	const json_t *boots = json_object_get(r->manifest, "boots");
	_cleanup_free_ char *here = NULL;
	json_t *boot;
	size_t i;
	int ret = vm_qemu_version(jstr(json_array_get(boots, 0), "arch", ""), &here, err);

	if (!ret && strcmp(recorded, here))
		ret = err_set(
			err, ERR_USER, 0,
			"recorded with QEMU %.100s, and this is QEMU %s: a machine may differ "
			"from one to the other",
			recorded, here);
	json_array_foreach (boots, i, boot)
		if (!ret)
			ret = check_argv(boot, err);
	return ret;
}

const json_t *replay_boot_of(const struct replay *r, const char *variant, const json_t **record)
{
	json_t *rec, *boot;
	size_t i, k;

	json_array_foreach (r->records, i, rec) {
		const char *rest = strchr(jstr(rec, "id", ""), '/');

		if (strcmp(jstr(rec, "type", ""), "variant") || !rest || strcmp(rest + 1, variant))
			continue;
		json_array_foreach (json_object_get(r->manifest, "boots"), k, boot) {
			if (jint(boot, "boot", -1) != jint(rec, "boot", -2))
				continue;
			*record = rec;
			return boot;
		}
	}
	return NULL;
}

/* As in a run: a guest that breaks the protocol is stopped, some time after that byte. */
struct listener {
	struct channel *channel;
	struct err protocol;
};

static void on_frame(void *arg, const json_t *frame)
{
	(void)arg;
	(void)frame;
}

static int on_bytes(void *arg, const char *buf, size_t len)
{
	struct listener *l = arg;

	return channel_feed(l->channel, buf, len, &l->protocol);
}

static void listener_free(struct listener *l)
{
	channel_free(&l->channel);
}

/*
 * A stop lets guest time jump to its next timer, as an idle guest's does; not so where QEMU follows
 * a recording. So the run is recorded first, and then repeated under the debugger.
 */
static int record_first(const struct replay *r, struct vm_config *cfg, struct err *err)
{
	_cleanup_vm_result_ struct vm_result res = {0};

	if (cfg->rr)
		return 0;
	if (cfg->accel == VM_KVM || cfg->vcpus > 1)
		return err_set(err, ERR_USER, 0,
			       "--gdb repeats a run exactly, and %s cannot be recorded",
			       cfg->accel == VM_KVM ? "KVM" : "a machine of several vCPUs");
	cfg->rr = VM_RR_RECORD;
	cfg->rr_path = xasprintf("%s/rr", r->dir);
	fputs("Recording the run first…\n", stderr);
	int ret = vm_run_limits(cfg, &vm_limits, NULL, NULL, &res, err);

	cfg->rr = VM_RR_REPLAY;
	if (ret < 0)
		return ret;
	if (res.end == VM_INTERRUPTED)
		return err_set(err, ERR_INFRA, EINTR, "record the run");
	/* What makes a recording of the log is written last. */
	if (res.end != VM_DONE && res.end != VM_BROKEN && res.end != VM_RESET)
		return err_set(err, ERR_USER, 0,
			       "--gdb follows a recording, of which there is none when QEMU does "
			       "not end by itself, as here: %s",
			       res.text);
	return 0;
}

int replay_boot(const struct replay *r, const json_t *boot, const struct gdb *gdb,
		char **difference, struct err *err)
{
	_cleanup_(replay_config_free) struct vm_config cfg = replay_config(boot, r->dir);
	_cleanup_vm_result_ struct vm_result res = {0};
	_cleanup_(listener_free) struct listener l = {0};
	struct vm_limits lim = vm_limits;
	char nonce[SHA256_HEX];

	boot_nonce(jstr(json_object_get(r->manifest, "kernel"), "sha256", ""),
		   jint(boot, "boot", 0), nonce);
	l.channel = channel_new(nonce, on_frame, NULL);
	int ret = gdb ? record_first(r, &cfg, err) : 0;

	if (ret < 0)
		return ret;
	if (gdb) {
		gdb_argv(gdb, true, &cfg.extra);
		cfg.debugged = true;
		lim.silent_cpu_s = lim.idle_wall_s = DBL_MAX;
	}
	ret = vm_run_limits(&cfg, &lim, on_bytes, &l, &res, err);
	if (ret < 0)
		return ret;
	if (res.end == VM_INTERRUPTED)
		return err_set(err, ERR_INFRA, EINTR, "replay");
	/* With status 0 when it is killed from within gdb. */
	if (gdb && res.end == VM_DIED && res.status)
		return err_set(err, ERR_INFRA, 0, "repeat the run for gdb: %s", res.text);
	return replay_compare(r, boot, &res, difference, err);
}
