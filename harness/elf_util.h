/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The little that is to be known of an ELF file: kernels, their modules, the guest's busybox. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Of whatever class, byte order and machine. */
bool elf_is(const void *data, size_t len);
/*
 * Are all segments and sections within the @len bytes? 64-bit little-endian files only; any other
 * is no.
 */
bool elf_is_whole(const void *data, size_t len);
