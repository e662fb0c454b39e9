// SPDX-License-Identifier: GPL-2.0-or-later
#include "elf_util.h"

#include <elf.h>
#include <endian.h>
#include <stdint.h>
#include <string.h>

/* The file need not be aligned for these. */
static Elf64_Ehdr header(const void *data)
{
	Elf64_Ehdr h;

	memcpy(&h, data, sizeof(h));
	return h;
}

static Elf64_Phdr segment(const void *data, const Elf64_Ehdr *h, size_t i)
{
	Elf64_Phdr p;

	memcpy(&p, (const char *)data + le64toh(h->e_phoff) + i * sizeof(p), sizeof(p));
	return p;
}

static Elf64_Shdr section(const void *data, const Elf64_Ehdr *h, size_t i)
{
	Elf64_Shdr s;

	memcpy(&s, (const char *)data + le64toh(h->e_shoff) + i * sizeof(s), sizeof(s));
	return s;
}

static bool within(uint64_t at, uint64_t size, size_t len)
{
	return at <= len && size <= len - at;
}

bool elf_is(const void *data, size_t len)
{
	/* The 32-bit header is the smaller one, and the same up to e_version. */
	return len >= sizeof(Elf32_Ehdr) && !memcmp(data, ELFMAG, SELFMAG);
}

bool elf_is_whole(const void *data, size_t len)
{
	const unsigned char *id = data;

	if (!elf_is(data, len) || len < sizeof(Elf64_Ehdr) || id[EI_CLASS] != ELFCLASS64 ||
	    id[EI_DATA] != ELFDATA2LSB)
		return false;
	Elf64_Ehdr h = header(data);
	size_t phnum = le16toh(h.e_phnum), shnum = le16toh(h.e_shnum);

	if (!within(le64toh(h.e_phoff), phnum * sizeof(Elf64_Phdr), len) ||
	    !within(le64toh(h.e_shoff), shnum * sizeof(Elf64_Shdr), len))
		return false;
	for (size_t i = 0; i < phnum; i++) {
		Elf64_Phdr p = segment(data, &h, i);

		if (!within(le64toh(p.p_offset), le64toh(p.p_filesz), len))
			return false;
	}
	for (size_t i = 0; i < shnum; i++) {
		Elf64_Shdr s = section(data, &h, i);

		if (le32toh(s.sh_type) != SHT_NOBITS &&
		    !within(le64toh(s.sh_offset), le64toh(s.sh_size), len))
			return false;
	}
	return true;
}
