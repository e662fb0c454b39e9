/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One kernel's share of a run: boot it once, restore it for every job, let the guest work through
 * its plan, write down what it says. A variant that takes its kernel down costs only itself: the
 * rest is run by another machine.
 */
#pragma once

#include <jansson.h>

#include "boot_jobs.h"
#include "cases.h"
#include "err.h"
#include "hash.h"
#include "progress.h"
#include "provider.h"
#include "vm.h"

/*
 * Told, in this process and one job after the other, what a job's machines have said: an array of
 * records, which go to records.jsonl as this leaves them.
 */
typedef void boot_said_fn(void *arg, json_t *records);

struct boot_opts {
	const struct variants *variants;
	const char *dir;	 /* the kernel's folder in the run's results; exists */
	const char *program;	 /* how the user called us: for the `repeat` command */
	const char *kernel_word; /* how the user can name this kernel again */
	const char *accel;	 /* "auto", "tcg" or "kvm" */
	const char *append;	 /* more words for the kernel command line, or NULL */
	unsigned vcpus;		 /* 0: 1 */
	unsigned memory_mib;	 /* 0: the VM's default */
	unsigned deadline_ms;	 /* guest time for one variant */
	bool realtime;		 /* TCG that does not count instructions */
	bool dump;		 /* of a machine that went silent: its memory */
	bool narrate;		 /* tell on the way what each variant comes to */
	bool keep;		 /* for a replay file: leave initrd-N.cpio and what QEMU records */
	bool cold;		 /* boot every machine; no template is looked for or made */
	enum isolation isolation;
	int slots; /* who says when a machine may run (slots.h) */
	boot_said_fn *said;
	void *said_arg;
};

/*
 * Writes @dir/records.jsonl, console-N.log and channel-N.log. Fails (ERR_INFRA) when the
 * machines could not be run at all; however the guest fares is in the records.
 */
int boot_kernel(const struct kernel *k, const struct boot_opts *o, struct progress *pg,
		struct err *err);

/* What the channel of boot @nr of that kernel is signed with: it depends on nothing else. */
void boot_nonce(const char *kernel_sha256, unsigned nr, char nonce[SHA256_HEX]);

/*
 * The record of a kernel that never came to boot: @end is "unavailable", "infra" or "interrupted".
 */
int boot_record_absent(const char *dir, const char *kernel, const char *arch, const char *end,
		       const char *text, struct err *err);
