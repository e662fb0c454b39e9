// SPDX-License-Identifier: GPL-2.0-or-later
#include "accel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel_internal.h"
#include "cache.h"
#include "cleanup.h"
#include "hash.h"
#include "publish.h"
#include "vm_internal.h"

#define WHY_MAX	   65536
#define SPEECH_MAX (1L << 20) /* bytes from a guest that has nothing to say */

/* A kernel under KVM boots in a second or two; one that does not must not cost a minute. */
static const struct vm_limits probe_limits = {
	.silent_cpu_s = 10,
	.idle_wall_s = 20,
	.idle_cpu_s = 1,
	.unheard = 1,
	.wall_s = 30,
	.poll_ms = 200,
	.answer_ms = 2000,
};

struct probe {
	const char *arch, *kernel, *initrd;
};

/* Boot it with an init that ends the machine at once. */
static int boot(const struct probe *p, enum vm_accel accel, const char *dir, struct vm_result *res,
		struct err *err)
{
	_cleanup_free_ char *console = xasprintf("%s/console", dir);
	_cleanup_free_ char *channel = xasprintf("%s/channel", dir);
	struct vm_config cfg = {
		.arch = p->arch,
		.kernel = p->kernel,
		.initrd = p->initrd,
		.append = "sm.init=exit",
		.accel = accel,
		.console_path = console,
		.channel_path = channel,
	};
	/* However slow it is here: what is wrong with the guest under test must not cost minutes.
	 */
	struct vm_limits limits = accel == VM_KVM ? probe_limits : vm_limits;

	limits.channel_bytes = limits.console_bytes = SPEECH_MAX;
	int ret = vm_run_limits(&cfg, &limits, NULL, NULL, res, err);

	if (ret < 0)
		return ret;
	return res->end == VM_INTERRUPTED ? err_set(err, ERR_INFRA, EINTR, "boot %s", p->kernel)
					  : 0;
}

/*
 * Fills the cache entry: a file "why" that begins with the accelerator's name. Fails, and nothing
 * is remembered, when the answer would not be about KVM: a kernel that boots nowhere, Ctrl-C.
 */
static int fill_probe(const char *dir, void *arg, struct err *err)
{
	const struct probe *p = arg;
	_cleanup_vm_result_ struct vm_result kvm = {0}, tcg = {0};
	_cleanup_free_ char *why = NULL, *path = xasprintf("%s/why", dir);
	int ret = boot(p, VM_KVM, dir, &kvm, err);

	if (ret < 0)
		return ret;
	if (kvm.end == VM_DONE) {
		why = xstrdup("KVM: a kernel was seen to boot under it");
		return publish_buffer(path, why, strlen(why), err);
	}
	ret = boot(p, VM_TCG, dir, &tcg, err);
	if (ret < 0)
		return ret;
	if (tcg.end != VM_DONE)
		return err_set(err, ERR_INFRA, 0, "%s does not boot without KVM either (%s)",
			       p->kernel, tcg.text);
	why = xasprintf("TCG: KVM does not boot a kernel here (%s)", kvm.text);
	return publish_buffer(path, why, strlen(why), err);
}

/* What the answer depends on: this boot of this host, this QEMU. */
static int probe_key(const char *arch, char hex[SHA256_HEX], struct err *err)
{
	_cleanup_free_ char *boot_id = NULL, *version = NULL;
	int ret = read_file("/proc/sys/kernel/random/boot_id", 4096, &boot_id, NULL, err);

	if (!ret)
		ret = vm_qemu_version(arch, &version, err);
	if (ret < 0)
		return ret;
	struct hash_key *k = hash_key_new();

	hash_key_add(k, boot_id);
	hash_key_add(k, version);
	hash_key_add(k, arch);
	hash_key_end(k, hex);
	return 0;
}

static int cached_probe(struct probe *p, char **why, struct err *err)
{
	_cleanup_free_ char *entry = NULL;
	char key[SHA256_HEX];
	int ret = probe_key(p->arch, key, err);

	if (!ret)
		ret = cache_get("accel", key, fill_probe, p, &entry, err);
	if (!ret)
		ret = cache_check(entry, "why", err);
	if (ret < 0)
		return ret;
	_cleanup_free_ char *path = xasprintf("%s/why", entry);

	return read_file(path, WHY_MAX, why, NULL, err);
}

enum vm_accel accel_probe_device(const char *device, const char *arch, const char *kernel,
				 const char *initrd, char **why)
{
	struct probe p = {arch, kernel, initrd};
	struct err err = ERR_INIT;

	if (access(device, R_OK | W_OK) < 0) {
		*why = xasprintf("TCG: KVM: %s: %s", device, strerror(errno));
		return VM_TCG;
	}
	if (cached_probe(&p, why, &err) < 0)
		*why = xasprintf("TCG: KVM could not be tried: %s", err.msg);
	return strncmp(*why, "KVM", 3) ? VM_TCG : VM_KVM;
}

enum vm_accel accel_probe(const char *arch, const char *kernel, const char *initrd, char **why)
{
	return accel_probe_device("/dev/kvm", arch, kernel, initrd, why);
}
