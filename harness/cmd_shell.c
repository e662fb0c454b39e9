// SPDX-License-Identifier: GPL-2.0-or-later
/* A shell in a machine: on the user's terminal, or fed with a script. */
#include <errno.h>
#include <float.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel.h"
#include "cleanup.h"
#include "cmd.h"
#include "gdb.h"
#include "initramfs.h"
#include "modules_kept.h"
#include "paths.h"
#include "pick.h"
#include "plan.h"
#include "publish.h"
#include "sig.h"
#include "vm_internal.h"
#include "vm_terminal.h"

#define SCRIPT_MAX  (16 << 20)
#define INIT_PATH   "/sealmatrix/shell"
#define SCRIPT_PATH "/sealmatrix/script"

/* images/shell ends with "\0exit N\n" on the channel. */
#define TRAILER	    "exit "
#define TRAILER_MAX 16

struct shell {
	const char *accel, *append;
	bool gdb, paused, terminal;
	struct vm_config cfg;
	struct kernel k;
	struct gdb debugger;
	char *dir; /* temporary */
	char *script;
	size_t script_len;
	char trailer[TRAILER_MAX + 1]; /* what came after the last NUL */
	size_t held;		       /* bytes of it */
	bool holding;
};

static void shell_free(struct shell *s)
{
	struct err ignored = ERR_INIT;

	if (s->dir)
		remove_tree(s->dir, &ignored);
	free(s->dir);
	free(s->script);
	free((char *)s->cfg.initrd);
	free((char *)s->cfg.append);
	free((char *)s->cfg.console_path);
	free((char *)s->cfg.channel_path);
	strv_free(&s->cfg.extra);
	gdb_close(&s->debugger);
	kernel_free(&s->k);
}

static int read_script(struct shell *s, struct err *err)
{
	size_t room = 0;
	ssize_t n = 1;

	while (n) {
		if (room - s->script_len < BUFSIZ)
			s->script = xreallocarray(s->script, room = 2 * room + BUFSIZ, 1);
		n = read(STDIN_FILENO, s->script + s->script_len, room - s->script_len);
		if (n < 0 && errno == EINTR && !sig_stop())
			continue;
		if (n < 0)
			return err_set(err, ERR_INFRA, errno, "read standard input");
		s->script_len += n;
		if (s->script_len > SCRIPT_MAX)
			return err_set(err, ERR_USER, EFBIG,
				       "standard input has more than %d MiB; a terminal or a "
				       "script was expected",
				       SCRIPT_MAX >> 20);
	}
	return 0;
}

static int write_initrd(struct shell *s, struct err *err)
{
	_cleanup_module_set_ struct module_set mods = {0};
	_cleanup_strv_ struct strv wanted = {0};
	_cleanup_free_ char *list = paths_data("images/initramfs.list"), *plan = NULL;
	_cleanup_free_ char *init = paths_data("images/shell"), *text = NULL;
	const struct plan_opts what = {
		.nonce = "shell", .deadline_ms = PLAN_DEADLINE_MS, .probe = true};
	size_t len;
	int ret = modules_wanted(&wanted, err);

	if (!ret)
		ret = modules_of(&s->k, &wanted, &mods, err);
	/* Everything, so that `grep` can make a smaller plan in the guest. */
	if (!ret)
		ret = plan_default(NULL, &what, &plan, err);
	if (!ret)
		ret = read_file(init, 1 << 20, &text, &len, err);
	if (ret < 0)
		return ret;
	const struct initramfs_file files[] = {
		{INIT_PATH, 0755, text, len},
		{SCRIPT_PATH, 0644, s->script, s->script_len},
	};
	struct initramfs_opts opts = {.list = list,
				      .mods = &mods,
				      .plan = plan,
				      .files = files,
				      .nfiles = s->terminal ? 1 : 2};

	s->cfg.initrd = xasprintf("%s/initrd", s->dir);
	return initramfs_write(s->cfg.initrd, &opts, err);
}

static char *command_line(const struct shell *s)
{
	const char *term = getenv("TERM");
	struct winsize ws = {0};
	_cleanup_free_ char *tty = NULL;

	if (s->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row && ws.ws_col)
		tty = xasprintf(" sm.rows=%u sm.columns=%u", ws.ws_row, ws.ws_col);
	/* What the kernel would cut up, or take for a word of its own, stays out. */
	bool plain =
		s->terminal && term && *term && !strpbrk(term, " \t\n\"=") && strlen(term) < 64;

	return xasprintf("sm.init=shell sm.name=%s%s%s%s%s%s", s->k.name, plain ? " sm.term=" : "",
			 plain ? term : "", tty ? tty : "", s->append ? " " : "",
			 s->append ? s->append : "");
}

/* On a terminal time is the user's: a guest that waits for a key would see years pass. */
static void choose_time(struct shell *s)
{
	_cleanup_free_ char *why = NULL;

	s->cfg.accel = VM_TCG;
	if (!strcmp(s->accel, "kvm"))
		s->cfg.accel = VM_KVM;
	else if (!strcmp(s->accel, "auto") && s->terminal && !access("/dev/kvm", F_OK))
		s->cfg.accel = accel_probe(s->k.arch, s->k.image, s->cfg.initrd, &why);
	s->cfg.realtime = s->terminal || s->cfg.vcpus > 1;
	s->cfg.console_stdio = s->terminal;
}

static int open_debugger(struct shell *s, struct err *err)
{
	_cleanup_free_ char *hint = NULL, *line = NULL;
	int ret = gdb_open(&s->debugger, err);

	if (ret < 0)
		return ret;
	strv_addf(&s->debugger.commands, "target remote %s", s->debugger.socket);
	s->debugger.symbols = gdb_vmlinux(&s->k, &hint);
	gdb_argv(&s->debugger, s->paused, &s->cfg.extra);
	line = gdb_line(&s->debugger);
	fprintf(stderr, "The kernel's debugger%s. In another terminal:\n  %s\n",
		s->paused ? "; the machine waits for its `continue`" : "", line);
	if (hint)
		fprintf(stderr, "(%s)\n", hint);
	if (!gdb_installed())
		fprintf(stderr, "(gdb is not installed here, the package is gdb)\n");
	return 0;
}

static int prepare(struct shell *s, const char *word, struct err *err)
{
	const char *tmp = getenv("TMPDIR") ?: "/tmp";
	int ret = s->terminal ? 0 : read_script(s, err);

	if (!ret)
		ret = pick_kernel(word, &s->k, err);
	if (ret < 0)
		return ret;
	s->dir = xasprintf("%s/sealmatrix-shell.XXXXXX", tmp);
	if (!mkdtemp(s->dir)) {
		ret = err_set(err, ERR_INFRA, errno, "make directory %s", s->dir);
		free(steal_ptr(s->dir));
		return ret;
	}
	s->cfg.arch = s->k.arch;
	s->cfg.kernel = s->k.image;
	s->cfg.append = command_line(s);
	s->cfg.console_path = xasprintf("%s/console", s->dir);
	s->cfg.channel_path = xasprintf("%s/channel", s->dir);
	ret = write_initrd(s, err);
	if (ret < 0)
		return ret;
	choose_time(s);
	return s->gdb ? open_debugger(s, err) : 0;
}

static void let_go(struct shell *s)
{
	if (!s->holding)
		return;
	putchar('\0');
	fwrite(s->trailer, 1, s->held, stdout);
	s->holding = false;
	s->held = 0;
}

/* The script's output, all but the trailer, which may come in pieces. */
static int on_output(void *arg, const char *buf, size_t len)
{
	struct shell *s = arg;

	for (size_t i = 0; i < len; i++) {
		if (!buf[i] || s->held == TRAILER_MAX)
			let_go(s);
		if (!buf[i])
			s->holding = true;
		else if (s->holding)
			s->trailer[s->held++] = buf[i];
		else
			putchar(buf[i]);
	}
	return fflush(stdout) == EOF ? -errno : 0;
}

static int on_console(void *arg, const char *buf, size_t len)
{
	(void)arg;
	fwrite(buf, 1, len, stderr);
	return 0;
}

/* The shell's exit status, or -1 when it never came to its end. */
static int exit_status(struct shell *s)
{
	unsigned status;
	char end;

	s->trailer[s->held] = '\0';
	if (s->holding && sscanf(s->trailer, TRAILER "%u%c", &status, &end) == 2 && end == '\n' &&
	    status < 256)
		return status;
	let_go(s);
	return -1;
}

static int run_script(struct shell *s, struct err *err)
{
	struct vm_limits lim = vm_limits;
	_cleanup_vm_result_ struct vm_result res = {0};

	/* How long it takes and how much it writes is the script's affair, and Ctrl-C is there. */
	lim.channel_bytes = lim.console_bytes = LONG_MAX;
	lim.silent_cpu_s = lim.idle_wall_s = DBL_MAX;
	s->cfg.on_console = on_console;
	int ret = vm_run_limits(&s->cfg, &lim, on_output, s, &res, err);
	int status = ret < 0 ? -1 : exit_status(s);

	if (ret < 0 || status >= 0)
		return ret < 0 ? ret : status;
	if (sig_stop() || ferror(stdout))
		return STATUS_INFRA; /* main() says why */
	return err_set(err, ERR_INFRA, 0, "the machine ended before its shell: %s", res.text);
}

static int run_terminal(struct shell *s, struct err *err)
{
	_cleanup_free_ char *said = NULL;
	struct err none = ERR_INIT;
	int ws = 0, ret = vm_terminal(&s->cfg, &ws, err);
	size_t len;

	if (ret < 0)
		return ret;
	if (read_file(s->cfg.channel_path, TRAILER_MAX, &said, &len, &none) == 0)
		on_output(s, said, len);
	int status = exit_status(s);

	if (status >= 0)
		return status;
	/* Ctrl-A x, or the guest powered off or reset itself. */
	if (sig_stop() || (WIFEXITED(ws) && WEXITSTATUS(ws) == 0))
		return STATUS_OK;
	return err_set(err, ERR_INFRA, 0, "QEMU ended with wait status %#x", ws);
}

static int parse(int argc, char **argv, struct shell *s, struct err *err)
{
	static const struct option options[] = {{"gdb", no_argument, NULL, 'g'},
						{"paused", no_argument, NULL, 'p'},
						{"accel", required_argument, NULL, 'a'},
						{"append", required_argument, NULL, 'A'},
						{"vcpus", required_argument, NULL, 'v'},
						{"memory", required_argument, NULL, 'm'},
						{0}};
	long n;
	int c, ret = 0;

	while (!ret && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			s->paused = s->gdb = true;
			break;
		case 'g':
			s->gdb = true;
			break;
		case 'a':
			s->accel = optarg;
			break;
		case 'A':
			s->append = optarg;
			break;
		case 'v':
			ret = parse_number(optarg, "--vcpus", 1, 64, &n, err);
			s->cfg.vcpus = n;
			break;
		case 'm':
			ret = parse_number(optarg, "--memory", 64, 1 << 20, &n, err);
			s->cfg.memory_mib = n;
			break;
		default:
			ret = usage_error(argv, err);
		}
	}
	if (!ret && strcmp(s->accel, "auto") && strcmp(s->accel, "tcg") && strcmp(s->accel, "kvm"))
		ret = err_set(err, ERR_USER, 0, "--accel takes auto, tcg or kvm, not '%s'",
			      s->accel);
	if (!ret && optind != argc - 1)
		ret = err_set(err, ERR_USER, 0,
			      "shell takes one kernel: a name, or the path of an image; "
			      "`kernels list` shows the names");
	return ret;
}

static int run(int argc, char **argv, struct err *err)
{
	_cleanup_(shell_free) struct shell s = {.accel = "auto"};
	int ret = parse(argc, argv, &s, err);

	if (ret < 0)
		return ret;
	s.terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	ret = prepare(&s, argv[optind], err);
	if (ret < 0)
		return ret;
	return s.terminal ? run_terminal(&s, err) : run_script(&s, err);
}

const struct command cmd_shell = {
	.name = "shell",
	.args = "KERNEL [OPTION…]",
	.summary = "A shell in a machine with that kernel, or a script run by it",
	.help = "On a terminal: busybox with all its applets, the case programs (agent, nsexec-*) "
		"in "
		"PATH,\n"
		"a plan of the default suite in /sealmatrix/plan.jsonl. exit or Ctrl-D ends the "
		"machine,\n"
		"Ctrl-A x kills it (Ctrl-A h tells the other keys), Ctrl-C goes to the guest.\n\n"
		"Otherwise standard input is read to its end and run as a script: its output goes "
		"to\n"
		"standard output, its errors and the console to standard error. Such a run is "
		"repeatable\n"
		"to the byte, and sleeping takes no time.\n\n"
		"The exit status is that of the guest's shell; 3 with a message when the machine "
		"ended first.\n\n"
		"  --gdb            a debugger may look at the kernel; prints the line to type\n"
		"  --paused         the same, and the machine waits for the debugger before it "
		"boots\n"
		"  --accel WHICH    auto, tcg or kvm; a script is run under TCG unless told "
		"otherwise\n"
		"  --vcpus N        more than one means real time\n"
		"  --memory MIB     256 by default\n"
		"  --append WORDS   more words for the kernel command line\n",
	.run = run,
};
