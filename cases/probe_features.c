// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe_features.h"

#include <linux/kcmp.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "cow.h"
#include "memfd.h"
#include "observe.h"

/* Numbers are the same on every architecture since Linux 5.1; old headers lack the names. */
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/*
 * IN_CHILD: it may end in a signal, or changes what none behind it in the table looks at. ALONE: it
 * changes its process so that others would notice.
 */
enum place { HERE, IN_CHILD, ALONE };

struct feature {
	const char *name;
	int (*fn)(const struct feature *f); /* the errno of what it tried, 0 for success */
	enum place place;
	unsigned flags;
	const char *text;
};

static int result(long ret)
{
	return ret < 0 ? errno : 0;
}

static int closing(int fd)
{
	int errnum = result(fd);

	if (fd >= 0)
		close(fd);
	return errnum;
}

static int memfd_flags(const struct feature *f)
{
	return closing(syscall(SYS_memfd_create, "probe", MFD_CLOEXEC | f->flags));
}

static int seal_get(const struct feature *f)
{
	_cleanup_close_ int fd =
		syscall(SYS_memfd_create, "probe", MFD_ALLOW_SEALING | MFD_CLOEXEC);

	(void)f;
	return fd < 0 ? errno : result(fcntl(fd, F_GET_SEALS));
}

static int seal_add(const struct feature *f)
{
	_cleanup_close_ int fd = memfd_new();

	return fd < 0 ? -fd : -memfd_seal(fd, (int)f->flags);
}

/* An empty file is refused as no program, but only once everything else has allowed it. */
static int exec_result(void)
{
	return errno == ENOEXEC ? 0 : errno;
}

static int memfd_exec(const struct feature *f)
{
	_cleanup_close_ int fd = syscall(SYS_memfd_create, "probe", MFD_EXEC);
	char path[40];
	char *argv[] = {path, NULL};

	(void)f;
	if (fd < 0)
		fd = syscall(SYS_memfd_create, "probe", 0);
	if (fd < 0)
		return errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	execv(path, argv);
	return exec_result();
}

static int memfd_execveat(const struct feature *f)
{
	_cleanup_close_ int fd = syscall(SYS_memfd_create, "probe", MFD_EXEC);
	char *argv[] = {"probe", NULL};

	(void)f;
	if (fd < 0)
		fd = syscall(SYS_memfd_create, "probe", 0);
	if (fd < 0)
		return errno;
	syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return exec_result();
}

static int o_tmpfile(const struct feature *f)
{
	(void)f;
	return closing(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
}

static int kcmp_file(const struct feature *f)
{
	(void)f;
	return result(syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, 0, 0));
}

static int pidfd_open_self(const struct feature *f)
{
	(void)f;
	return closing(syscall(SYS_pidfd_open, getpid(), 0));
}

static int pidfd_getfd_self(const struct feature *f)
{
	_cleanup_close_ int pidfd = syscall(SYS_pidfd_open, getpid(), 0);

	(void)f;
	return pidfd < 0 ? errno : closing(syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}

static int clone3_plain(const struct feature *f)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} args = {.exit_signal = SIGCHLD};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	(void)f;
	if (!pid)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return result(pid);
}

static int fsopen_type(const struct feature *f)
{
	return closing(syscall(SYS_fsopen, f->text, 1 /* FSOPEN_CLOEXEC */));
}

static int put(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 || write(fd, text, strlen(text)) < 0 ? errno : 0;
}

/* Without a mapping nothing could be made in a new user namespace: EOVERFLOW. */
static int map_self(unsigned uid, unsigned gid)
{
	char map[32];
	int errnum = put("/proc/self/setgroups", "deny");

	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!errnum)
		errnum = put("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return errnum ? errnum : put("/proc/self/gid_map", map);
}

/* What comes before a mount: it must not reach the mounts of anybody else. */
static int own_mounts(unsigned flags)
{
	unsigned uid = geteuid(), gid = getegid();
	int errnum = result(unshare(CLONE_NEWNS | (int)flags));

	if (!errnum && (flags & CLONE_NEWUSER))
		errnum = map_self(uid, gid);
	if (errnum)
		return errnum;
	return result(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static int mount_overlay(const struct feature *f)
{
	int errnum = own_mounts(f->flags);

	if (!errnum)
		errnum = result(mount("probe", "/tmp", "tmpfs", 0, NULL));
	if (errnum)
		return errnum;
	mkdir("/tmp/a", 0700);
	mkdir("/tmp/b", 0700);
	return result(mount("probe", "/tmp", "overlay", MS_RDONLY, "lowerdir=/tmp/a:/tmp/b"));
}

static int mount_type(const struct feature *f)
{
	int errnum = own_mounts(0);

	return errnum ? errnum : result(mount("probe", "/tmp", f->text, 0, NULL));
}

static int unshare_flags(const struct feature *f)
{
	return result(unshare((int)f->flags));
}

/* Something can be read there. */
static int readable(const struct feature *f)
{
	_cleanup_close_ int fd = open(f->text, O_RDONLY | O_CLOEXEC);
	char c;
	ssize_t n = fd < 0 ? -1 : read(fd, &c, 1);

	return n < 0 ? errno : n ? 0 : ENODATA;
}

/* There, though there may be nothing to read in it. */
static int openable(const struct feature *f)
{
	return closing(open(f->text, O_RDONLY | O_CLOEXEC));
}

/* The copy-on-write probes on plain memory: can they see here at all? */
static int cow_can_see(cow_fn *probe, int prot)
{
	char *map = mmap(NULL, memfd_size(), prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct observed o = {0};

	if (map == MAP_FAILED)
		return errno;
	probe(&map, 1, &o);
	return o.errnum;
}

static int pagemap_frames(const struct feature *f)
{
	volatile char page[1] = {0};
	char *const map = (char *)page;
	int64_t frame;

	(void)f;
	page[0] = 1; /* written: a page that was not has no frame of its own */
	cow_page_frames(&map, 1, &frame);
	return frame < 0 ? (int)-frame : 0;
}

static int smaps_vmflags(const struct feature *f)
{
	(void)f;
	return cow_can_see(cow_vmflags, PROT_READ | PROT_WRITE);
}

static int proc_mem_force(const struct feature *f)
{
	(void)f;
	return cow_can_see(cow_proc_mem, PROT_READ | PROT_EXEC);
}

static int sock_diag_unix(const struct feature *f)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	struct {
		struct nlmsghdr h;
		struct unix_diag_req r;
	} req = {
		.h = {.nlmsg_len = sizeof(req),
		      .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.r = {.sdiag_family = AF_UNIX, .udiag_states = ~0U, .udiag_show = UDIAG_SHOW_RQLEN},
	};
	char buf[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;

	(void)f;
	if (fd < 0 || send(fd, &req, sizeof(req), 0) < 0)
		return errno;
	ssize_t n = recv(fd, buf, sizeof(buf), 0);

	if (n < (ssize_t)sizeof(*h))
		return n < 0 ? errno : EPROTO;
	if (h->nlmsg_type != NLMSG_ERROR)
		return 0;
	return -((const struct nlmsgerr *)NLMSG_DATA(h))->error;
}

static const struct feature features[] = {
	{.name = "memfd_create", .fn = memfd_flags},
	{.name = "memfd-sealing", .fn = seal_get},
	{.name = "MFD_EXEC", .fn = memfd_flags, .flags = MFD_EXEC},
	{.name = "MFD_NOEXEC_SEAL", .fn = memfd_flags, .flags = MFD_NOEXEC_SEAL},
	{.name = "F_SEAL_SEAL", .fn = seal_add, .flags = F_SEAL_SEAL},
	{.name = "F_SEAL_SHRINK", .fn = seal_add, .flags = F_SEAL_SHRINK},
	{.name = "F_SEAL_GROW", .fn = seal_add, .flags = F_SEAL_GROW},
	{.name = "F_SEAL_WRITE", .fn = seal_add, .flags = F_SEAL_WRITE},
	{.name = "F_SEAL_FUTURE_WRITE", .fn = seal_add, .flags = F_SEAL_FUTURE_WRITE},
	{.name = "F_SEAL_EXEC", .fn = seal_add, .flags = F_SEAL_EXEC},
	{.name = "memfd-exec", .fn = memfd_exec, .place = IN_CHILD},
	{.name = "memfd-execveat", .fn = memfd_execveat, .place = IN_CHILD},
	{.name = "O_TMPFILE", .fn = o_tmpfile},
	{.name = "kcmp", .fn = kcmp_file},
	{.name = "pidfd_open", .fn = pidfd_open_self},
	{.name = "pidfd_getfd", .fn = pidfd_getfd_self},
	{.name = "clone3", .fn = clone3_plain},
	{.name = "fsopen", .fn = fsopen_type, .text = "tmpfs"},
	{.name = "fsopen-overlay", .fn = fsopen_type, .text = "overlay"},
	{.name = "overlay", .fn = mount_overlay, .place = IN_CHILD},
	{.name = "overlay-user", .fn = mount_overlay, .place = ALONE, .flags = CLONE_NEWUSER},
	{.name = "cgroup2", .fn = mount_type, .place = IN_CHILD, .text = "cgroup2"},
	{.name = "ns-user", .fn = unshare_flags, .place = ALONE, .flags = CLONE_NEWUSER},
	{.name = "ns-pid", .fn = unshare_flags, .place = IN_CHILD, .flags = CLONE_NEWPID},
	{.name = "ns-mnt", .fn = unshare_flags, .place = IN_CHILD, .flags = CLONE_NEWNS},
	{.name = "ns-uts", .fn = unshare_flags, .place = IN_CHILD, .flags = CLONE_NEWUTS},
	{.name = "ns-ipc", .fn = unshare_flags, .place = IN_CHILD, .flags = CLONE_NEWIPC},
	{.name = "ns-net", .fn = unshare_flags, .place = IN_CHILD, .flags = CLONE_NEWNET},
	{.name = "ns-cgroup", .fn = unshare_flags, .place = IN_CHILD, .flags = CLONE_NEWCGROUP},
	{.name = "ns-time", .fn = unshare_flags, .place = IN_CHILD, .flags = CLONE_NEWTIME},
	{.name = "proc-syscall", .fn = readable, .text = "/proc/self/syscall"},
	{.name = "proc-children", .fn = openable, .text = "/proc/thread-self/children"},
	{.name = "proc-timens_offsets", .fn = readable, .text = "/proc/self/timens_offsets"},
	{.name = "dev-fd", .fn = openable, .text = "/dev/fd"},
	{.name = "pagemap-frames", .fn = pagemap_frames},
	{.name = "smaps-vmflags", .fn = smaps_vmflags, .place = IN_CHILD},
	{.name = "proc-mem-force", .fn = proc_mem_force, .place = IN_CHILD},
	{.name = "sock_diag-unix", .fn = sock_diag_unix},
};

enum { FEATURES = sizeof(features) / sizeof(*features) };

static void feature_run(const void *arg, struct observed *o)
{
	const struct feature *f = arg;

	o->errnum = f->fn(f);
	o->ok = !o->errnum;
}

static void run_in_child(struct observe_job *jobs, size_t n)
{
	int ret = observe_in_child(jobs, n);

	for (size_t i = 0; ret < 0 && i < n; i++)
		observed_errno(&jobs[i].o, -ret);
}

/* One child for all that do not disturb each other. */
static void run_together(struct observe_job jobs[FEATURES])
{
	struct observe_job some[FEATURES];
	size_t n = 0;

	for (size_t i = 0; i < FEATURES; i++)
		if (features[i].place == IN_CHILD)
			some[n++] = jobs[i];
	run_in_child(some, n);
	while (n--)
		jobs[(const struct feature *)some[n].arg - features].o = some[n].o;
}

void probe_features(const struct case_env *env, const json_t *params, json_t *facts)
{
	struct observe_job jobs[FEATURES] = {0};

	(void)env, (void)params;
	for (size_t i = 0; i < FEATURES; i++)
		jobs[i] = (struct observe_job){.fn = feature_run, .arg = &features[i]};
	run_together(jobs);
	for (size_t i = 0; i < FEATURES; i++) {
		if (features[i].place == HERE)
			feature_run(&features[i], &jobs[i].o);
		else if (features[i].place == ALONE)
			run_in_child(&jobs[i], 1);
		json_object_set_new(facts, features[i].name, observed_json(&jobs[i].o));
	}
}

/* EINVAL is what a flag gets that the kernel does not know; a limit or a lack of rights is another
 * matter. In a child, for it would change this process. */
static bool knows_ns(unsigned flags)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(unshare((int)flags) < 0 && errno == EINVAL);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid < 0 || !WIFEXITED(status) || !WEXITSTATUS(status);
}

unsigned probe_lacks_ns(void)
{
	static const unsigned plain[] = {CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC};
	unsigned lacks = 0;

	if (knows_ns(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC))
		return 0;
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (!knows_ns(plain[i]))
			lacks |= plain[i];
	return lacks;
}
