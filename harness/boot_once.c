// SPDX-License-Identifier: GPL-2.0-or-later
/* One machine, booted or restored, from its plan to its record. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot_internal.h"
#include "cleanup.h"
#include "initramfs.h"
#include "json_util.h"
#include "paths.h"
#include "plan.h"
#include "proto.h"
#include "publish.h"
#include "record.h"

/* A kernel that crashes under so many variants has shown what there is to see. */
#define MAX_BOOTS 12

static void boot_free(struct boot *b)
{
	if (b->initrd && !b->s->o->keep)
		unlink(b->initrd);
	if (b->plan)
		unlink(b->plan);
	free(b->plan);
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

static int write_initrd(struct boot *b, const char *plan, struct err *err)
{
	_cleanup_free_ char *list = paths_data("images/initramfs.list");
	struct initramfs_opts opts = {.list = list, .mods = &b->s->mods, .plan = plan};

	b->initrd =
		xasprintf("%s/initrd-%u.%s", b->s->o->dir, b->nr, b->s->o->keep ? "cpio" : "tmp");
	int ret = initramfs_write(b->initrd, &opts, err);

	return ret < 0 ? ret : hash_file(b->initrd, b->initrd_sha256, err);
}

/* A restored machine has its root already, and is handed the plan. */
static int write_plan(struct boot *b, const char *plan, struct err *err)
{
	memcpy(b->initrd_sha256, b->s->tpl.initrd_sha256, sizeof(b->initrd_sha256));
	b->plan = xasprintf("%s/plan-%u.tmp", b->s->o->dir, b->nr);
	return publish_buffer(b->plan, plan, strlen(plan), err);
}

static int boot_prepare(struct boot *b, struct err *err)
{
	const struct boot_opts *o = b->s->o;
	char nonce[SHA256_HEX];

	for (size_t i = 0; i < o->variants->n; i++)
		b->planned += b->job->todo[i];
	b->console_path = xasprintf("%s/console-%u.log", o->dir, b->nr);
	b->channel_path = xasprintf("%s/channel-%u.log", o->dir, b->nr);
	boot_nonce(b->s->k->sha256, b->nr, nonce);
	b->channel = channel_new(nonce, boot_frame, b);
	const struct vm_config cfg = boot_config(b->s);
	/* Real time and several vCPUs are for what comes by chance. */
	const struct plan_opts what = {
		.nonce = nonce,
		.deadline_ms = o->deadline_ms,
		.probe = b->job->controls,
		.by_turns = !vm_real_time(&cfg),
		/* What is kept may be looked at, and replayed, record by record. */
		.packed = !o->keep,
	};
	_cleanup_free_ char *plan = plan_text(o->variants, b->job->todo, &what);

	return b->restored ? write_plan(b, plan, err) : write_initrd(b, plan, err);
}

/* A warm template has the programs already. */
static struct vm_file *restored_files(const struct boot *b, size_t *n)
{
	struct vm_file *files = boot_case_files(b->s, n);

	if (b->s->warm.ram)
		*n = 0;
	files[(*n)++] = (struct vm_file){SM_PLAN_PATH, b->plan};
	return files;
}

/* What is written about a machine, besides its ports. */
static void add_logs(struct boot *b, struct vm_config *cfg)
{
	const struct session *s = b->s;

	/* Nothing enters a machine that counts instructions. QEMU records one vCPU under TCG. */
	if (s->o->keep && cfg->realtime && cfg->accel == VM_TCG && cfg->vcpus <= 1) {
		b->rr = xasprintf("%s/rr-%u.log", s->o->dir, b->nr);
		cfg->rr = VM_RR_RECORD;
	}
	if (s->o->dump)
		b->dump = xasprintf("%s/memory-%u.kdump", s->o->dir, b->nr);
	b->sysrq = xasprintf("%s/sysrq-%u.log", s->o->dir, b->nr);
	b->map = kernel_system_map(s->k);
	cfg->rr_path = b->rr;
	cfg->dump_path = b->dump;
	cfg->sysrq_path = b->sysrq;
	cfg->system_map = b->map;
}

static int boot_run(struct boot *b, struct vm_config *cfg, struct vm_result *res, struct err *err)
{
	_cleanup_free_ struct vm_file *files = NULL;
	int ret;

	cfg->console_path = b->console_path;
	cfg->channel_path = b->channel_path;
	add_logs(b, cfg);
	if (b->restored) {
		cfg->files = files = restored_files(b, &cfg->nfiles);
		template_use(b->s->warm.ram ? &b->s->warm : &b->s->tpl, cfg);
	} else {
		cfg->initrd = b->initrd;
		progress_state(b->s->pg, "booting");
	}
	ret = vm_run(cfg, on_bytes, b, res, err);
	if (ret < 0)
		return ret;
	if (res->end != VM_STOPPED && res->end != VM_FLOOD && !b->protocol.kind)
		channel_end(b->channel, &b->protocol);
	return 0;
}

/* Write down how it went. 1: another one can run what is left; 0: nothing is left, or it is no use.
 */
static int boot_account(struct boot *b, const struct vm_config *cfg, const struct vm_result *res,
			struct err *err)
{
	const struct variants *vs = b->s->o->variants;
	_cleanup_json_ json_t *r = boot_record(b, cfg, res);
	bool crashed = b->running >= 0 && !b->protocol.kind && res->end != VM_INTERRUPTED;

	if (b->running >= 0) {
		_cleanup_json_ json_t *v = boot_variant_record(b, b->running, "running");

		boot_write(b, v);
		if (vs->v[b->running].control == CONTROL_NONE)
			b->job->todo[b->running] = false;
	}
	boot_write(b, r);
	if (b->write_error) {
		*err = b->write_err;
		return b->write_error;
	}
	/* A crash within a control would come again in every boot. */
	return crashed && vs->v[b->running].control == CONTROL_NONE;
}

/*
 * A machine that was restored and never came to speak shows nothing about the kernel: it may be the
 * template's fault. What a boot shows then is what counts.
 */
static bool is_stillborn(const struct boot *b, const struct vm_result *res)
{
	return b->restored && !b->hello && !b->fatal && !b->protocol.kind &&
	       res->end != VM_INTERRUPTED && res->end != VM_FLOOD;
}

static void give_up_restoring(struct session *s, struct job *job, const char *why)
{
	/* Said once, whoever comes first. */
	if (!s->shared->cold)
		progress_note(s->pg,
			      "the restored machine did not come to life (%s): booting instead",
			      why);
	s->shared->cold = true;
	if (!s->no_template)
		s->no_template = xasprintf("the restored machine did not come to life: %s", why);
	/* A boot carries its own controls. */
	for (size_t i = 0; i < s->o->variants->n; i++)
		job->todo[i] |= s->o->variants->v[i].control != CONTROL_NONE;
	job->controls = true;
}

/* No errno: those come from whatever failed. */
#define STILLBORN 2

/* One machine; as boot_account(), or STILLBORN when it could not be restored. */
static int boot_once(struct session *s, struct job *job, unsigned nr, struct err *err)
{
	_cleanup_(boot_free) struct boot b = {.s = s, .job = job, .nr = nr, .running = -1};
	_cleanup_vm_result_ struct vm_result res = {0};
	struct vm_config cfg = boot_config(s);

	b.restored = s->restore && !s->shared->cold;
	if (s->restore && !b.restored && !job->controls)
		give_up_restoring(s, job, "as before");
	int ret = boot_prepare(&b, err);

	if (!ret)
		ret = boot_run(&b, &cfg, &res, err);
	if (!ret && is_stillborn(&b, &res)) {
		give_up_restoring(s, job, res.text);
		return STILLBORN;
	}
	return ret < 0 ? ret : boot_account(&b, &cfg, &res, err);
}

static bool work_left(const struct session *s, const struct job *job)
{
	for (size_t i = 0; i < s->o->variants->n; i++)
		if (job->todo[i] && s->o->variants->v[i].control == CONTROL_NONE)
			return true;
	return false;
}

/* Those that no boot got to: a record each, so that nothing is left out in silence. */
int boot_not_run(struct session *s, struct job *job, unsigned nr, struct err *err)
{
	struct boot b = {.s = s, .job = job, .nr = nr};

	for (size_t i = 0; i < s->o->variants->n; i++) {
		if (!job->todo[i] || s->o->variants->v[i].control != CONTROL_NONE)
			continue;
		_cleanup_json_ json_t *r = boot_variant_record(&b, i, "not-run");
		int ret = record_append(s->records, r, err);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int boot_job(struct session *s, struct job *job, unsigned nr, unsigned step, struct err *err)
{
	int again = 1, ret = 0;
	unsigned boots = 0;

	while (again && boots < MAX_BOOTS) {
		ret = boot_once(s, job, nr, err);
		if (ret == STILLBORN)
			continue; /* the same, cold */
		if (ret < 0)
			return ret;
		again = ret > 0 && work_left(s, job);
		nr += step;
		boots++;
	}
	return boot_not_run(s, job, nr - step, err);
}
