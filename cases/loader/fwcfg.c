// SPDX-License-Identifier: GPL-2.0-or-later
#include "fwcfg.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "park.h"

#define KEY_SIGNATURE 0x00
#define KEY_FILE_DIR  0x19
#define FILES_MAX     1024

/* struct FWCfgDmaAccess of the specification: big-endian. */
struct access {
	uint32_t control, length;
	uint64_t address;
};

#define CONTROL_ERROR  1
#define CONTROL_READ   2
#define CONTROL_SELECT 8

/*
 * For one entry the kernel walks through all the pages up to the next 2 MiB; so many are had at
 * once. A window holds for one read: what was not mapped at the last one may be now.
 */
#define WINDOW 512

struct window {
	uint64_t first, n; /* pages */
	uint64_t entry[WINDOW];
};

struct fwcfg {
	int pagemap;
	struct window window;
	size_t page; /* bytes */
	struct access *access;
	uint64_t access_at; /* its physical address */
};

/* As it stands in a directory of files. */
struct entry {
	uint32_t size;
	uint16_t select, reserved;
	char name[56];
};

/* The entry of page @nr in /proc/self/pagemap; 0 when it cannot be had. */
static uint64_t entry_of(struct fwcfg *f, uint64_t nr)
{
	struct window *w = &f->window;

	if (nr - w->first >= w->n) {
		ssize_t got = pread(f->pagemap, w->entry, sizeof(w->entry),
				    (off_t)(nr * sizeof(uint64_t)));

		w->first = nr;
		w->n = got > 0 ? (uint64_t)got / sizeof(uint64_t) : 0;
	}
	return nr - w->first < w->n ? w->entry[nr - w->first] : 0;
}

/* The physical address of a page that is mapped, present and locked; 0: the kernel does not say. */
static uint64_t physical(struct fwcfg *f, const void *p)
{
	uint64_t at = (uintptr_t)p, v = entry_of(f, at / f->page);
	/* Bit 63: present; bits 0 to 54: the frame, 0 without CAP_SYS_ADMIN (admin-guide/mm). */
	uint64_t frame = v >> 63 ? v & ((1ULL << 55) - 1) : 0;

	return frame ? frame * f->page + at % f->page : 0;
}

/* One transfer; the device has done it when the write to its register is through. */
static int transfer(struct fwcfg *f, uint32_t control, uint64_t to, uint32_t len)
{
	volatile struct access *a = f->access;

	a->control = htobe32(control);
	a->length = htobe32(len);
	a->address = htobe64(to);
	park_fwcfg_dma(f->access_at);
	return a->control ? -EIO : 0;
}

int fwcfg_read(struct fwcfg *f, uint16_t key, void *to, size_t len)
{
	uint32_t control = (uint32_t)key << 16 | CONTROL_SELECT | CONTROL_READ;
	char *p = to, *end = p + len;

	f->window.n = 0;
	while (p < end) {
		uint64_t at = physical(f, p);
		size_t n = f->page - (uintptr_t)p % f->page;

		/* Frames that follow each other go in one transfer. */
		while (p + n < end && physical(f, p + n) == at + n)
			n += f->page;
		if (n > (size_t)(end - p))
			n = end - p;
		int ret = at ? transfer(f, control, at, n) : -EFAULT;

		if (ret < 0)
			return ret;
		control = CONTROL_READ; /* the device goes on where it was */
		p += n;
	}
	return 0;
}

static void *locked_pages(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	return mlock(p, len) < 0 ? NULL : p;
}

static int check_device(struct fwcfg *f, char *page, const char **why)
{
	*why = "read the signature of fw_cfg";
	memset(page, 0, 4);
	int ret = fwcfg_read(f, KEY_SIGNATURE, page, 4);

	if (ret < 0)
		return ret;
	return memcmp(page, "QEMU", 4) ? -ENODEV : 0;
}

static int prepare(struct fwcfg *f, const char **why)
{
	*why = "get at the ports of fw_cfg";
	int ret = park_open();

	if (ret < 0)
		return ret;
	*why = "open /proc/self/pagemap";
	f->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (f->pagemap < 0)
		return -errno;
	*why = "lock a page";
	f->access = locked_pages(2 * f->page);
	if (!f->access)
		return -errno;
	*why = "learn a page's frame from /proc/self/pagemap";
	f->window.n = 0;
	f->access_at = physical(f, f->access);
	if (!f->access_at)
		return -EPERM;
	return check_device(f, (char *)f->access + f->page, why);
}

int fwcfg_open(struct fwcfg **out, const char **why)
{
	struct fwcfg *f = calloc(1, sizeof(*f));

	*why = "find memory";
	if (!f)
		return -ENOMEM;
	f->pagemap = -1;
	f->page = sysconf(_SC_PAGESIZE);
	int ret = prepare(f, why);

	if (ret < 0)
		fwcfg_close(f);
	else
		*out = f;
	return ret;
}

void fwcfg_close(struct fwcfg *f)
{
	if (f->pagemap >= 0)
		close(f->pagemap);
	if (f->access)
		munmap(f->access, 2 * f->page);
	free(f);
}

static int copy_list(const struct entry *e, size_t n, struct fwcfg_file **files)
{
	*files = calloc(n + 1, sizeof(**files));
	if (!*files)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		(*files)[i].key = be16toh(e[i].select);
		(*files)[i].size = be32toh(e[i].size);
		memcpy((*files)[i].name, e[i].name, sizeof(e[i].name) - 1);
	}
	return n;
}

int fwcfg_list(struct fwcfg *f, struct fwcfg_file **files)
{
	char *page = (char *)f->access + f->page;
	int ret = fwcfg_read(f, KEY_FILE_DIR, page, sizeof(uint32_t));
	uint32_t count;

	if (ret < 0)
		return ret;
	memcpy(&count, page, sizeof(count));
	size_t n = be32toh(count), len = sizeof(uint32_t) + n * sizeof(struct entry);

	if (n > FILES_MAX)
		return -EPROTO;
	char *dir = locked_pages(len);

	if (!dir)
		return -errno;
	ret = fwcfg_read(f, KEY_FILE_DIR, dir, len);
	if (!ret)
		ret = copy_list((const struct entry *)(dir + sizeof(count)), n, files);
	munmap(dir, len);
	return ret;
}
