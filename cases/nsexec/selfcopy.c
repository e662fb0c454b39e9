// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The 1.0 and 1.1 generation: stage 0 finds out whether it already runs from its own sealed copy,
 * makes one otherwise, and re-executes itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image.h"
#include "nsexec.h"

#define COPY_NAME "runc_cloned:/proc/self/exe"
#define COPY_MODE 0100 /* of the fallbacks */

extern char **environ;

static noreturn void give_up(struct control *ctl, int errnum, const char *step)
{
	ctl_note(ctl, errnum, false, "%s", step);
	_exit(1);
}

/* Exactly the wanted seals. A file without any (a fallback) counts once it has no name. */
static bool is_copy(const struct control *ctl, int exe)
{
	int seals = fcntl(exe, F_GET_SEALS);
	struct stat st;

	if (fstat(exe, &st) < 0 || st.st_nlink)
		/* An ordinary tmpfs file has a link, and answers F_SEAL_SEAL. */
		return false;
	if (ctl->copies && ctl->image == IMAGE_TMPFILE)
		return true;
	return seals >= 0 && (ctl->want_seals < 0 ? ctl->copies > 0 : seals == ctl->want_seals);
}

static int copy_to_memfd(struct control *ctl, int exe)
{
	int fd = image_memfd(ctl, COPY_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING, exe);

	int ret;

	if (fd < 0 || ctl->want_seals < 0)
		return fd;
	ret = image_seal(ctl, fd, ctl->want_seals, false);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	/* From 6.3 on, F_SEAL_EXEC on an executable file brings others with it. */
	ctl->want_seals = fcntl(fd, F_GET_SEALS);
	return fd;
}

static void exec_fd(const struct control *ctl, int fd, char **argv)
{
	char path[32];

	if (ctl->via == VIA_EXECVEAT) {
		syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	execve(path, argv, environ);
}

void ensure_copied(struct control *ctl, char **argv)
{
	int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int fd = -ENOSYS;

	if (exe < 0)
		give_up(ctl, errno, "open /proc/self/exe");
	if (is_copy(ctl, exe)) {
		close(exe);
		return;
	}
	if (ctl->copies) {
		/* runc 1.x would now re-execute itself for ever. */
		ctl_note(ctl, ELOOP, true, CTL_STEP_RECOGNISE);
		close(exe);
		return;
	}
	if (ctl->image == IMAGE_MEMFD)
		fd = copy_to_memfd(ctl, exe);
	if (fd == -ENOSYS || fd == -EINVAL) {
		ctl->image = IMAGE_TMPFILE;
		fd = image_tmpfile(ctl, exe, COPY_MODE);
	}
	if (fd >= 0)
		fd = image_reopen(ctl, fd);
	if (fd < 0)
		_exit(1); /* the step that failed has been noted */
	ctl->copies++;
	exec_fd(ctl, fd, argv);
	give_up(ctl, errno, "re-exec");
}

void note_exe(struct control *ctl)
{
	ssize_t n = readlink("/proc/self/exe", ctl->exe, sizeof(ctl->exe) - 1);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	ctl->exe[n < 0 ? 0 : n] = '\0';
	ctl->seals = -1;
	if (fd < 0)
		return;
	ctl->seals = fcntl(fd, F_GET_SEALS);
	close(fd);
}
