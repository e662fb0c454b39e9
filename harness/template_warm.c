// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A template for one run: a copy of the kernel's, in which the programs that are tested are there
 * and the agent waits for its plan. What all jobs of a kernel do first is so done, and translated
 * by QEMU, once. It is made for every run, and needs no checks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "proto.h"
#include "template.h"

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

static int copy_ram(const char *from, const char *to, struct err *err)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (in < 0 || out < 0)
		return err_set(err, ERR_INFRA, errno, "open %s", in < 0 ? from : to);
	int ret = copy_sparse(in, out);

	return ret ? err_set(err, ERR_INFRA, -ret, "copy %s to %s", from, to) : 0;
}

struct said {
	char text[256];
	size_t len;
};

static int take(void *arg, const char *buf, size_t len)
{
	struct said *s = arg;

	if (len > sizeof(s->text) - 1 - s->len)
		return -EFBIG;
	memcpy(s->text + s->len, buf, len);
	s->len += len;
	return 0;
}

static int make(const struct template *from, struct vm_config cfg, const char *dir,
		struct template *t, struct err *err)
{
	_cleanup_free_ char *console = xasprintf("%s/console-warm.tmp", dir);
	_cleanup_free_ char *channel = xasprintf("%s/channel-warm.tmp", dir);
	_cleanup_vm_result_ struct vm_result res = {0};
	struct said said = {0};

	cfg.ram = t->ram;
	cfg.restore = from->state;
	cfg.save = t->state;
	cfg.console_path = console;
	cfg.channel_path = channel;
	int ret = copy_ram(from->ram, t->ram, err);

	if (!ret)
		ret = vm_run(&cfg, take, &said, &res, err);
	unlink(console);
	unlink(channel);
	if (!ret && (res.end != VM_PARKED || strcmp(said.text, SM_PARK_READY)))
		ret = err_set(err, ERR_INFRA, res.end == VM_INTERRUPTED ? EINTR : 0,
			      "the agent did not get ready: %s", res.text);
	return ret;
}

int template_warm(const struct template *from, const struct vm_config *cfg, const char *dir,
		  struct template *t, struct err *err)
{
	*t = (struct template){
		.ram = xasprintf("%s/ram.tmp", dir),
		.state = xasprintf("%s/state.tmp", dir),
		.lock = -1,
		.temporary = true,
	};
	memcpy(t->id, from->id, sizeof(t->id));
	memcpy(t->initrd_sha256, from->initrd_sha256, sizeof(t->initrd_sha256));
	return make(from, *cfg, dir, t, err);
}
