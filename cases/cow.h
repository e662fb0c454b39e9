/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copy-on-write probes, each on a mapping that its caller made: of a page size at least, and
 * with the protection that the probe asks for. Tests hand them mappings that are shared on purpose.
 */
#pragma once

#include <stdint.h>

#include "observe.h"

/* Any protection. text: the VmFlags of /proc/self/smaps; ok: "mw" (VM_MAYWRITE) is among them. */
void cow_vmflags(char *map, struct observed *o);
/* PROT_READ. ok: it could be made writable, and a store held. */
void cow_mprotect(char *map, struct observed *o);
/* PROT_READ|PROT_EXEC. ok: a write through /proc/self/mem changed it, as a debugger's would. */
void cow_proc_mem(char *map, struct observed *o);
/*
 * PROT_READ|PROT_WRITE, and a fork. o[0].text: "private", or "shared" if either process saw the
 * other's store; o[0].value: 1 if the parent did, plus 2 if the child did. o[1].text: "differ" or
 * "same": the page frames once both have written.
 */
void cow_fork(char *map, struct observed o[2]);

/* The frame of a page that this process has written. 0, or -errno: EPERM where they are hidden. */
int cow_page_frame(const char *map, uint64_t *pfn);
