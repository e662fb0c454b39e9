// SPDX-License-Identifier: GPL-2.0-or-later
#include "accel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "hash.h"
#include "publish.h"
#include "vm_internal.h"

#define KVM_DEVICE "/dev/kvm"

/* A kernel under KVM boots in a second or two; one that spins must not cost a minute. */
static const struct vm_limits probe_limits = {
	.channel_bytes = 1 << 20,
	.console_bytes = 1 << 20,
	.silent_cpu_s = 10,
	.idle_wall_s = 20,
	.poll_ms = 200,
};

static int ignore_bytes(void *arg, const char *buf, size_t len)
{
	(void)arg;
	(void)buf;
	(void)len;
	return 0;
}

/* Boot it; the answer in one line. */
static bool boots_under_kvm(const char *arch, const char *kernel, const char *initrd,
			    const char *dir, char **why)
{
	_cleanup_free_ char *console = xasprintf("%s/console", dir);
	_cleanup_free_ char *channel = xasprintf("%s/channel", dir);
	_cleanup_vm_result_ struct vm_result res = {0};
	struct err err = ERR_INIT;
	struct vm_config cfg = {
		.arch = arch,
		.kernel = kernel,
		.initrd = initrd,
		.append = "sm.init=exit",
		.accel = VM_KVM,
		.console_path = console,
		.channel_path = channel,
	};

	if (vm_run_limits(&cfg, &probe_limits, ignore_bytes, NULL, &res, &err) < 0)
		*why = xasprintf("TCG: KVM could not be tried: %s", err.msg);
	else if (res.end == VM_DONE)
		*why = xstrdup("KVM: a kernel was seen to boot under it");
	else
		*why = xasprintf("TCG: no kernel boots under KVM here (%s)", res.text);
	return res.end == VM_DONE && !err.kind;
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

struct probe {
	const char *arch, *kernel, *initrd;
};

/* The cache entry: a file "why" that begins with the accelerator's name. */
static int fill_probe(const char *dir, void *arg, struct err *err)
{
	const struct probe *p = arg;
	_cleanup_free_ char *why = NULL, *path = xasprintf("%s/why", dir);

	boots_under_kvm(p->arch, p->kernel, p->initrd, dir, &why);
	return publish_buffer(path, why, strlen(why), err);
}

enum vm_accel accel_probe(const char *arch, const char *kernel, const char *initrd, char **why)
{
	struct probe p = {arch, kernel, initrd};
	_cleanup_free_ char *entry = NULL, *path = NULL;
	struct err err = ERR_INIT;
	char key[SHA256_HEX];

	if (access(KVM_DEVICE, R_OK | W_OK) < 0) {
		*why = xasprintf("TCG: " KVM_DEVICE ": %s", strerror(errno));
		return VM_TCG;
	}
	int ret = probe_key(arch, key, &err);

	if (!ret)
		ret = cache_get("accel", key, fill_probe, &p, &entry, &err);
	if (!ret) {
		path = xasprintf("%s/why", entry);
		ret = read_file(path, 1 << 16, why, NULL, &err);
	}
	if (ret < 0)
		*why = xasprintf("TCG: KVM could not be tried: %s", err.msg);
	return strncmp(*why, "KVM", 3) ? VM_TCG : VM_KVM;
}
