// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The positive control: make the globals' page shared, contents kept, so that the machine behaves
 * on any kernel as on an affected one.
 */
#include <errno.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "globals.h"
#include "nsexec.h"

#define WORDS_MAX (65536 / sizeof(uint64_t)) /* the largest page */

/*
 * Between the mapping and the copy back the page is zeros, and it may hold libc's GOT and malloc's
 * state: so no libc function may run there, which volatile words see to (a plain loop would become
 * a call of memcpy). Only syscall() is called, and it returns before a word is missing: it uses
 * nothing of the page after the mapping, errno being in TLS.
 */
static long remap_page(volatile uint64_t *page, size_t words)
{
	uint64_t keep[WORDS_MAX];
	long ret;

	for (size_t i = 0; i < words; i++)
		((volatile uint64_t *)keep)[i] = page[i];
	ret = syscall(SYS_mmap, page, words * sizeof(*page), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (ret == -1)
		return -1;
	for (size_t i = 0; i < words; i++)
		page[i] = ((volatile uint64_t *)keep)[i];
	return 0;
}

void inject_fault(struct machine *m)
{
	size_t page = getauxval(AT_PAGESZ);
	uintptr_t first = (uintptr_t)&current_stage & ~(page - 1);
	uintptr_t last = (uintptr_t)&canary_data[STAGES] - 1;

	for (uintptr_t p = first; p <= last; p += page) {
		if (remap_page((volatile uint64_t *)p, page / sizeof(uint64_t)) < 0) {
			ctl_note(m->ctl, errno, false, "fault: shared-globals");
			die(m, "failed to share the globals' page");
		}
		m->ctl->fault_pages++;
	}
	ctl_note(m->ctl, 0, false, "fault: shared-globals");
}
