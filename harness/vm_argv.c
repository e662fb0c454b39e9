// SPDX-License-Identifier: GPL-2.0-or-later
/* QEMU's command line: the same inputs give the same machine. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "proc.h"
#include "proto.h"
#include "vm.h"
#include "vm_arch.h"

#define RTC_BASE "2025-01-01T00:00:00" /* any; but the host's date must not get in */

/*
 * What QEMU keeps of translated code, of a restored machine: there are many of those, and what is
 * full is begun anew, which changes nothing for the guest. The default suite fills it once; at half
 * of it, it takes twice the time.
 */
#define TRANSLATED_MIB "32"

/* Words that every kernel gets; one that an old kernel does not know does no harm. */
static const struct {
	const char *word, *why;
} words[] = {
	{"quiet", "the port is slow; oops and panic are printed all the same"},
	{"panic=-1", "a panic resets at once, and with -no-reboot that ends QEMU"},
	{"oops=panic", "an oops ends the run instead of leaving a half-dead kernel"},
	{"nokaslr", "addresses, and so the whole run, are the same every time"},
	{"norandmaps", "the same for programs; and code translated once serves again"},
	{"cryptomgr.notests=1", "self-tests of ciphers are a sixth of a boot"},
	{"init_on_alloc=0", "Debian's kernels else clear pages that are overwritten at once"},
	{"rcupdate.rcu_expedited=1", "with one CPU there is nobody to wait for"},
	{"printk.time=1", "a time stamp tells the kernel's own lines from a program's"},
	{"sysrq_always_enabled", "the host can ask a stuck kernel for its stacks"},
};

/* QEMU splits option values at commas; one that belongs to a file name is doubled. */
static char *escape(const char *s)
{
	char *out = xcalloc(2 * strlen(s) + 1, 1), *p = out;

	for (; *s; s++) {
		if (*s == ',')
			*p++ = ',';
		*p++ = *s;
	}
	return out;
}

static void add_pair(struct strv *argv, const char *option, const char *value)
{
	strv_add(argv, option);
	strv_add(argv, value);
}

/* Guest time follows instructions. @sleep: idle time is waited for, as in real time; else skipped.
 */
static void add_icount(const struct vm_config *cfg, bool sleep, struct strv *argv)
{
	_cleanup_free_ char *path = cfg->rr ? escape(cfg->rr_path) : NULL;

	strv_add(argv, "-icount");
	strv_addf(argv, "shift=4,sleep=%s%s%s", sleep ? "on" : "off",
		  !cfg->rr		    ? ""
		  : cfg->rr == VM_RR_RECORD ? ",rr=record,rrfile="
					    : ",rr=replay,rrfile=",
		  path ? path : "");
}

bool vm_real_time(const struct vm_config *cfg)
{
	return cfg->accel == VM_KVM || cfg->realtime;
}

static void add_time(const struct vm_config *cfg, struct strv *argv)
{
	bool realtime = vm_real_time(cfg);

	/* QEMU can record only what runs in one thread and counts instructions. */
	if (realtime && !cfg->rr) {
		add_pair(argv, "-accel", cfg->accel == VM_KVM ? "kvm" : "tcg,thread=multi");
		add_pair(argv, "-rtc", "base=" RTC_BASE);
		return;
	}
	add_pair(argv, "-accel", cfg->restore ? "tcg,tb-size=" TRANSLATED_MIB : "tcg");
	add_icount(cfg, realtime, argv);
	/*
	 * The RTC follows guest time too, or the host's: that is recorded then. A base would be
	 * taken from the host's clock while QEMU starts, which newer ones (10) do not record.
	 */
	add_pair(argv, "-rtc", realtime ? "base=utc" : "base=" RTC_BASE ",clock=vm");
	if (!realtime)
		/* Random numbers that QEMU hands to the guest (boot data, device tree) stay the
		 * same. */
		add_pair(argv, "-seed", "1");
}

/* As `qemu -nographic` has it; Ctrl-C belongs to the guest. */
static void add_terminal(struct strv *argv)
{
	add_pair(argv, "-chardev", "stdio,id=console,mux=on,signal=off");
	add_pair(argv, "-serial", "chardev:console");
	add_pair(argv, "-mon", "chardev=console,mode=readline");
}

static void add_port(struct strv *argv, const char *id, const char *path)
{
	_cleanup_free_ char *name = escape(path);

	/* Plain files: a pipe that is full would push back into the guest's timing. */
	strv_add(argv, "-chardev");
	strv_addf(argv, "file,id=%s,path=%s", id, name);
	strv_add(argv, "-serial");
	strv_addf(argv, "chardev:%s", id);
}

static void add_append(const struct vm_config *cfg, const struct vm_arch *arch, struct strv *argv)
{
	char *line = xasprintf("console=%s sm.channel=%s", arch->console, arch->channel);

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		char *more = xasprintf("%s %s", line, words[i].word);

		free(line);
		line = more;
	}
	strv_add(argv, "-append");
	strv_addf(argv, "%s%s%s", line, cfg->append ? " " : "", cfg->append ? cfg->append : "");
	free(line);
}

/*
 * RAM in a file: shared with it while a template is made, copied on write afterwards. A kernel's
 * own pvpanic driver would stop the machine at a panic as well; only a template's maker wants that.
 */
static void add_template(const struct vm_config *cfg, const struct vm_arch *arch, struct strv *argv)
{
	_cleanup_free_ char *ram = escape(cfg->ram);

	strv_add(argv, "-object");
	strv_addf(argv, "memory-backend-file,id=ram,size=%uM,share=%s,mem-path=%s",
		  cfg->memory_mib ? cfg->memory_mib : VM_MEMORY_MIB, cfg->save ? "on" : "off", ram);
	for (const char *const *d = vm_real_time(cfg) ? arch->park_real_time : arch->park; *d; d++)
		strv_add(argv, *d);
	add_pair(argv, "-action",
		 cfg->save ? "panic=pause,watchdog=pause" : "panic=none,watchdog=none");
	if (cfg->restore)
		add_pair(argv, "-incoming", "defer");
}

static void add_files(const struct vm_config *cfg, struct strv *argv)
{
	for (size_t i = 0; i < cfg->nfiles; i++) {
		_cleanup_free_ char *host = escape(cfg->files[i].host);

		strv_add(argv, "-fw_cfg");
		strv_addf(argv, "name=" SM_PAYLOAD_PREFIX "%s,file=%s", cfg->files[i].guest, host);
	}
}

static void add_kernel(const struct vm_config *cfg, const struct vm_arch *arch, struct strv *argv)
{
	add_pair(argv, "-kernel", cfg->kernel);
	if (cfg->initrd)
		add_pair(argv, "-initrd", cfg->initrd);
	add_append(cfg, arch, argv);
}

void vm_argv(const struct vm_config *cfg, struct strv *argv)
{
	const struct vm_arch *arch = vm_arch(cfg->arch);

	strv_add(argv, arch->qemu);
	strv_add(argv, "-machine");
	strv_addf(argv, "%s%s", arch->machine, cfg->ram ? ",memory-backend=ram" : "");
	add_pair(argv, "-cpu", cfg->accel == VM_KVM ? arch->cpu_kvm : arch->cpu_tcg);
	add_time(cfg, argv);
	strv_add(argv, "-m");
	strv_addf(argv, "%u", cfg->memory_mib ? cfg->memory_mib : VM_MEMORY_MIB);
	strv_add(argv, "-smp");
	strv_addf(argv, "%u", cfg->vcpus ? cfg->vcpus : 1);
	strv_add(argv, "-no-user-config");
	strv_add(argv, "-nodefaults");
	add_pair(argv, "-display", "none");
	strv_add(argv, "-no-reboot");
	for (const char *const *d = arch->devices; *d; d++)
		strv_add(argv, *d);
	if (cfg->console_stdio)
		add_terminal(argv);
	else
		add_port(argv, "console", cfg->console_path);
	add_port(argv, "channel", cfg->channel_path);
	if (cfg->ram)
		add_template(cfg, arch, argv);
	if (!cfg->restore)
		add_kernel(cfg, arch, argv);
	add_files(cfg, argv);
	for (size_t i = 0; i < cfg->extra.n; i++)
		strv_add(argv, cfg->extra.v[i]);
}

int vm_qemu_version(const char *arch_name, char **version, struct err *err)
{
	static const char prefix[] = "QEMU emulator version ";
	const struct vm_arch *arch = vm_arch(arch_name);
	_cleanup_free_ char *out = NULL;

	if (!arch)
		return err_set(err, ERR_USER, 0,
			       "no virtual machine is known for the architecture '%s'", arch_name);
	char *argv[] = {(char *)arch->qemu, "--version", NULL};
	int ret = proc_capture(argv, NULL, &out, err);

	if (ret < 0) {
		err_context(err, "no QEMU for %s, install %s", arch_name, arch->package);
		return ret;
	}
	out[strcspn(out, "\n")] = '\0';
	*version = xstrdup(strncmp(out, prefix, strlen(prefix)) ? out : out + strlen(prefix));
	return 0;
}

const char *vm_machine(const char *arch_name)
{
	const struct vm_arch *arch = vm_arch(arch_name);

	return arch ? arch->machine : "unknown";
}
