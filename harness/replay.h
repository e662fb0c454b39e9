/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replay files. A deterministic run is its inputs: kernel, initramfs, QEMU's arguments and version
 * are in the file, and what came of them, to be compared.
 *
 * Manifest: "sealmatrix" (version), "qemu" (version), "kernel"
 * {"name","arch","release","sha256",…}, "subject" ("CASE/VARIANT", what the run was about),
 * "boots": array of {"boot","arch","accel", "time","vcpus","memory_mib","append","end": as in the
 * boot record, "argv": QEMU's, files as
 * @member@, "rr": bool}. Members: kernel, records.jsonl, per boot N initramfs-N, console-N,
 * channel-N and, of a run in real time, rr-N (QEMU's own recording); nsexec-…: symbols.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "err.h"
#include "gdb.h"
#include "provider.h"
#include "vm.h"

/* Before a minute's work: can the file be made there? A folder that is missing will be. */
int replay_save_check(const char *path, struct err *err);

/*
 * Save the boots of @k whose files lie in @dir, the kernel's folder of a run's results: consoles,
 * channels and initrd-N.cpio. @records are all judged records of the run.
 */
int replay_save(const char *path, const struct kernel *k, const char *dir, const json_t *records,
		struct err *err);

struct replay {
	char *dir; /* temporary: the unpacked members */
	json_t *manifest;
	json_t *records;
};

/* Unpack and check: members against manifest, records against channels. ERR_USER: see bundle.h. */
int replay_open(struct replay *r, const char *path, struct err *err);
void replay_close(struct replay *r);
#define _cleanup_replay_ __attribute__((cleanup(replay_close)))

/*
 * Would it be the same machine here? ERR_USER with the reason: another QEMU, arguments that this
 * program would not give. ERR_INFRA: no QEMU.
 */
int replay_check_machine(const struct replay *r, struct err *err);

/* The boot (of manifest.boots) that ran @variant ("CASE/VARIANT"), and its record. NULL: none. */
const json_t *replay_boot_of(const struct replay *r, const char *variant, const json_t **record);

/*
 * Run @boot again and compare. With @gdb the machine waits for a debugger. *difference is NULL when
 * every byte is the same, else text of one or more lines; the caller's.
 */
int replay_boot(const struct replay *r, const json_t *boot, const struct gdb *gdb,
		char **difference, struct err *err);

/* Shared by the files of replay: @boot as a machine; members' paths are @dir/NAME. */
struct vm_config replay_config(const json_t *boot, const char *dir);
void replay_config_free(struct vm_config *cfg);
/* QEMU's arguments with members as @NAME@. */
json_t *replay_argv(const json_t *boot);
