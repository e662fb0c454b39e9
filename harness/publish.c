// SPDX-License-Identifier: GPL-2.0-or-later
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "xalloc.h"

int make_dirs(const char *path, struct err *err)
{
	_cleanup_free_ char *p = xstrdup(path);

	for (char *s = p + 1;; s++) {
		if (*s && *s != '/')
			continue;
		char c = *s;

		*s = '\0';
		if (mkdir(p, 0777) < 0 && errno != EEXIST)
			return err_set(err, ERR_INFRA, errno, "make directory %s", p);
		*s = c;
		if (!c)
			return 0;
	}
}

char *path_below(const char *dir, const char *path)
{
	_cleanup_free_ char *base = realpath(dir, NULL), *real = base ? realpath(path, NULL) : NULL;
	size_t len = base ? strlen(base) : 0;

	if (!real)
		return NULL;
	if (!strncmp(real, base, len) && real[len] == '/')
		return xstrdup(real + len + 1);
	errno = EXDEV;
	return NULL;
}

static int fsync_parent(const char *path, struct err *err)
{
	_cleanup_free_ char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');

	if (slash)
		slash[slash == dir] = '\0';
	_cleanup_close_ int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_set(err, ERR_INFRA, errno, "flush directory of %s", path);
	return 0;
}

int publish_open(struct publish *p, const char *path, struct err *err)
{
	*p = (struct publish){0};

	_cleanup_free_ char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');

	if (slash && slash != dir) {
		*slash = '\0';
		int ret = make_dirs(dir, err);

		if (ret < 0)
			return ret;
	}

	_cleanup_free_ char *tmp = xasprintf("%s.tmp.XXXXXX", path);
	_cleanup_close_ int fd = mkostemp(tmp, O_CLOEXEC);

	if (fd < 0)
		return err_set(err, ERR_INFRA, errno, "create %s", tmp);
	/* mkostemp's 0600 is for secrets; these are files like any other. */
	mode_t mask = umask(0);

	umask(mask);
	fchmod(fd, 0666 & ~mask);
	p->f = fdopen(fd, "w");
	if (!p->f) {
		int saved = errno;

		unlink(tmp);
		return err_set(err, ERR_INFRA, saved, "open %s", tmp);
	}
	steal_fd(&fd);
	p->tmp = steal_ptr(tmp);
	p->final = xstrdup(path);
	return 0;
}

int publish_commit(struct publish *p, struct err *err)
{
	_cleanup_publish_ struct publish own = *p;

	*p = (struct publish){0};
	errno = 0;
	/* Bytes may be lost that nobody missed: a disk that was full for a moment. */
	if (ferror(own.f) || fflush(own.f) == EOF || fsync(fileno(own.f)) < 0)
		return err_set(err, ERR_INFRA, errno ? errno : EIO, "write %s", own.tmp);
	if (rename(own.tmp, own.final) < 0)
		return err_set(err, ERR_INFRA, errno, "rename %s to %s", own.tmp, own.final);
	free(steal_ptr(own.tmp));
	return fsync_parent(own.final, err);
}

void publish_abort(struct publish *p)
{
	if (p->f)
		fclose(p->f);
	if (p->tmp)
		unlink(p->tmp);
	free(p->tmp);
	free(p->final);
	*p = (struct publish){0};
}

int publish_buffer(const char *path, const void *data, size_t len, struct err *err)
{
	_cleanup_publish_ struct publish p = {0};
	int ret = publish_open(&p, path, err);

	if (ret < 0)
		return ret;
	if (fwrite(data, 1, len, p.f) != len)
		return err_set(err, ERR_INFRA, errno, "write %s", p.tmp);
	return publish_commit(&p, err);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int remove_tree(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0 && errno == ENOENT)
		return 0;
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		return err_set(err, ERR_INFRA, errno, "remove %s", path);
	return 0;
}

int read_file(const char *path, size_t max, char **data, size_t *len, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, ERR_INFRA, errno, "open %s", path);

	/* Not by st_size: files in /proc have none. */
	_cleanup_free_ char *buf = NULL;
	size_t have = 0, room = 0;

	for (;;) {
		if (room - have < 2)
			buf = xreallocarray(buf, room = room ? 2 * room : 16384, 1);
		ssize_t n = read(fd, buf + have, room - have - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(err, ERR_INFRA, errno, "read %s", path);
		if (n == 0)
			break;
		have += n;
		if (have > max)
			return err_set(err, ERR_INFRA, EFBIG, "read %s", path);
	}
	buf[have] = '\0';
	if (len)
		*len = have;
	*data = steal_ptr(buf);
	return 0;
}
