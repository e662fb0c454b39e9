// SPDX-License-Identifier: GPL-2.0-or-later
/* Every way in which a machine can end, with real QEMU and guests of a few instructions. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "json_util.h"
#include "proto.h"
#include "publish.h"
#include "sig.h"
#include "small_disk.h"
#include "test.h"
#include "tiny_guest.h"
#include "vm_internal.h"
#include "xalloc.h"

/* Low enough for a test; each is far from what the guests here need when they are well. */
static const struct vm_limits limits = {
	.channel_bytes = 20000,
	.console_bytes = 20000,
	.silent_cpu_s = 5, /* a busy host takes over 2 for the firmware alone */
	.idle_wall_s = 3,
	.idle_cpu_s = 1,
	.unheard = 10,
	.poll_ms = 50,
	.answer_ms = 30000,
};

/* What the guest sent, and what to do about it. */
struct sink {
	char buf[100000];
	size_t len;
	int (*act)(struct sink *s);
	int fd;
};

static int take(void *arg, const char *buf, size_t len)
{
	struct sink *s = arg;

	ck_assert_uint_lt(s->len + len, sizeof(s->buf));
	memcpy(s->buf + s->len, buf, len);
	s->len += len;
	return s->act ? s->act(s) : 0;
}

/* One run of a guest. */
struct run {
	struct vm_limits lim;
	struct vm_config cfg;
	struct sink sink;
	struct vm_result res;
	struct err err;
};

static struct run *run_new(const unsigned char *code, size_t len)
{
	struct run *r = xcalloc(1, sizeof(*r));

	/* A comma would end a value on QEMU's command line. */
	r->lim = limits;
	r->cfg.arch = "x86_64";
	r->cfg.kernel = xasprintf("%s/a,b c/kernel", test_dir());
	r->cfg.console_path = xasprintf("%s/a,b c/console,x=y", test_dir());
	r->cfg.channel_path = xasprintf("%s/a,b c/channel", test_dir());
	tiny_guest(r->cfg.kernel, code, len);
	return r;
}

static void run_free(struct run **r)
{
	vm_result_free(&(*r)->res);
	strv_free(&(*r)->cfg.extra);
	free((char *)(*r)->cfg.kernel);
	free((char *)(*r)->cfg.console_path);
	free((char *)(*r)->cfg.channel_path);
	free(*r);
}

#define _cleanup_run_ _cleanup_(run_free)
#define GUEST(...) \
	run_new((const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__}))

static enum vm_end go(struct run *r)
{
	int ret = vm_run_limits(&r->cfg, &r->lim, take, &r->sink, &r->res, &r->err);

	ck_assert_msg(ret == 0, "%s", r->err.msg);
	ck_assert_ptr_nonnull(r->res.text);
	ck_assert_ptr_null(strchr(r->res.text, '\n'));
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
	return r->res.end;
}

static bool says(const struct run *r, const char *text)
{
	return strstr(r->res.text, text);
}

#define HELLO SET_DX(CHANNEL_PORT), OUT_DX('h'), OUT_DX('i'), SET_DX(CONSOLE_PORT), OUT_DX('!')

START_TEST(done)
{
	_cleanup_run_ struct run *r = GUEST(HELLO, OUT_IMM(SM_EXIT_PORT, SM_EXIT_DONE), SPIN);
	_cleanup_free_ char *console = NULL;

	ck_assert_int_eq(go(r), VM_DONE);
	ck_assert_uint_eq(r->sink.len, 2);
	ck_assert_mem_eq(r->sink.buf, "hi", 2);
	ck_assert_int_eq(read_file(r->cfg.console_path, 100, &console, NULL, &r->err), 0);
	ck_assert_str_eq(console, "!");
	ck_assert(r->res.cpu_s > 0 && r->res.wall_s > 0);
	ck_assert_ptr_null(r->res.diagnosis);
}
END_TEST

START_TEST(broken)
{
	_cleanup_run_ struct run *r = GUEST(OUT_IMM(SM_EXIT_PORT, SM_EXIT_BROKEN), SPIN);

	ck_assert_int_eq(go(r), VM_BROKEN);
}
END_TEST

START_TEST(unknown_exit_status)
{
	_cleanup_run_ struct run *r = GUEST(OUT_IMM(SM_EXIT_PORT, 5), SPIN);

	ck_assert_int_eq(go(r), VM_DIED);
	ck_assert_msg(says(r, "status 11"), "%s", r->res.text);
}
END_TEST

START_TEST(triple_fault_is_a_reset)
{
	_cleanup_run_ struct run *r = GUEST(HELLO, TRIPLE_FAULT, SPIN);

	ck_assert_int_eq(go(r), VM_RESET);
	ck_assert_msg(says(r, "guest-reset"), "%s", r->res.text);
	ck_assert_uint_eq(r->sink.len, 2);
}
END_TEST

START_TEST(power_off)
{
	_cleanup_run_ struct run *r = GUEST(POWER_OFF, SPIN);

	ck_assert_int_eq(go(r), VM_RESET);
	ck_assert_msg(says(r, "guest-shutdown"), "%s", r->res.text);
}
END_TEST

/* Sample @i of the instruction pointer. */
static const char *where(const struct run *r, size_t i)
{
	static char text[64];
	const json_t *s = json_array_get(json_object_get(r->res.diagnosis, "ip"), i);

	snprintf(text, sizeof(text), "%s%s", jstr(s, "ip", "none"),
		 jbool(s, "halted", 0) ? " halted" : "");
	return text;
}

START_TEST(spinning_guest_is_silent)
{
	_cleanup_run_ struct run *r = GUEST(SPIN);

	r->lim.idle_wall_s = 1000;
	r->cfg.silent_cpu_s = 1;
	ck_assert_int_eq(go(r), VM_SILENT);
	ck_assert_msg(says(r, "in 1 s of CPU"), "%s", r->res.text);
	ck_assert_msg(r->res.cpu_s > 1, "%f", r->res.cpu_s);
	/* The very first instruction, 32 bytes into the image, in every sample. */
	for (size_t i = 0; i < 4; i++)
		ck_assert_str_eq(where(r, i), "00100020");
}
END_TEST

/* A guest that has no idea of SysRq, and whose machine the interrupt resets: said, and no hang. */
START_TEST(kernel_that_does_not_answer)
{
	_cleanup_run_ struct run *r = GUEST(SPIN);
	_cleanup_free_ char *map = xasprintf("%s/System.map", test_dir()), *memory = NULL;
	_cleanup_free_ char *sysrq = xasprintf("%s/a b/sysrq", test_dir());
	_cleanup_free_ char *dump = xasprintf("%s/memory", test_dir());
	static const char symbols[] = "0000000000200000 T later\n0000000000100010 T stuck\n"
				      "0000000000100018 d no_function\n\ngarbage\n";
	size_t len;

	ck_assert_int_eq(publish_buffer(map, symbols, strlen(symbols), &r->err), 0);
	ck_assert_int_eq(publish_buffer(sysrq, "old", 3, &r->err), 0);
	r->cfg.silent_cpu_s = 4;
	r->cfg.system_map = map;
	r->cfg.sysrq_path = sysrq;
	r->cfg.dump_path = dump;
	r->lim.sysrq_ms = 400;
	r->lim.dump_ms = 60000;
	ck_assert_int_eq(go(r), VM_SILENT);
	const json_t *d = r->res.diagnosis;

	ck_assert_str_eq(jstr(json_array_get(json_object_get(d, "ip"), 0), "symbol", ""),
			 "stuck+0x10");
	ck_assert_int_eq(jint(d, "answered", -1), 0);
	ck_assert_str_eq(jstr(d, "sysrq", ""), "sysrq");
	ck_assert_str_eq(jstr(d, "dump", ""), "memory");
	ck_assert_int_eq(read_file(dump, 1 << 28, &memory, &len, &r->err), 0);
	ck_assert_msg(len > 4096, "%zu", len);
}
END_TEST

/* With virtual time QEMU skips from timer to timer of a halted guest, as fast as it can. */
START_TEST(halted_guest_is_silent)
{
	_cleanup_run_ struct run *r = GUEST(HALT, SPIN);

	ck_assert_int_eq(go(r), VM_SILENT);
	ck_assert_str_eq(where(r, 0), "00100022 halted");
	ck_assert(WIFSIGNALED(r->res.status));
}
END_TEST

START_TEST(idle_guest_is_silent_in_real_time)
{
	_cleanup_run_ struct run *r = GUEST(HALT, SPIN);

	r->lim.silent_cpu_s = 1000;
	r->cfg.realtime = true;
	ck_assert_int_eq(go(r), VM_SILENT);
	ck_assert_msg(says(r, "no CPU time for 3 s"), "%s", r->res.text);
	ck_assert_str_eq(where(r, 0), "00100022 halted");
}
END_TEST

/* The only child of this process: QEMU. */
static pid_t qemu_pid(void)
{
	_cleanup_free_ char *path = xasprintf("/proc/self/task/%d/children", getpid());
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	int pid = 0;

	ck_assert(f && fscanf(f, "%d", &pid) == 1);
	return pid;
}

/* Stop when QEMU has used twice the CPU time that it may be silent for. */
static int stop_late(struct sink *s)
{
	struct timespec ts;
	clockid_t clock;

	s->len = 0;
	ck_assert_int_eq(clock_getcpuclockid(qemu_pid(), &clock), 0);
	ck_assert_int_eq(clock_gettime(clock, &ts), 0);
	return ts.tv_sec >= 2 * limits.silent_cpu_s ? -ECANCELED : 0;
}

/* Bytes are progress, on either port. */
START_TEST(talking_guest_is_not_silent)
{
	_cleanup_run_ struct run *r = GUEST(SET_DX(CHANNEL_PORT), OUT_DX('x'), AGAIN);

	r->lim.channel_bytes = 1 << 30;
	r->sink.act = stop_late;
	ck_assert_int_eq(go(r), VM_STOPPED);
}
END_TEST

START_TEST(talking_console_is_not_silent)
{
	_cleanup_run_ struct run *r = GUEST(SET_DX(CONSOLE_PORT), OUT_DX('x'), AGAIN);

	r->lim.console_bytes = 1 << 30;
	r->cfg.on_console = take;
	r->sink.act = stop_late;
	ck_assert_int_eq(go(r), VM_STOPPED);
}
END_TEST

/* As a stuck kernel does that complains now and then. */
START_TEST(console_that_talks_for_ever)
{
	_cleanup_run_ struct run *r = GUEST(HELLO, OUT_DX('x'), AGAIN);

	r->lim.console_bytes = 1 << 30;
	r->lim.unheard = 1;
	r->lim.idle_wall_s = 600; /* a busy host lets it have little */
	ck_assert_int_eq(go(r), VM_SILENT);
	ck_assert_msg(says(r, "no byte on the channel in 5 s of CPU time"), "%s", r->res.text);
	ck_assert_uint_eq(r->sink.len, 2);
	ck_assert_ptr_nonnull(r->res.diagnosis);
}
END_TEST

START_TEST(wall_limit)
{
	_cleanup_run_ struct run *r = GUEST(SPIN);

	r->lim.silent_cpu_s = r->lim.idle_wall_s = 1000;
	r->lim.wall_s = 1;
	ck_assert_int_eq(go(r), VM_SILENT);
	ck_assert_msg(says(r, "not through after 1 s"), "%s", r->res.text);
}
END_TEST

START_TEST(channel_flood)
{
	_cleanup_run_ struct run *r = GUEST(SET_DX(CHANNEL_PORT), OUT_DX('x'), AGAIN);

	ck_assert_int_eq(go(r), VM_FLOOD);
	ck_assert_uint_le(r->sink.len, r->lim.channel_bytes + 16384);
}
END_TEST

START_TEST(console_flood)
{
	_cleanup_run_ struct run *r = GUEST(SET_DX(CONSOLE_PORT), OUT_DX('x'), AGAIN);

	ck_assert_int_eq(go(r), VM_FLOOD);
	ck_assert_uint_eq(r->sink.len, 0);
}
END_TEST

/* The limit holds also for what came between the last look and the end. */
START_TEST(flood_just_before_the_end)
{
	/* mov $30000,%ecx; out; loop */
	_cleanup_run_ struct run *r = GUEST(SET_DX(_i), 0xb9, 0x30, 0x75, 0, 0, 0xee, 0xe2, 0xfd,
					    OUT_IMM(SM_EXIT_PORT, SM_EXIT_DONE), SPIN);

	ck_assert_int_eq(go(r), VM_FLOOD);
}
END_TEST

static int refuse(struct sink *s)
{
	(void)s;
	return -EPROTO;
}

START_TEST(handler_stops_it)
{
	_cleanup_run_ struct run *r = GUEST(HELLO, HALT, SPIN);

	r->sink.act = refuse;
	ck_assert_int_eq(go(r), VM_STOPPED);
}
END_TEST

START_TEST(handler_refuses_the_last_bytes)
{
	_cleanup_run_ struct run *r = GUEST(HELLO, OUT_IMM(SM_EXIT_PORT, SM_EXIT_DONE), SPIN);

	r->sink.act = refuse;
	ck_assert_int_eq(go(r), VM_STOPPED);
}
END_TEST

static int ctrl_c(struct sink *s)
{
	(void)s;
	return raise(SIGINT) ? -1 : 0;
}

START_TEST(interrupted)
{
	_cleanup_run_ struct run *r = GUEST(HELLO, HALT, SPIN);

	sig_init();
	r->sink.act = ctrl_c;
	ck_assert_int_eq(go(r), VM_INTERRUPTED);
}
END_TEST

static int kill_qemu(struct sink *s)
{
	return kill(qemu_pid(), s->fd);
}

START_TEST(killed_from_outside)
{
	static const int signals[] = {SIGKILL, SIGTERM, SIGSEGV};
	static const char *const said[] = {"signal 9", "host-signal", "signal 11"};
	_cleanup_run_ struct run *r = GUEST(HELLO, HALT, SPIN);

	r->sink.act = kill_qemu;
	r->sink.fd = signals[_i];
	ck_assert_int_eq(go(r), VM_DIED);
	ck_assert_msg(says(r, said[_i]), "%s", r->res.text);
}
END_TEST

START_TEST(qemu_says_why_it_does_not_start)
{
	_cleanup_run_ struct run *r = GUEST(SPIN);

	strv_add(&r->cfg.extra, "-device");
	strv_add(&r->cfg.extra, "no-such-device");
	ck_assert_int_eq(go(r), VM_DIED);
	ck_assert_msg(says(r, "status 1") && says(r, "no-such-device"), "%s", r->res.text);
}
END_TEST

START_TEST(kernel_that_is_not_there)
{
	_cleanup_run_ struct run *r = GUEST(SPIN);

	/* A line feed, so that QEMU's message is two lines. */
	free((char *)r->cfg.kernel);
	r->cfg.kernel = xasprintf("%s/no\nkernel", test_dir());
	ck_assert_int_eq(go(r), VM_DIED);
	ck_assert_msg(says(r, "/no kernel"), "%s", r->res.text);
}
END_TEST

START_TEST(no_qemu)
{
	_cleanup_run_ struct run *r = GUEST(SPIN);
	_cleanup_free_ char *version = NULL;
	struct err err = ERR_INIT;

	setenv("PATH", test_dir(), 1);
	ck_assert_int_eq(vm_run(&r->cfg, take, &r->sink, &r->res, &r->err), -ENOENT);
	ck_assert_int_eq(r->err.kind, ERR_INFRA);
	ck_assert_ptr_nonnull(strstr(r->err.msg, "install qemu-system-x86"));
	ck_assert_int_lt(vm_qemu_version("x86_64", &version, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "install qemu-system-x86"));
}
END_TEST

START_TEST(unknown_architecture)
{
	_cleanup_run_ struct run *r = GUEST(SPIN);
	_cleanup_free_ char *version = NULL;
	struct err err = ERR_INIT;

	r->cfg.arch = "vax";
	ck_assert_int_eq(vm_run(&r->cfg, take, &r->sink, &r->res, &r->err), -EINVAL);
	ck_assert_int_eq(r->err.kind, ERR_USER);
	ck_assert_int_lt(vm_qemu_version("vax", &version, &err), 0);
	ck_assert_str_eq(vm_machine("vax"), "unknown");
}
END_TEST

START_TEST(port_file_cannot_be_made)
{
	_cleanup_run_ struct run *r = GUEST(SPIN);

	free((char *)r->cfg.console_path);
	r->cfg.console_path = xasprintf("%s/not there/console", test_dir());
	ck_assert_int_eq(vm_run(&r->cfg, take, &r->sink, &r->res, &r->err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(r->err.msg, r->cfg.console_path));
}
END_TEST

START_TEST(full_disk)
{
	_cleanup_free_ char *disk = xasprintf("%s/disk", test_dir());
	/* As in flood_just_before_the_end: more than the disk takes, less than the limit. */
	_cleanup_run_ struct run *r = GUEST(SET_DX(CHANNEL_PORT), 0xb9, 0x10, 0x27, 0, 0, 0xee,
					    0xe2, 0xfd, OUT_IMM(SM_EXIT_PORT, SM_EXIT_DONE), SPIN);

	if (!small_disk(disk, "8k"))
		return;
	free((char *)r->cfg.channel_path);
	r->cfg.channel_path = xasprintf("%s/channel", disk);
	ck_assert_int_eq(vm_run(&r->cfg, take, &r->sink, &r->res, &r->err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(r->err.msg, r->cfg.channel_path));
	umount2(disk, MNT_DETACH);
}
END_TEST

static int tell_parent(struct sink *s)
{
	return write(s->fd, "x", 1) == 1 ? 0 : -EIO;
}

/*
 * kill -9 of the process that runs the machine. QEMU becomes a child of this one then, so that its
 * end can be waited for instead of looked for.
 */
START_TEST(qemu_does_not_outlive_its_driver)
{
	int fds[2], status;
	char byte;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	_cleanup_run_ struct run *r = GUEST(HELLO, HALT, SPIN);

	r->sink.act = tell_parent;
	r->sink.fd = fds[1];
	pid_t driver = fork();

	if (driver == 0) {
		vm_run(&r->cfg, take, &r->sink, &r->res, &r->err);
		_exit(1);
	}
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	kill(driver, SIGKILL);
	ck_assert_int_eq(waitpid(driver, &status, 0), driver);
	ck_assert(WIFSIGNALED(status));
	/* Check's own limit says when this has failed. */
	ck_assert_int_gt(wait(&status), 0);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
}
END_TEST

/* CMOS: seconds, minutes, hours, day, month, year. Then how many instructions it took so far. */
#define CLOCKS                                                                                 \
	SET_DX(CHANNEL_PORT), OUT_CMOS(0), OUT_CMOS(2), OUT_CMOS(4), OUT_CMOS(7), OUT_CMOS(8), \
		OUT_CMOS(9), RDTSC, SET_DX(CHANNEL_PORT), OUT_EAX,                             \
		OUT_IMM(SM_EXIT_PORT, SM_EXIT_DONE), SPIN

START_TEST(guest_clocks_know_nothing_of_the_host)
{
	static const char date[] = {0x01, 0x01, 0x25};
	_cleanup_run_ struct run *one = GUEST(CLOCKS), *two = GUEST(CLOCKS);

	ck_assert_int_eq(go(one), VM_DONE);
	ck_assert_int_eq(go(two), VM_DONE);
	ck_assert_uint_eq(one->sink.len, 10);
	ck_assert_uint_eq(two->sink.len, 10);
	ck_assert_mem_eq(one->sink.buf + 3, date, 3);
	ck_assert_mem_eq(one->sink.buf, two->sink.buf, 10);
}
END_TEST

/* In real time the date is still ours. */
START_TEST(date_in_real_time)
{
	static const char date[] = {0x01, 0x01, 0x25};
	_cleanup_run_ struct run *r = GUEST(CLOCKS);

	r->cfg.realtime = true;
	ck_assert_int_eq(go(r), VM_DONE);
	ck_assert_mem_eq(r->sink.buf + 3, date, 3);
}
END_TEST

/* The word after @option, NULL if it is not there. */
static const char *value_of(const struct strv *argv, const char *option)
{
	for (size_t i = 0; i + 1 < argv->n; i++)
		if (!strcmp(argv->v[i], option))
			return argv->v[i + 1];
	return NULL;
}

START_TEST(arguments)
{
	struct vm_config cfg = {.arch = "x86_64",
				.kernel = "/k,1",
				.initrd = "/i,1",
				.append = "sm.x=1 quiet=0",
				.console_path = "/c,1",
				.channel_path = "/ch"};
	_cleanup_strv_ struct strv tcg = {0}, kvm = {0}, real = {0}, restored = {0};

	strv_add(&cfg.extra, "-s");
	vm_argv(&cfg, &tcg);
	cfg.ram = "/ram";
	cfg.restore = "/state";
	vm_argv(&cfg, &restored);
	cfg.ram = cfg.restore = NULL;
	cfg.accel = VM_KVM;
	cfg.memory_mib = 512;
	vm_argv(&cfg, &kvm);
	cfg.accel = VM_TCG;
	cfg.realtime = true;
	cfg.vcpus = 4;
	vm_argv(&cfg, &real);

	ck_assert(strv_contains(&tcg, "file,id=console,path=/c,,1"));
	ck_assert_str_eq(value_of(&tcg, "-kernel"), "/k,1");
	ck_assert_str_eq(value_of(&tcg, "-initrd"), "/i,1");
	ck_assert_str_eq(tcg.v[tcg.n - 1], "-s");
	/* The caller's words come last: the kernel takes the last of two. */
	const char *append = value_of(&tcg, "-append");

	ck_assert_str_eq(append + strlen(append) - strlen(cfg.append), cfg.append);
	ck_assert_ptr_nonnull(strstr(append, "panic=-1"));
	ck_assert_ptr_nonnull(strstr(append, "sm.channel=ttyS1"));

	ck_assert_str_eq(value_of(&tcg, "-icount"), "shift=4,sleep=off");
	ck_assert_str_eq(value_of(&tcg, "-m"), "256");
	ck_assert_str_eq(value_of(&tcg, "-smp"), "1");
	/* A template's key holds the boot's words: of those, this is none. */
	ck_assert_str_eq(value_of(&tcg, "-accel"), "tcg");
	ck_assert_str_eq(value_of(&restored, "-accel"), "tcg,tb-size=32");
	ck_assert_str_eq(value_of(&kvm, "-accel"), "kvm");
	ck_assert_str_eq(value_of(&kvm, "-cpu"), "host");
	ck_assert_str_eq(value_of(&kvm, "-m"), "512");
	ck_assert_ptr_null(value_of(&kvm, "-icount"));
	ck_assert_str_eq(value_of(&real, "-accel"), "tcg,thread=multi");
	ck_assert_str_eq(value_of(&real, "-smp"), "4");
	ck_assert_ptr_null(value_of(&real, "-icount"));
	strv_free(&cfg.extra);
}
END_TEST

START_TEST(version)
{
	_cleanup_free_ char *v = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(vm_qemu_version("x86_64", &v, &err) == 0, "%s", err.msg);
	ck_assert_msg(v[0] >= '1' && v[0] <= '9' && !strchr(v, '\n'), "%s", v);
}
END_TEST

TEST_SUITE(vm)
{
	Suite *s = suite_create("vm");
	TCase *tc = tcase_create("vm");

	tcase_set_timeout(tc, 300); /* only against a hang */
	tcase_add_test(tc, done);
	tcase_add_test(tc, broken);
	tcase_add_test(tc, unknown_exit_status);
	tcase_add_test(tc, triple_fault_is_a_reset);
	tcase_add_test(tc, power_off);
	tcase_add_test(tc, spinning_guest_is_silent);
	tcase_add_test(tc, kernel_that_does_not_answer);
	tcase_add_test(tc, halted_guest_is_silent);
	tcase_add_test(tc, idle_guest_is_silent_in_real_time);
	tcase_add_test(tc, talking_guest_is_not_silent);
	tcase_add_test(tc, talking_console_is_not_silent);
	tcase_add_test(tc, console_that_talks_for_ever);
	tcase_add_test(tc, wall_limit);
	tcase_add_test(tc, channel_flood);
	tcase_add_test(tc, console_flood);
	tcase_add_loop_test(tc, flood_just_before_the_end, CHANNEL_PORT, CHANNEL_PORT + 1);
	tcase_add_loop_test(tc, flood_just_before_the_end, CONSOLE_PORT, CONSOLE_PORT + 1);
	tcase_add_test(tc, handler_stops_it);
	tcase_add_test(tc, handler_refuses_the_last_bytes);
	tcase_add_test(tc, interrupted);
	tcase_add_loop_test(tc, killed_from_outside, 0, 3);
	tcase_add_test(tc, qemu_says_why_it_does_not_start);
	tcase_add_test(tc, kernel_that_is_not_there);
	tcase_add_test(tc, no_qemu);
	tcase_add_test(tc, unknown_architecture);
	tcase_add_test(tc, port_file_cannot_be_made);
	tcase_add_test(tc, full_disk);
	tcase_add_test(tc, qemu_does_not_outlive_its_driver);
	tcase_add_test(tc, guest_clocks_know_nothing_of_the_host);
	tcase_add_test(tc, date_in_real_time);
	tcase_add_test(tc, arguments);
	tcase_add_test(tc, version);
	suite_add_tcase(s, tc);
	return s;
}
