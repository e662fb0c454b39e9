/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shared by boot.c (one kernel), boot_workers.c (its jobs side by side), boot_once.c (one machine),
 * boot_frames.c (what the guest says) and boot_record.c.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "boot.h"
#include "channel.h"
#include "durations.h"
#include "hash.h"
#include "modules.h"
#include "template.h"

/* The machine that carries the controls when they run apart from the rest. */
#define CONTROLS_NR 1

/* What the processes of one kernel's jobs share. */
struct shared {
	_Atomic unsigned ran; /* variants, controls not counted */
	_Atomic bool cold;    /* a machine could not be restored: boot from now on */
};

/* What is the same for every boot of one kernel. */
struct session {
	const struct kernel *k;
	const struct boot_opts *o;
	struct progress *pg;
	struct module_set mods;
	char *qemu;
	enum vm_accel accel;
	char *accel_why;		   /* what the KVM probe said, or NULL when nobody asked */
	struct template tpl, warm;	   /* warm.ram NULL: jobs go on from tpl itself */
	bool restore;			   /* tpl is there */
	char *no_template;		   /* why not, where one was wanted; or NULL */
	struct strv case_guest, case_host; /* what a restored machine is handed */
	char cases_sha256[SHA256_HEX];
	struct shared *shared;
	struct durations durations;
	size_t planned; /* variants, controls not counted */
	FILE *records;	/* of the job that runs in this process */
};

/* What one boot has said so far. */
struct boot {
	struct session *s;
	struct job *job;
	unsigned nr;
	bool restored;
	char *console_path, *channel_path, *initrd, *plan;
	char *rr, *sysrq, *dump, *map; /* as in struct vm_config; NULL: not wanted */
	char initrd_sha256[SHA256_HEX];
	struct channel *channel;
	struct err protocol; /* the channel's complaint, if any */
	json_t *hello;
	size_t planned, ran;
	long running; /* index of the variant that has begun and not ended, or -1 */
	bool bye;
	char *fatal;
	int write_error; /* a record could not be written: negative errno */
	struct err write_err;
};

/* boot.c: the files a restored machine is handed, with room for one more; caller frees. */
struct vm_file *boot_case_files(const struct session *s, size_t *n);

/* boot.c: how a machine of this kernel is booted, but for its files. */
struct vm_config boot_config(const struct session *s);

/* boot.c: its machines wait for time to pass, instead of counting instructions. */
bool boot_real_time(const struct session *s);

/*
 * boot_once.c: work through a job, in one machine or, where it is lost, more; they have the numbers
 * @nr, @nr + @step and so on. Records go to s->records.
 */
int boot_job(struct session *s, struct job *job, unsigned nr, unsigned step, struct err *err);

/* A record for each variant that no machine got to, so that nothing is left out in silence. */
int boot_not_run(struct session *s, struct job *job, unsigned nr, struct err *err);

/*
 * boot_workers.c: all jobs, each in a process of its own when it is granted a slot. How long they
 * took goes to s->durations.
 */
int boot_jobs(struct session *s, struct job *jobs, size_t n, unsigned first_nr, struct err *err);

/* boot_frames.c: a frame of the guest; complaints go to b->protocol. */
void boot_frame(void *arg, const json_t *frame);

/* boot_record.c: records as results/README.md has them; the caller owns them. */
json_t *boot_variant_record(const struct boot *b, size_t i, const char *state);
json_t *boot_record(const struct boot *b, const struct vm_config *cfg, const struct vm_result *res);
/* Append to the kernel's records; the first failure is kept in the boot. */
void boot_write(struct boot *b, const json_t *record);
