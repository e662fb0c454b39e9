/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Templates: a kernel that has booted once, stopped by its guest and kept in the cache, so that a
 * test costs a restore. Each is an ordinary cache entry template/KEY, where KEY is the hash of all
 * that went in: kernel, root, command line, machine arguments, QEMU. It holds the machine's memory
 * (`ram`, sparse), its devices' state, and what the boot said.
 */
#pragma once

#include <stdbool.h>

#include "err.h"
#include "hash.h"
#include "modules.h"
#include "progress.h"
#include "vm.h"

struct template
{
	char *entry, *ram, *state; /* paths */
	char id[SHA256_HEX];	   /* of its content: machines restored from one id start alike */
	char initrd_sha256[SHA256_HEX];
	int lock;      /* shared: it is not trimmed while it is used */
	long disk_kib; /* what it takes on disk */
};

struct template_opts {
	const struct vm_config *boot; /* how the kernel would be booted; initrd and paths unset */
	const char *kernel_sha256;
	const char *list; /* images/initramfs.list */
	const struct module_set *mods;
	const char *scratch; /* a directory for the root while the template is made */
	struct progress *pg;
};

/*
 * Find the template, or make it. One that is damaged is said so and made again. Fails when there
 * can be none here, which @err explains: the kernel is to be booted cold then.
 */
int template_get(const struct template_opts *o, struct template *t, struct err *err);
void template_free(struct template *t);
#define _cleanup_template_ __attribute__((cleanup(template_free)))

/*
 * The template of @from with these cases: @cfg's files, of which @cases_sha256 is the hash, are in
 * the guest, and its agent waits for the plan. Found or made as the other; freed even when it
 * fails.
 */
int template_warm(const struct template *from, const struct vm_config *cfg,
		  const char *cases_sha256, struct progress *pg, struct template *t,
		  struct err *err);

/* @cfg goes on from @t instead of booting. */
void template_use(const struct template *t, struct vm_config *cfg);

/* What all templates together take on disk at most, KiB. */
#define TEMPLATES_MAX_KIB (4L << 20)

/*
 * Remove what killed makers have left, and the ones that were not used for longest, until the rest
 * takes @max_kib or is in use.
 */
int template_trim(long max_kib, struct err *err);
