/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A memfd with known content, sealed as a variant's parameters ask. */
#pragma once

#include <fcntl.h>
#include <jansson.h>
#include <linux/memfd.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

/* <linux/fcntl.h> does not go together with <fcntl.h>, and old headers lack the last two. */
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x8
#endif
#ifndef MFD_EXEC
#define MFD_EXEC 0x10
#endif

#define SEALS_NONE (-1) /* not even an fcntl() with an empty mask */
#define MEMFD_FILL '.'	/* every byte of a fresh one */

/* Bytes in a fresh one: two base pages. */
size_t memfd_size(void);

/* Sealable, executable, filled, no seal yet; close-on-exec. The descriptor or -errno. */
int memfd_new(void);

/* params.seals: a mask ("0x1f") or "none". 0, or -1 with a fact_error. */
int memfd_seals_param(const json_t *params, int *seals, json_t *facts);

/* One fcntl() with the whole of @seals, as a user would; nothing for SEALS_NONE. 0 or -errno. */
int memfd_seal(int fd, int seals);

/*
 * Report @err, the negative errno of memfd_new() or memfd_seal(@seals), as `unsupported` when it
 * says that the kernel lacks it, and else as `error`.
 */
void memfd_fact_new(json_t *facts, int err);
void memfd_fact_seal(json_t *facts, int seals, int err);
