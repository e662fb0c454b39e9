/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's firmware configuration device, read from user space: the host names files there, and the
 * device copies their content into memory by itself (docs/specs/fw_cfg.rst of QEMU). What the guest
 * reads it reads at an instant of its own choice, so nothing of the host's timing gets in.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct fwcfg;

/* 0 or a negative errno, with what did not work in @why (a constant). */
int fwcfg_open(struct fwcfg **f, const char **why);
void fwcfg_close(struct fwcfg *f);

struct fwcfg_file {
	uint16_t key;
	uint32_t size;
	char name[56];
};

/* The device's files as they are now; *files is malloc()ed. How many, or a negative errno. */
int fwcfg_list(struct fwcfg *f, struct fwcfg_file **files);

/* Copy @len bytes of file @key, from its beginning, to @to, which must be mapped and locked. */
int fwcfg_read(struct fwcfg *f, uint16_t key, void *to, size_t len);
