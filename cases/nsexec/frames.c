// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "nsexec.h"

#define PM_PRESENT (1ull << 63)
#define PM_FRAME   ((1ull << 55) - 1)

/* Out of the way of the numbers that the protocol has closed and may wrongly use again. */
static int open_high(const char *path)
{
	int low = open(path, O_RDONLY | O_CLOEXEC);
	int fd;

	if (low < 0)
		return -1;
	fd = fcntl(low, F_DUPFD_CLOEXEC, CTL_HIGH_FD);
	close(low);
	return fd;
}

/*
 * What the kernel walks through for one entry are all the pages up to the next 2 MiB: the regions
 * of the program's data, which lie close together, are better had at once.
 */
struct window {
	uint64_t first, n; /* pages */
	uint64_t entry[32];
};

#define WINDOW_BEFORE 8 /* pages that are taken along from below the one that is asked for */

/* The entry of a page; 0 when it cannot be had. */
static uint64_t entry_of(int fd, struct window *w, uint64_t nr)
{
	if (nr - w->first >= w->n) {
		ssize_t got;

		w->first = nr > WINDOW_BEFORE ? nr - WINDOW_BEFORE : 0;
		got = pread(fd, w->entry, sizeof(w->entry), (off_t)(w->first * sizeof(uint64_t)));
		w->n = got > 0 ? (uint64_t)got / sizeof(uint64_t) : 0;
	}
	return nr - w->first < w->n ? w->entry[nr - w->first] : 0;
}

void frames_read(struct machine *m, bool forks_later)
{
	uint64_t *pfn = forks_later ? m->lane->pfn_entry : m->lane->pfn;
	uint32_t n = m->lane->canary_writes;
	size_t page = getauxval(AT_PAGESZ);
	struct window w = {0};
	int saved = errno;
	int fd;

	if (m->ctl->stepped)
		return; /* an exploration has other questions, and thousands of executions */
	fd = open_high("/proc/self/pagemap");
	for (int r = 0; r < REGIONS && fd >= 0; r++) {
		uint64_t entry;

		if (!n || !(m->lane->wrote[n - 1] & 1u << r))
			continue;
		entry = entry_of(fd, &w, m->ctl->region[r] / page);
		if (entry & PM_PRESENT)
			pfn[r] = entry & PM_FRAME;
	}
	if (fd >= 0)
		close(fd);
	*(forks_later ? &m->lane->pfn_entry_seq : &m->lane->pfn_seq) = ctl_next_seq(m->ctl);
	errno = saved;
}
