// SPDX-License-Identifier: GPL-2.0-or-later
/* The program around the machine: finds the control page, runs it, and is what I returns into. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nsexec.h"

extern const char __ehdr_start; /* the linker's */

#define SCAN_FDS 64 /* numbers looked at for leaked descriptors; the harness's own are higher */

/* The descriptor stays open: a copy of stage 0 must find it again. */
static struct control *map_control(int *fd)
{
	const char *s = getenv(CTL_ENV_CONTROL);
	void *p;

	*fd = s ? atoi(s) : -1;
	p = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (p == MAP_FAILED) {
		perror("nsexec: " CTL_ENV_CONTROL ", the control page's descriptor");
		exit(2);
	}
	return p;
}

/* One poll() tells which numbers are open; most are not. */
static void note_descriptors(struct ctl_lane *lane)
{
	struct pollfd p[SCAN_FDS];

	for (int fd = 0; fd < SCAN_FDS; fd++)
		p[fd] = (struct pollfd){.fd = fd};
	/* If it fails, all are looked at. */
	poll(p, SCAN_FDS, 0);
	for (int fd = 0; fd < SCAN_FDS; fd++) {
		struct stat st;

		if (p[fd].revents & POLLNVAL)
			continue;
		if (lane->n_fds < CTL_FDS && fstat(fd, &st) == 0)
			lane->fds[lane->n_fds++] =
				(struct ctl_fd){.fd = fd, .mode = st.st_mode, .ino = st.st_ino};
	}
}

int main(int argc, char **argv)
{
	struct machine m = {.want = {STAGE_SETUP, -1, -1, LOG_DEBUG}, .want_end = END_NONE};
	int fd;

	(void)argc;
	m.ctl = map_control(&fd);
	if (m.ctl->maker_stage0)
		ensure_copied(m.ctl, argv);
	close(fd);
	m.ctl->base = (uintptr_t)&__ehdr_start;
	note_exe(m.ctl);
	nsexec(&m);

	point_begin(&m, POINT_RETURN);
	point_end_result(&m, POINT_RETURN, 0);
	note_descriptors(m.lane);
	m.lane->returned = 1;
	leave(&m, 0);
}
