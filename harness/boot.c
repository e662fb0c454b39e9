// SPDX-License-Identifier: GPL-2.0-or-later
/* One kernel: what all its machines have in common. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel.h"
#include "boot_internal.h"
#include "cleanup.h"
#include "initramfs.h"
#include "modules_kept.h"
#include "paths.h"
#include "plan.h"
#include "sig.h"
#include "slots.h"

/* The id of the wish to make a template; jobs have theirs from 0. */
#define TEMPLATE_ID 1000000

static void session_free(struct session *s)
{
	module_set_free(&s->mods);
	template_free(&s->warm);
	template_free(&s->tpl);
	durations_free(&s->durations);
	strv_free(&s->case_guest);
	strv_free(&s->case_host);
	free(s->no_template);
	free(s->qemu);
	free(s->accel_why);
	if (s->shared)
		munmap(s->shared, sizeof(*s->shared));
}

struct vm_config boot_config(const struct session *s)
{
	return (struct vm_config){
		.arch = s->k->arch,
		.kernel = s->k->image,
		.append = s->o->append,
		.memory_mib = s->o->memory_mib,
		.vcpus = s->o->vcpus,
		.accel = s->accel,
		.realtime = s->o->realtime || s->o->vcpus > 1,
	};
}

bool boot_real_time(const struct session *s)
{
	const struct vm_config cfg = boot_config(s);

	return vm_real_time(&cfg);
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
	const struct plan_opts what = {
		.nonce = "probe", .deadline_ms = o->deadline_ms, .probe = true};
	_cleanup_free_ char *plan = plan_text(o->variants, none, &what);
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

/* The programs that are tested, and their digest: a template does not hold them. */
static int find_cases(struct session *s, struct err *err)
{
	_cleanup_free_ char *list = paths_data("images/initramfs.list");
	int ret = initramfs_cases(list, &s->case_guest, &s->case_host, err);
	struct hash_key *k = hash_key_new();

	for (size_t i = 0; !ret && i < s->case_guest.n; i++) {
		hash_key_add(k, s->case_guest.v[i]);
		ret = hash_key_add_file(k, s->case_host.v[i], err);
	}
	hash_key_end(k, s->cases_sha256);
	return ret;
}

static int session_open(struct session *s, struct err *err)
{
	_cleanup_strv_ struct strv wanted = {0};
	int ret = vm_qemu_version(s->k->arch, &s->qemu, err);

	if (!ret)
		ret = modules_wanted(&wanted, err);
	if (!ret)
		ret = modules_of(s->k, &wanted, &s->mods, err);
	if (!ret)
		ret = choose_accel(s, err);
	if (!ret)
		ret = find_cases(s, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < s->o->variants->n; i++)
		s->planned += s->o->variants->v[i].control == CONTROL_NONE;
	s->shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->shared == MAP_FAILED) {
		s->shared = NULL;
		return err_set(err, ERR_INFRA, errno, "share memory with the workers");
	}
	return 0;
}

/* Making one is a boot: it waits for its turn as any machine does. */
static int get_template(struct session *s, struct err *err)
{
	struct vm_config boot = boot_config(s);
	_cleanup_free_ char *list = paths_data("images/initramfs.list");
	struct template_opts opts = {
		.boot = &boot,
		.kernel_sha256 = s->k->sha256,
		.list = list,
		.mods = &s->mods,
		.scratch = s->o->dir,
		.pg = s->pg,
	};
	struct err why = ERR_INIT;
	int ret = slots_take(s->o->slots, TEMPLATE_ID, job_cost(0, false), err);

	if (ret < 0)
		return ret;
	ret = template_get(&opts, &s->tpl, &why);
	s->restore = ret == 0;
	if (ret < 0 && !sig_stop()) {
		progress_note(s->pg, "no template, every machine boots: %s", why.msg);
		s->no_template = xstrdup(why.msg);
	}
	return slots_done(s->o->slots, TEMPLATE_ID, err);
}

struct vm_file *boot_case_files(const struct session *s, size_t *n)
{
	struct vm_file *files = xcalloc(s->case_guest.n + 1, sizeof(*files));

	for (*n = 0; *n < s->case_guest.n; ++*n)
		files[*n] = (struct vm_file){s->case_guest.v[*n], s->case_host.v[*n]};
	return files;
}

/* If it does not work, each job does for itself what this would have done for all. */
static int warm_up(struct session *s, struct err *err)
{
	struct vm_config cfg = boot_config(s);
	_cleanup_free_ struct vm_file *files = boot_case_files(s, &cfg.nfiles);
	struct err why = ERR_INIT;
	int ret = slots_take(s->o->slots, TEMPLATE_ID, job_cost(0, true), err);

	if (ret < 0)
		return ret;
	cfg.files = files;
	if (template_warm(&s->tpl, &cfg, s->cases_sha256, s->pg, &s->warm, &why) < 0) {
		if (!sig_stop())
			progress_note(s->pg, "no template with the cases: %s", why.msg);
		template_free(&s->warm);
	}
	return slots_done(s->o->slots, TEMPLATE_ID, err);
}

/* What the machines of this kernel took the last time tells which jobs are long. */
static size_t plan_jobs(struct session *s, struct job **jobs)
{
	const struct boot_opts *o = s->o;
	size_t n = jobs_plan(o->variants, o->isolation, s->restore, jobs);
	_cleanup_free_ char *machine = xasprintf("%s %s %u", s->restore ? "restored" : "cold",
						 boot_real_time(s) ? "real" : "icount", o->vcpus);
	char key[SHA256_HEX];

	/* With more words on its command line it is another kernel each time. */
	if (o->append)
		return n;
	struct hash_key *k = hash_key_new();

	hash_key_add(k, s->k->sha256);
	hash_key_add(k, machine);
	hash_key_end(k, key);
	durations_free(&s->durations);
	durations_load(key, &s->durations);
	durations_apply(&s->durations, o->variants, *jobs, n);
	return n;
}

/* A session that can restore shows it with its controls, before anything else is started. */
static int run_jobs(struct session *s, struct err *err)
{
	struct job *jobs;
	size_t n = plan_jobs(s, &jobs);
	bool apart = s->restore && n > 1 && jobs[0].controls && !jobs[1].controls;
	unsigned nr = CONTROLS_NR;
	struct err ignored = ERR_INIT;
	int ret = s->restore ? warm_up(s, err) : 0;

	if (!ret && apart)
		ret = boot_jobs(s, jobs, 1, nr++, err);

	if (apart && s->shared->cold) {
		/* It cannot: what is left is spread over machines that boot. */
		jobs_free(jobs, n);
		s->restore = apart = false;
		s->no_template = xstrdup("the restored machine did not come to life");
		n = plan_jobs(s, &jobs);
	}
	if (!ret)
		ret = boot_jobs(s, jobs + apart, n - apart, nr, err);
	/* If they cannot be kept, the next run goes by guesses. */
	durations_save(&s->durations, &ignored);
	jobs_free(jobs, n);
	return ret;
}

int boot_kernel(const struct kernel *k, const struct boot_opts *o, struct progress *pg,
		struct err *err)
{
	_cleanup_(session_free) struct session s = {
		.k = k, .o = o, .pg = pg, .tpl.lock = -1, .warm.lock = -1};
	int ret = session_open(&s, err);

	/* A bare boot (sm.init=exit, for `bench`) runs nothing that a template could be restored
	 * for. */
	bool cold = o->cold || o->keep || (o->append && strstr(o->append, "sm.init="));

	if (!ret && !cold)
		ret = get_template(&s, err);
	return ret ? ret : run_jobs(&s, err);
}
