// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm_terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "sig.h"
#include "vm_arch.h"

#define GRACE_MS 2000 /* QEMU's time to end when asked to */

struct terminal {
	struct termios modes;
	bool known;
};

static void terminal_restore(struct terminal *t)
{
	/* From the background tcsetattr() would stop us. */
	void (*before)(int) = signal(SIGTTOU, SIG_IGN);

	if (t->known)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &t->modes);
	signal(SIGTTOU, before);
}

/* In our process group: from another one it could not read the terminal. */
static pid_t start(char *const argv[], struct err *err)
{
	int report[2], failed = 0;
	pid_t parent = getpid();

	if (pipe2(report, O_CLOEXEC) < 0)
		return err_set(err, ERR_INFRA, errno, "start %s: pipe", argv[0]);
	_cleanup_close_ int rd = report[0], wr = report[1];
	pid_t pid = fork();

	if (pid < 0)
		return err_set(err, ERR_INFRA, errno, "start %s: fork", argv[0]);
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		/* Not SIGKILL: QEMU then puts the terminal right by itself. */
		if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
			execvp(argv[0], argv);
		failed = errno;
		_exit(write(wr, &failed, sizeof(failed)) < 0 ? 126 : 127);
	}
	close(steal_fd(&wr));
	while (read(rd, &failed, sizeof(failed)) < 0 && errno == EINTR)
		;
	if (!failed)
		return pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return err_set(err, ERR_INFRA, failed, "start %s", argv[0]);
}

static void wait_end(pid_t pid)
{
	_cleanup_close_ int fd = pidfd_open(pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (fd < 0 || sig_wait(fd))
		return;
	kill(pid, SIGTERM);
	if (poll(&p, 1, GRACE_MS) == 0)
		kill(pid, SIGKILL);
}

int vm_terminal(const struct vm_config *cfg, int *status, struct err *err)
{
	_cleanup_(terminal_restore) struct terminal t = {0};
	_cleanup_strv_ struct strv argv = {0};
	const struct vm_arch *arch = vm_arch(cfg->arch);

	if (!arch)
		return err_set(err, ERR_USER, 0,
			       "no virtual machine is known for the architecture '%s'", cfg->arch);
	t.known = tcgetattr(STDIN_FILENO, &t.modes) == 0;
	vm_argv(cfg, &argv);
	fflush(NULL);
	pid_t pid = start(argv.v, err);

	if (pid == -ENOENT)
		err_context(err, "no QEMU for %s, install %s", cfg->arch, arch->package);
	if (pid < 0)
		return pid;
	wait_end(pid);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		if (sig_stop())
			kill(pid, SIGTERM);
	return 0;
}
