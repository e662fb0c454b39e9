// SPDX-License-Identifier: GPL-2.0-or-later
/* What a template depends on, and how the cache is kept small. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "proc.h"
#include "publish.h"
#include "template_internal.h"
#include "vm_arch.h"

#define FORMAT "template 1" /* to be changed with what an entry holds */

/* The program as the PATH finds it: a rebuilt one of the same version is another one. */
static char *binary_identity(const char *program)
{
	_cleanup_free_ char *path = proc_find(program);
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return xstrdup("");
	return xasprintf("%jd %jd.%09ld", (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec,
			 st.st_mtim.tv_nsec);
}

/* Under KVM the guest sees the host's processor. */
static int add_processor(struct hash_key *k, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int ret = read_file("/proc/cpuinfo", 16 << 20, &text, NULL, err);

	if (ret < 0)
		return ret;
	for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (!strncmp(line, "model name", 10) || !strncmp(line, "flags", 5) ||
		    !strncmp(line, "microcode", 9))
			hash_key_add(k, line);
	return 0;
}

/* Everything on the command line but where files are: command line, processor, devices, time. */
static void add_machine(struct hash_key *k, const struct vm_config *boot)
{
	_cleanup_strv_ struct strv argv = {0};
	struct vm_config cfg = *boot;

	cfg.kernel = cfg.initrd = cfg.ram = cfg.save = "-";
	cfg.console_path = cfg.channel_path = "-";
	vm_argv(&cfg, &argv);
	for (size_t i = 0; i < argv.n; i++)
		hash_key_add(k, argv.v[i]);
}

int template_key(const struct template_opts *o, const char *initrd_sha256, char key[SHA256_HEX],
		 struct err *err)
{
	_cleanup_free_ char *version = NULL, *binary = NULL;
	int ret = vm_qemu_version(o->boot->arch, &version, err);

	if (ret < 0)
		return ret;
	binary = binary_identity(vm_arch(o->boot->arch)->qemu);
	struct hash_key *k = hash_key_new();

	hash_key_add(k, FORMAT);
	hash_key_add(k, o->kernel_sha256);
	hash_key_add(k, initrd_sha256);
	hash_key_add(k, version);
	hash_key_add(k, binary);
	add_machine(k, o->boot);
	if (o->boot->accel == VM_KVM)
		ret = add_processor(k, err);
	hash_key_end(k, key);
	return ret;
}
