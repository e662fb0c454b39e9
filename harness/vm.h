/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One virtual machine, from start to end. QEMU writes console and channel into plain files, so that
 * nothing the host does can slow the guest's devices down; QMP is a socketpair. QEMU cannot outlive
 * the process that started it.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "xalloc.h"

#define VM_MEMORY_MIB 256 /* by default */

enum vm_accel { VM_TCG, VM_KVM };

/* Called with new bytes of a port. A negative return stops the machine. */
typedef int vm_bytes_fn(void *arg, const char *buf, size_t len);

/* A file of the host that a restored guest's loader finds in fw_cfg and puts to @guest. */
struct vm_file {
	const char *guest, *host; /* absolute paths */
};

struct vm_config {
	const char *arch;
	const char *kernel;
	const char *initrd;
	const char *append;  /* added to the command line that vm.c needs itself; may be NULL */
	unsigned memory_mib; /* 0: VM_MEMORY_MIB */
	unsigned vcpus;	     /* 0: 1 */
	enum vm_accel accel;
	bool realtime;		  /* TCG without instruction counting (stress mode) */
	const char *console_path; /* made anew */
	const char *channel_path; /* made anew */
	/* Instead of a file: QEMU's own terminal, shared with its monitor (Ctrl-A). For vm_argv().
	 */
	bool console_stdio;
	vm_bytes_fn *on_console; /* gets the console's bytes too, with vm_run()'s @arg; or NULL */
	/*
	 * QEMU CPU seconds without a byte on either port before it is called silent; the channel
	 * alone may be so for longer (vm_internal.h). 0: the default, which is generous.
	 */
	double silent_cpu_s;
	struct strv extra; /* more QEMU arguments */
	/* What is to be found out when it goes silent (vm_diag.h); NULL: not that. */
	const char *sysrq_path; /* made: the kernel's answers to SysRq */
	const char *dump_path;	/* made: memory, for crash and drgn */
	const char *system_map; /* names for addresses */
	bool debugged;		/* somebody stops it and lets it go on, in their own time */
	/* QEMU's recording of what enters a run in real time; TCG only. @rr_path is its file. */
	enum vm_rr { VM_RR_NONE, VM_RR_RECORD, VM_RR_REPLAY } rr;
	const char *rr_path;

	/*
	 * Templates: a machine with @ram has its memory in that file (made by the caller). With
	 * @save, a guest that stops the machine ends the run as VM_PARKED, its devices' state is
	 * then in that new file, and @ram is the other half of the template. With @restore, a
	 * machine of the same configuration goes on from there; it changes neither file.
	 */
	const char *ram, *save, *restore;
	const struct vm_file *files; /* what the guest is handed when it goes on */
	size_t nfiles;
};

enum vm_end {
	VM_DONE,    /* the guest ended itself through the exit device: SM_EXIT_DONE */
	VM_BROKEN,  /* …: SM_EXIT_BROKEN */
	VM_RESET,   /* the guest reset or powered off (panic=-1 with -no-reboot ends like this) */
	VM_DIED,    /* QEMU ended by itself otherwise: a signal, a status, a message */
	VM_SILENT,  /* used up its CPU time without progress and was killed (watchdog.h) */
	VM_FLOOD,   /* wrote more than it may and was killed */
	VM_STOPPED, /* the handler asked to stop */
	VM_INTERRUPTED, /* Ctrl-C */
	VM_PARKED,	/* the guest stopped itself, and was saved */
};

struct vm_result {
	enum vm_end end;
	int status;   /* QEMU's wait status */
	double cpu_s; /* user + system of QEMU */
	double wall_s;
	char *text;	   /* what happened, in one line; for VM_DIED with QEMU's own message */
	json_t *diagnosis; /* VM_SILENT: see vm_diag.h */
};
void vm_result_free(struct vm_result *r);
#define _cleanup_vm_result_ __attribute__((cleanup(vm_result_free)))

/*
 * Run it; @fn, if there is one, gets what comes over the channel. Fails only when QEMU could not be
 * started or watched; how the guest fared is in @res.
 */
int vm_run(const struct vm_config *cfg, vm_bytes_fn *fn, void *arg, struct vm_result *res,
	   struct err *err);

/* The argument vector vm_run() would use: for records, `shell`, and tests. */
void vm_argv(const struct vm_config *cfg, struct strv *argv);

/* Its clock follows the host's, not the instructions that it executed. */
bool vm_real_time(const struct vm_config *cfg);

/* "7.2.22 (Debian …)". ERR_INFRA if there is no QEMU for @arch, with what to install. */
int vm_qemu_version(const char *arch, char **version, struct err *err);

/* The machine's name, for records: "q35". */
const char *vm_machine(const char *arch);
