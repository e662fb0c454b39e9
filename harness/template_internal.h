/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by template.c (finding and making one), template_warm.c, template_key.c, template_ram.c.
 */
#pragma once

#include "cache.h"
#include "template.h"

/* How a template is made when it is not there. */
struct template_maker {
	cache_fill_fn *fill; /* writes `ram` and `state` */
	void *arg;
	const char *name; /* "the kernel's template" */
	struct progress *pg;
};

/* What a guest says before it stops, as text; more than that is not what it should say. */
struct template_said {
	char text[4096];
	size_t len;
};

/*
 * Run @cfg's machine, whose memory is @dir's `ram` already, to its end: a machine that is parked
 * has left its `state` there.
 */
int template_run(struct vm_config cfg, const char *dir, struct template_said *said,
		 struct vm_result *res, struct err *err);

/* Find or make the one with that key; its paths, id and lock are set. */
int template_find(const struct template_maker *m, const char *key, struct template *t,
		  struct err *err);

/* The hash of all that a template depends on; @initrd_sha256 is the root's. */
int template_key(const struct template_opts *o, const char *initrd_sha256, char key[SHA256_HEX],
		 struct err *err);

/* A new file for @mib MiB of memory, its space set aside: a full disk is said now, by a name. */
int ram_create(const char *path, unsigned mib, struct err *err);

/* A new file that has what @from has, and holes where that has some. */
int ram_copy(const char *from, const char *to, struct err *err);

/* What is in it is on disk. */
int ram_sync(const char *path, struct err *err);

/* … and pages of zeros become holes. */
int ram_settle(const char *path, struct err *err);
