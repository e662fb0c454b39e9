/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The copy-on-write probes, each on up to COW_MAPS mappings that its caller made: of a page size at
 * least, and with the protection that the probe asks for. Tests hand them mappings that are shared
 * on purpose. What a probe does once for all of them costs that much less under emulation; o[] has
 * an observation for each, in their order.
 */
#pragma once

#include <stdint.h>

#include "observe.h"

#define COW_MAPS 3

typedef void cow_fn(char *const maps[], size_t n, struct observed o[]);

/* Any protection. text: the VmFlags of /proc/self/smaps; ok: "mw" (VM_MAYWRITE) is among them. */
cow_fn cow_vmflags;
/* PROT_READ. ok: it could be made writable, and a store held. */
cow_fn cow_mprotect;
/* PROT_READ|PROT_EXEC. ok: a write through /proc/self/mem changed it, as a debugger's would. */
cow_fn cow_proc_mem;
/*
 * PROT_READ|PROT_WRITE, and a fork. text: "private", or "shared" if either process saw the other's
 * store; value: 1 if the parent did, plus 2 if the child did. Behind these n follow n of the page
 * frames once both have written, text: "differ" or "same". A child that a signal ended says so in
 * all of them: which mapping it was shows when each is tried alone.
 */
cow_fn cow_fork;

/*
 * All of them on private mappings of three files: the sealed one, the same without seals, and -1,
 * anonymous memory. Into facts.probes: results/README.md.
 */
void cow_probe(const int fds[COW_MAPS], json_t *facts);

/* The frames of pages that this process has written, or -errno: EPERM where they are hidden. */
void cow_page_frames(char *const maps[], size_t n, int64_t pfns[]);
