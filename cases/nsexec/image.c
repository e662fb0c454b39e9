// SPDX-License-Identifier: GPL-2.0-or-later
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where a nameless executable may be made; a tmpfs is no better than another here. */
static const char *const tmp_dirs[] = {"/tmp", "/run", "/dev/shm", "/"};

static int close_and(int fd, int ret)
{
	close(fd);
	return ret;
}

static int copy(struct control *ctl, int src, int dst)
{
	off_t at = 0;
	struct stat st;
	ssize_t n = 0;
	int err;

	err = fstat(src, &st) < 0 ? errno : 0;
	while (!err && at < st.st_size) {
		n = sendfile(dst, src, &at, (size_t)(st.st_size - at));
		if (n <= 0)
			err = n < 0 ? errno : EIO;
	}
	ctl_note(ctl, err, false, "copy");
	return -err;
}

int image_memfd(struct control *ctl, const char *name, unsigned flags, int src)
{
	/* By number: old C libraries lack the wrapper. */
	int fd = (int)syscall(SYS_memfd_create, name, flags);
	int ret;

	if (fd < 0 && errno == EINVAL && flags & MFD_EXEC) {
		ctl_note(ctl, errno, true, "memfd_create %#x", flags);
		flags &= ~(unsigned)MFD_EXEC;
		fd = (int)syscall(SYS_memfd_create, name, flags);
	}
	ret = fd < 0 ? -errno : 0;
	ctl_note(ctl, -ret, false, "memfd_create %#x", flags);
	if (fd < 0)
		return ret;
	ret = copy(ctl, src, fd);
	return ret < 0 ? close_and(fd, ret) : fd;
}

static int open_tmpfile(struct control *ctl)
{
	int fd = -1, err = ENOENT;

	for (size_t i = 0; i < sizeof(tmp_dirs) / sizeof(*tmp_dirs); i++) {
		fd = open(tmp_dirs[i], O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0700);
		err = fd < 0 ? errno : 0;
		if (err != ENOENT)
			break;
	}
	ctl_note(ctl, err, true, "O_TMPFILE");
	return fd;
}

static int open_unlinked(struct control *ctl)
{
	int fd = -1, err = ENOENT;

	for (size_t i = 0; i < sizeof(tmp_dirs) / sizeof(*tmp_dirs); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/nsexec.XXXXXX", tmp_dirs[i]);
		fd = mkostemp(path, O_CLOEXEC);
		err = fd < 0 ? errno : 0;
		if (!err)
			unlink(path);
		if (err != ENOENT)
			break;
	}
	ctl_note(ctl, err, false, "mkostemp");
	return err ? -err : fd;
}

int image_tmpfile(struct control *ctl, int src, mode_t mode)
{
	int fd = open_tmpfile(ctl);
	int ret;

	if (fd < 0)
		fd = open_unlinked(ctl);
	if (fd < 0)
		return fd;
	ret = copy(ctl, src, fd);
	if (!ret && fchmod(fd, mode) < 0) {
		ret = -errno;
		ctl_note(ctl, -ret, false, "fchmod %#o", mode);
	}
	return ret < 0 ? close_and(fd, ret) : fd;
}

int image_seal(struct control *ctl, int fd, int mask, bool optional)
{
	int err = fcntl(fd, F_ADD_SEALS, mask) < 0 ? errno : 0;

	ctl_note(ctl, err, optional, "F_ADD_SEALS %#x", mask);
	return -err;
}

int image_reopen(struct control *ctl, int fd)
{
	char path[32];
	int ro, err;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	err = ro < 0 ? errno : 0;
	if (err)
		ctl_note(ctl, err, false, "reopen");
	close(fd);
	return err ? -err : ro;
}
