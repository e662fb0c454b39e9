// SPDX-License-Identifier: GPL-2.0-or-later
/* Stage 2: waits until P lets it go, then becomes the container's init. */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nsexec.h"

void stage_init(struct machine *m)
{
	lane_enter(m, STAGE_INIT);
	prctl(PR_SET_NAME, "runc:[2:INIT]", 0, 0, 0);
	store_stage(m, STAGE_INIT);
	canary_read(m);
	canary_write(m, false);
	frames_read(m, false);
	store_syncfd(m, POINT_STORE_G0, END_G0);
	close_end(m, POINT_CLOSE_G1, END_G1);
	close_end(m, POINT_CLOSE_C0, END_C0);
	write_log(m, LOG_DEBUG, "~> nsexec stage-2");

	if (sync_expect(m, POINT_READ_GRANDCHILD, SYNC_GRANDCHILD) < 0)
		die(m, "failed to sync with parent: read(SYNC_GRANDCHILD)");
	if (setsid() < 0)
		die(m, "setsid failed");
	/* Raw: libc's wrappers would signal threads, from state that may be shared. */
	if (syscall(SYS_setuid, 0) < 0)
		die(m, "setuid failed");
	if (syscall(SYS_setgid, 0) < 0)
		die(m, "setgid failed");
	if (!m->cfg.rootless && m->cfg.setgroups && syscall(SYS_setgroups, 0, NULL) < 0)
		die(m, "setgroups failed");
	write_log(m, LOG_DEBUG, "signal completion to stage-0");
	if (sync_write_word(m, POINT_WRITE_FINISH, SYNC_CHILD_FINISH) < 0)
		die(m, "failed to sync with parent: write(SYNC_CHILD_FINISH)");
	close_end(m, POINT_CLOSE_G0, END_G0);
	write_log(m, LOG_DEBUG, "<= nsexec container setup");
}
