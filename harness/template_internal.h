/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by template.c (finding and making one), template_key.c and template_ram.c. */
#pragma once

#include "template.h"

/* The hash of all that a template depends on; @initrd_sha256 is the root's. */
int template_key(const struct template_opts *o, const char *initrd_sha256, char key[SHA256_HEX],
		 struct err *err);

/* A new file for @mib MiB of memory, its space set aside: a full disk is said now, by a name. */
int ram_create(const char *path, unsigned mib, struct err *err);

/* Pages of zeros become holes, the rest is on disk. */
int ram_settle(const char *path, struct err *err);
