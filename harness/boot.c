// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel.h"
#include "boot_internal.h"
#include "cleanup.h"
#include "initramfs.h"
#include "json_util.h"
#include "paths.h"
#include "plan.h"
#include "record.h"

/* A kernel that crashes under so many variants has shown what there is to see. */
#define MAX_BOOTS 12

static void session_free(struct session *s)
{
	module_set_free(&s->mods);
	free(s->qemu);
	free(s->accel_why);
	free(s->todo);
	if (s->records)
		fclose(s->records);
}

static void boot_free(struct boot *b)
{
	if (b->initrd && !b->s->o->keep)
		unlink(b->initrd);
	free(b->console_path);
	free(b->channel_path);
	free(b->initrd);
	free(b->rr);
	free(b->sysrq);
	free(b->dump);
	free(b->map);
	channel_free(&b->channel);
	json_decref(b->hello);
	free(b->fatal);
}

/* Channel bytes from the VM. Negative ends it: no more of it would be believed. */
static int on_bytes(void *arg, const char *buf, size_t len)
{
	struct boot *b = arg;
	int ret = channel_feed(b->channel, buf, len, &b->protocol);

	if (ret < 0)
		return ret;
	return b->protocol.kind ? -EPROTO : b->write_error;
}

void boot_nonce(const char *kernel_sha256, unsigned nr, char nonce[SHA256_HEX])
{
	_cleanup_free_ char *boot = xasprintf("%u", nr);
	struct hash_key *k = hash_key_new();

	hash_key_add(k, kernel_sha256);
	hash_key_add(k, boot);
	hash_key_end(k, nonce);
	nonce[16] = '\0';
}

static int write_initrd(struct boot *b, const char *nonce, struct err *err)
{
	const struct boot_opts *o = b->s->o;
	_cleanup_free_ char *list = paths_data("images/initramfs.list");
	_cleanup_free_ char *plan = plan_text(o->variants, b->s->todo, nonce, o->deadline_ms);
	struct initramfs_opts opts = {.list = list, .mods = &b->s->mods, .plan = plan};
	int ret = initramfs_write(b->initrd, &opts, err);

	return ret < 0 ? ret : hash_file(b->initrd, b->initrd_sha256, err);
}

static int boot_prepare(struct boot *b, struct err *err)
{
	const struct session *s = b->s;
	char nonce[SHA256_HEX];

	for (size_t i = 0; i < s->o->variants->n; i++)
		b->planned += s->todo[i];
	b->console_path = xasprintf("%s/console-%u.log", s->o->dir, b->nr);
	b->channel_path = xasprintf("%s/channel-%u.log", s->o->dir, b->nr);
	b->initrd = xasprintf("%s/initrd-%u.%s", s->o->dir, b->nr, s->o->keep ? "cpio" : "tmp");
	boot_nonce(s->k->sha256, b->nr, nonce);
	b->channel = channel_new(nonce, boot_frame, b);
	return write_initrd(b, nonce, err);
}

static struct vm_config machine(struct boot *b)
{
	const struct session *s = b->s;
	struct vm_config cfg = {
		.arch = s->k->arch,
		.kernel = s->k->image,
		.initrd = b->initrd,
		.append = s->o->append,
		.memory_mib = s->o->memory_mib,
		.vcpus = s->o->vcpus,
		.accel = s->accel,
		.realtime = s->o->realtime || s->o->vcpus > 1,
		.console_path = b->console_path,
		.channel_path = b->channel_path,
	};

	/* Nothing enters a machine that counts instructions. QEMU records one vCPU under TCG. */
	if (s->o->keep && cfg.realtime && cfg.accel == VM_TCG && cfg.vcpus <= 1) {
		b->rr = xasprintf("%s/rr-%u.log", s->o->dir, b->nr);
		cfg.rr = VM_RR_RECORD;
	}
	if (s->o->dump)
		b->dump = xasprintf("%s/memory-%u.kdump", s->o->dir, b->nr);
	b->sysrq = xasprintf("%s/sysrq-%u.log", s->o->dir, b->nr);
	b->map = kernel_system_map(s->k);
	cfg.rr_path = b->rr;
	cfg.dump_path = b->dump;
	cfg.sysrq_path = b->sysrq;
	cfg.system_map = b->map;
	return cfg;
}

/*
 * One boot. 1: another one can run what is left; 0: there is nothing left, or no use in trying.
 */
static int boot_once(struct session *s, unsigned nr, struct err *err)
{
	_cleanup_(boot_free) struct boot b = {.s = s, .nr = nr, .running = -1};
	_cleanup_vm_result_ struct vm_result res = {0};
	int ret = boot_prepare(&b, err);

	if (ret < 0)
		return ret;
	struct vm_config cfg = machine(&b);

	progress_state(s->pg, nr > 1 ? "booting again (%u)" : "booting", nr);
	ret = vm_run(&cfg, on_bytes, &b, &res, err);
	if (ret < 0)
		return ret;
	if (res.end != VM_STOPPED && res.end != VM_FLOOD && !b.protocol.kind)
		channel_end(b.channel, &b.protocol);

	_cleanup_json_ json_t *r = boot_record(&b, &cfg, &res);
	bool crashed = b.running >= 0 && !b.protocol.kind && res.end != VM_INTERRUPTED;

	if (b.running >= 0) {
		_cleanup_json_ json_t *v = boot_variant_record(&b, b.running, "running");

		boot_write(&b, v);
		if (s->o->variants->v[b.running].control == CONTROL_NONE)
			s->todo[b.running] = false;
	}
	boot_write(&b, r);
	if (b.write_error) {
		*err = b.write_err;
		return b.write_error;
	}
	/* A crash within a control would come again in every boot. */
	return crashed && s->o->variants->v[b.running].control == CONTROL_NONE;
}

static bool work_left(const struct session *s)
{
	for (size_t i = 0; i < s->o->variants->n; i++)
		if (s->todo[i] && s->o->variants->v[i].control == CONTROL_NONE)
			return true;
	return false;
}

/* Those that no boot got to: a record each, so that nothing is left out in silence. */
static int write_not_run(struct session *s, unsigned nr, struct err *err)
{
	struct boot b = {.s = s, .nr = nr};

	for (size_t i = 0; i < s->o->variants->n; i++) {
		if (!s->todo[i] || s->o->variants->v[i].control != CONTROL_NONE)
			continue;
		_cleanup_json_ json_t *r = boot_variant_record(&b, i, "not-run");
		int ret = record_append(s->records, r, err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int choose_accel(struct session *s, struct err *err)
{
	const struct boot_opts *o = s->o;
	_cleanup_free_ bool *none = xcalloc(o->variants->n, sizeof(*none));
	_cleanup_free_ char *why = NULL;

	s->accel = strcmp(o->accel, "kvm") ? VM_TCG : VM_KVM;
	if (strcmp(o->accel, "auto") || access("/dev/kvm", F_OK) < 0)
		return 0;

	_cleanup_free_ char *list = paths_data("images/initramfs.list");
	_cleanup_free_ char *plan = plan_text(o->variants, none, "probe", o->deadline_ms);
	_cleanup_free_ char *initrd = xasprintf("%s/initrd-probe.tmp", o->dir);
	struct initramfs_opts opts = {.list = list, .plan = plan};
	int ret = initramfs_write(initrd, &opts, err);

	if (ret < 0)
		return ret;
	progress_state(s->pg, "finding out whether KVM works");
	s->accel = accel_probe(s->k->arch, s->k->image, initrd, &why);
	unlink(initrd);
	s->accel_why = steal_ptr(why);
	return 0;
}

static int session_open(struct session *s, struct err *err)
{
	_cleanup_strv_ struct strv wanted = {0};
	_cleanup_free_ char *path = xasprintf("%s/records.jsonl", s->o->dir);
	int ret = vm_qemu_version(s->k->arch, &s->qemu, err);

	if (!ret)
		ret = modules_wanted(&wanted, err);
	if (!ret)
		ret = modules_closure(s->k->modules, s->k->release, &wanted, &s->mods, err);
	if (!ret)
		ret = choose_accel(s, err);
	if (ret < 0)
		return ret;
	s->records = fopen(path, "ae");
	if (!s->records)
		return err_set(err, ERR_INFRA, errno, "open %s", path);
	s->todo = xcalloc(s->o->variants->n, sizeof(*s->todo));
	memset(s->todo, true, s->o->variants->n * sizeof(*s->todo));
	return 0;
}

int boot_kernel(const struct kernel *k, const struct boot_opts *o, struct progress *pg,
		unsigned *boots, struct err *err)
{
	_cleanup_(session_free) struct session s = {.k = k, .o = o, .pg = pg};
	int again = 1, ret = session_open(&s, err);

	*boots = 0;
	while (ret >= 0 && again && *boots < MAX_BOOTS) {
		ret = again = boot_once(&s, ++*boots, err);
		again = again > 0 && work_left(&s);
	}
	return ret < 0 ? ret : write_not_run(&s, *boots, err);
}
