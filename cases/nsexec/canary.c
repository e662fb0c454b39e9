// SPDX-License-Identifier: GPL-2.0-or-later
#include "canary.h"

#include <errno.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "globals.h"
#include "nsexec.h"

#define AWAIT_MS 200 /* guest time; I is past its entry long before, if it lives */

static _Thread_local uint64_t canary_tls[STAGES] = {1, 1, 1};

/* What each stage may do with a region before it forks. */
static const bool stays_clean[REGIONS] = {[REGION_DATA_CLEAN] = true, [REGION_DATA_RELRO] = true};

static uintptr_t page_up(uintptr_t addr, size_t page)
{
	return (addr + page - 1) & ~(uintptr_t)(page - 1);
}

/* Where the main program's writable segment ends in the file. */
static int find_file_end(struct dl_phdr_info *info, size_t size, void *arg)
{
	uintptr_t *end = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && ph->p_flags & PF_W && ph->p_memsz > ph->p_filesz)
			*end = info->dlpi_addr + ph->p_vaddr + ph->p_filesz;
	}
	return 1; /* the program itself comes first */
}

/* The slice between the end of .data and the end of its page, which the kernel fills with zeros. */
static void find_bss_tail(struct control *ctl, size_t page)
{
	uintptr_t end = 0;

	dl_iterate_phdr(find_file_end, &end);
	end = page_up(end, sizeof(uint64_t));
	if (end && page <= CANARY_PAGE && end % page &&
	    page_up(end, page) - end >= STAGES * sizeof(uint64_t))
		ctl->region[REGION_BSS_TAIL] = end;
	else
		ctl->region_reason[REGION_BSS_TAIL] = REASON_NO_TAIL;
}

static void place(struct control *ctl, enum region r, const void *addr)
{
	ctl->region[r] = (uintptr_t)addr;
}

static void place_own_page(struct control *ctl, enum region r, const void *addr, size_t page)
{
	if (page > CANARY_PAGE)
		ctl->region_reason[r] = REASON_PAGE_SIZE;
	else
		place(ctl, r, addr);
}

void canary_setup(struct machine *m)
{
	struct control *ctl = m->ctl;
	size_t page = getauxval(AT_PAGESZ);
	uintptr_t first = (uintptr_t)&current_stage, last = (uintptr_t)&canary_data[STAGES] - 1;

	__asm__ volatile("" ::"r"(&canary_data_end));
	if (first / page == last / page)
		place(ctl, REGION_DATA, canary_data);
	else
		ctl->region_reason[REGION_DATA] = REASON_SPLIT;
	place_own_page(ctl, REGION_DATA_CLEAN, canary_data_clean.slot, page);
	place_own_page(ctl, REGION_DATA_RELRO, canary_data_relro.slot, page);
	place_own_page(ctl, REGION_BSS_FAR, canary_bss_far.slot, page);
	find_bss_tail(ctl, page);
	place(ctl, REGION_TLS, canary_tls);
	place(ctl, REGION_HEAP, calloc(STAGES, sizeof(uint64_t)));
	place(ctl, REGION_STACK, m->canary_stack);
}

/* Whether the page can be written now. */
static bool open_relro(struct ctl_lane *lane, uint64_t addr)
{
	int ret = mprotect((void *)(uintptr_t)addr, CANARY_PAGE, PROT_READ | PROT_WRITE);

	lane->relro_tried = 1;
	lane->relro_errno = ret < 0 ? errno : 0;
	return ret == 0;
}

void canary_write(struct machine *m, bool forks_later)
{
	struct ctl_lane *lane = m->lane;
	uint32_t n = lane->canary_writes, wrote = 0;
	uint32_t seq = ctl_next_seq(m->ctl);
	int saved = errno;

	if (n >= CTL_CANARY_WRITES)
		return;
	for (int r = 0; r < REGIONS; r++) {
		volatile uint64_t *slot = (volatile uint64_t *)(uintptr_t)m->ctl->region[r];

		if (!slot || (forks_later && stays_clean[r]))
			continue;
		if (r == REGION_DATA_RELRO && !open_relro(lane, m->ctl->region[r]))
			continue;
		slot[m->self] = canary_value(m->self, seq);
		wrote |= 1u << r;
	}
	lane->write_seq[n] = seq;
	lane->write_done[n] = ctl_next_seq(m->ctl);
	lane->wrote[n] = wrote;
	__atomic_store_n(&lane->canary_writes, n + 1, __ATOMIC_RELEASE);
	if (n == 0) {
		uint32_t none = 0;

		/* Unless the supervisor has already found this stage dead. */
		__atomic_compare_exchange_n(&lane->ready, &none, 1, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &lane->ready, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	}
	errno = saved;
}

void canary_read(struct machine *m)
{
	struct ctl_lane *lane = m->lane;
	uint32_t seq = ctl_next_seq(m->ctl);

	for (int r = 0; r < REGIONS; r++) {
		const volatile uint64_t *slot =
			(const volatile uint64_t *)(uintptr_t)m->ctl->region[r];

		for (int s = 0; slot && s < STAGES; s++) {
			uint64_t v = slot[s];

			if (s != (int)m->self && canary_is_by(v, s) && v > lane->seen[r][s])
				lane->seen[r][s] = v;
		}
	}
	lane->read_seq = seq;
}

void canary_await_init(struct machine *m)
{
	uint32_t *ready = &m->ctl->lane[STAGE_INIT].ready;
	struct timespec limit = {.tv_nsec = AWAIT_MS * 1000000L};

	if (m->ctl->stepped)
		return; /* it would wait for what only comes once it is gone */
	/* One wait is enough: the word changes once for the better and once for the worse. */
	if (!__atomic_load_n(ready, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, ready, FUTEX_WAIT, 0, &limit, NULL, 0);
}
