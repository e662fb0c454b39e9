/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by boot.c (the course of a boot), boot_frames.c (what the guest says) and boot_record.c.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "boot.h"
#include "channel.h"
#include "hash.h"
#include "modules.h"

/* What is the same for every boot of one kernel. */
struct session {
	const struct kernel *k;
	const struct boot_opts *o;
	struct progress *pg;
	struct module_set mods;
	char *qemu;
	enum vm_accel accel;
	char *accel_why; /* what the KVM probe said, or NULL when nobody asked */
	bool *todo;	 /* per variant: still to be run; controls stay set */
	FILE *records;
};

/* What one boot has said so far. */
struct boot {
	struct session *s;
	unsigned nr;
	char *console_path, *channel_path, *initrd;
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

/* boot_frames.c: a frame of the guest; complaints go to b->protocol. */
void boot_frame(void *arg, const json_t *frame);

/* boot_record.c: records as results/README.md has them; the caller owns them. */
json_t *boot_variant_record(const struct boot *b, size_t i, const char *state);
json_t *boot_record(const struct boot *b, const struct vm_config *cfg, const struct vm_result *res);
/* Append to the kernel's records; the first failure is kept in the boot. */
void boot_write(struct boot *b, const json_t *record);
