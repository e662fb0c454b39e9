// SPDX-License-Identifier: GPL-2.0-or-later
/* The file that is a machine's memory: as large as that while it runs, sparse when it is kept. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "template_internal.h"
#include "zeros.h"

#define PIECE (64 << 10) /* the least that is punched out */

int ram_create(const char *path, unsigned mib, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	off_t size = (off_t)mib << 20;

	if (fd < 0)
		return err_set(err, ERR_INFRA, errno, "create %s", path);
	if (ftruncate(fd, size) < 0)
		return err_set(err, ERR_INFRA, errno, "make %s %u MiB long", path, mib);
	/* QEMU would die of SIGBUS at the first page that finds no room. */
	if (fallocate(fd, 0, 0, size) < 0 && errno != EOPNOTSUPP && errno != ENOSYS)
		return err_set(err, ERR_INFRA, errno, "set %u MiB aside for %s", mib, path);
	return 0;
}

/* A file system without holes keeps the zeros: larger, and as good. */
static void punch(int fd, const char *p, off_t size)
{
	for (off_t at = 0, end; at < size; at = end) {
		bool zero = all_zero(p + at, PIECE);

		for (end = at + PIECE; end < size && all_zero(p + end, PIECE) == zero; end += PIECE)
			;
		if (zero &&
		    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, end - at) < 0)
			return;
	}
}

/* From the cache's file system to another kind, or where the former call is not known. */
static int send_range(int from, int to, off_t at, off_t end)
{
	if (lseek(to, at, SEEK_SET) < 0)
		return -errno;
	while (at < end) {
		ssize_t n = sendfile(to, from, &at, end - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

static int copy_range(int from, int to, off_t at, off_t end)
{
	off_t in = at, out = at;

	while (in < end) {
		ssize_t n = copy_file_range(from, &in, to, &out, end - in, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EXDEV || errno == ENOSYS || errno == EOPNOTSUPP))
			return send_range(from, to, in, end);
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
	}
	return 0;
}

/* Holes stay holes. */
static int copy_sparse(int from, int to)
{
	struct stat st;
	off_t at = 0;

	if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
		return -errno;
	while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
		off_t end = lseek(from, at, SEEK_HOLE);
		int ret = end < 0 ? -errno : copy_range(from, to, at, end);

		if (ret < 0)
			return ret;
		at = end;
	}
	return errno == ENXIO ? 0 : -errno; /* no data behind this */
}

int ram_copy(const char *from, const char *to, struct err *err)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (in < 0 || out < 0)
		return err_set(err, ERR_INFRA, errno, "open %s", in < 0 ? from : to);
	int ret = copy_sparse(in, out);

	return ret ? err_set(err, ERR_INFRA, -ret, "copy %s to %s", from, to) : 0;
}

int ram_sync(const char *path, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_set(err, ERR_INFRA, errno, "write %s", path);
	return 0;
}

int ram_settle(const char *path, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0; /* a refusal needs none */
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, ERR_INFRA, errno, "open %s", path);
	char *p = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return err_set(err, ERR_INFRA, errno, "map %s", path);
	punch(fd, p, st.st_size);
	munmap(p, st.st_size);
	return ram_sync(path, err);
}
