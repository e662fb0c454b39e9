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

void frames_read(struct machine *m, bool forks_later)
{
	uint64_t *pfn = forks_later ? m->lane->pfn_entry : m->lane->pfn;
	uint32_t n = m->lane->canary_writes;
	size_t page = getauxval(AT_PAGESZ);
	int saved = errno;
	int fd;

	if (m->ctl->stepped)
		return; /* an exploration has other questions, and thousands of executions */
	fd = open_high("/proc/self/pagemap");
	for (int r = 0; r < REGIONS && fd >= 0; r++) {
		uint64_t addr = m->ctl->region[r], entry;

		if (!n || !(m->lane->wrote[n - 1] & 1u << r))
			continue;
		if (pread(fd, &entry, sizeof(entry), (off_t)(addr / page * sizeof(entry))) ==
			    sizeof(entry) &&
		    entry & PM_PRESENT)
			pfn[r] = entry & PM_FRAME;
	}
	if (fd >= 0)
		close(fd);
	*(forks_later ? &m->lane->pfn_entry_seq : &m->lane->pfn_seq) = ctl_next_seq(m->ctl);
	errno = saved;
}
