// SPDX-License-Identifier: GPL-2.0-or-later
/* What stage 0 runs from, as the launcher prepares it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "keep.h"
#include "machine.h"
#include "nsexec/image.h"

/* The answers by which a kernel says that it does not have something. */
static const struct {
	const char *step; /* how its name begins */
	int errnum[5];
} lacks[] = {
	{"memfd_create", {ENOSYS, EINVAL, EACCES}}, /* EACCES: vm.memfd_noexec=2 */
	{"F_ADD_SEALS", {EINVAL}},
	{"overlay: fsopen", {ENOSYS, ENODEV, EPERM}},
	{"overlay: fsconfig", {EINVAL, EPERM, ENODEV}},
	{"overlay: fsmount", {EINVAL, EPERM}},
	{"mkostemp", {EROFS, EOPNOTSUPP}},
	{"exec", {ENOSYS}},
	{"re-exec", {ENOSYS}},
	{"unshare", {EINVAL, ENOSYS, EPERM, ENOSPC}},
};

/* What an administrator may forbid, sysctl(8) vm.memfd_noexec and mount(8) noexec. */
static bool may_not_execute(const struct machine_run *run)
{
	_cleanup_fclose_ FILE *f =
		run->p.image == IMAGE_MEMFD ? fopen("/proc/sys/vm/memfd_noexec", "re") : NULL;
	struct statvfs st;
	int level = 0;

	if (f && fscanf(f, "%d", &level) == 1 && level > 0)
		return true;
	return !fstatvfs(run->exe_fd, &st) && st.f_flag & ST_NOEXEC;
}

static bool cannot_execute(const struct machine_run *run, int errnum)
{
	if (errnum == ENOENT) /* the C library's loader is not there */
		return run->p.link && !strcmp(run->p.link, "dynamic");
	return errnum == EACCES && may_not_execute(run);
}

bool image_lacks(const struct machine_run *run, const char *step, int errnum)
{
	if ((!strcmp(step, "exec") || !strcmp(step, "re-exec")) && cannot_execute(run, errnum))
		return true;
	for (size_t i = 0; i < sizeof(lacks) / sizeof(*lacks); i++) {
		if (strncmp(step, lacks[i].step, strlen(lacks[i].step)))
			continue;
		for (size_t k = 0; k < 5 && lacks[i].errnum[k]; k++) {
			if (lacks[i].errnum[k] == errnum)
				return true;
		}
	}
	return false;
}

/* The last step noted is the one that failed. */
static int failed(const struct machine_run *run, json_t *facts)
{
	const struct ctl_setup *s = &run->ctl->setup[run->ctl->n_setup - 1];

	if (image_lacks(run, s->step, s->errnum))
		fact_unsupported(facts, s->step, s->errnum);
	else
		fact_error(facts, "%s: %s", s->step, strerror(s->errnum));
	return -1;
}

static int make_memfd(struct machine_run *run, int src)
{
	const struct history *h = run->p.history;
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (h ? h->memfd_flags : MFD_EXEC);
	int fd = image_memfd(run->ctl, "runc_cloned:/proc/self/exe", flags, src);
	int ret = 0;

	if (fd < 0)
		return fd;
	if (h && h->mode && fchmod(fd, h->mode) < 0) {
		ret = -errno;
		ctl_note(run->ctl, -ret, false, "fchmod %#o", h->mode);
	}
	for (const struct seal_step *s = h ? h->seals : NULL; s && s->mask && ret == 0; s++) {
		ret = image_seal(run->ctl, fd, s->mask, s->optional);
		if (s->optional)
			ret = 0;
	}
	if (!h && run->p.seals >= 0)
		ret = image_seal(run->ctl, fd, run->p.seals, false);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return image_reopen(run->ctl, fd);
}

static int note(struct machine_run *run, const char *step, long ret)
{
	int err = ret < 0 ? errno : 0;

	ctl_note(run->ctl, err, false, "overlay: %s", step);
	return -err;
}

/* One lower layer is not enough for an overlay without an upper one: an empty directory joins. */
static int configure_overlay(struct machine_run *run, int fs, const char *dir)
{
	char empty[] = "/tmp/nsexec-lower.XXXXXX";
	char *lower = NULL;
	int ret;

	if (!mkdtemp(empty))
		return note(run, "mkdtemp", -1);
	if (asprintf(&lower, "%s:%s", dir, empty) < 0)
		lower = NULL;
	ret = note(run, "fsconfig lowerdir",
		   syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "lowerdir", lower, 0));
	if (!ret)
		ret = note(run, "fsconfig create",
			   syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	free(lower);
	rmdir(empty);
	return ret;
}

static int make_overlay(struct machine_run *run, int src)
{
	char name[64];
	int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	int mnt = -1, fd = -1;
	int ret = note(run, "fsopen", fs);

	(void)src;
	snprintf(name, sizeof(name), "nsexec-%s", run->p.link);
	if (!ret)
		ret = configure_overlay(run, fs, run->env->bin_dir);
	if (!ret) {
		mnt = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
				   MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
		ret = note(run, "fsmount", mnt);
	}
	if (!ret) {
		fd = openat(mnt, name, O_RDONLY | O_CLOEXEC);
		ret = note(run, "open", fd);
	}
	if (fs >= 0)
		close(fs);
	if (mnt >= 0)
		close(mnt);
	return ret ? ret : fd;
}

static int make_tmpfile(struct machine_run *run, int src)
{
	int fd = image_tmpfile(run->ctl, src, 0500);

	return fd < 0 ? fd : image_reopen(run->ctl, fd);
}

static int use_file(struct machine_run *run, int src)
{
	int fd = fcntl(src, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		ctl_note(run->ctl, errno, false, "dup");
	return fd < 0 ? -errno : fd;
}

/* Each returns a descriptor to execute, or -errno with the failed step noted last. */
static int (*const makers[])(struct machine_run *run, int src) = {
	[IMAGE_FILE] = use_file,
	[IMAGE_MEMFD] = make_memfd,
	[IMAGE_TMPFILE] = make_tmpfile,
	[IMAGE_OVERLAY] = make_overlay,
};

int image_open(struct machine_run *run, json_t *facts)
{
	char path[PATH_MAX];
	int src;

	snprintf(path, sizeof(path), "%s/nsexec-%s", run->env->bin_dir, run->p.link);
	src = open(path, O_RDONLY | O_CLOEXEC);
	if (src < 0) {
		fact_error(facts, "%s: %s", path, strerror(errno));
		return -1;
	}
	/* Stage 0 is started from the ordinary file and makes its copy itself. */
	run->exe_fd = makers[run->p.stage0 ? IMAGE_FILE : run->p.image](run, src);
	close(src);
	if (run->exe_fd < 0)
		return failed(run, facts);
	keep_file(run->env->keep, run->exe_fd);
	return 0;
}
