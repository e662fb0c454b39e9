// SPDX-License-Identifier: GPL-2.0-or-later
#include "gdb.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "proc.h"
#include "publish.h"
#include "sig.h"

/* For a helper that waits for the stub still; default action: it ends. */
#define NO_MACHINE SIGUSR1

int gdb_open(struct gdb *g, struct err *err)
{
	const char *base = getenv("XDG_RUNTIME_DIR") ?: getenv("TMPDIR") ?: "/tmp";

	*g = (struct gdb){0};
	/* The path of a socket may have some hundred bytes and no more. */
	if (access(base, W_OK) < 0 ||
	    strlen(base) > sizeof(((struct sockaddr_un *)0)->sun_path) / 2)
		base = "/tmp";
	g->dir = xasprintf("%s/sealmatrix-gdb.XXXXXX", base);
	if (!mkdtemp(g->dir)) {
		int ret = err_set(err, ERR_INFRA, errno, "make directory %s", g->dir);

		free(steal_ptr(g->dir));
		return ret;
	}
	g->socket = xasprintf("%s/gdb", g->dir);
	return 0;
}

void gdb_close(struct gdb *g)
{
	struct err ignored = ERR_INIT;

	if (g->dir)
		remove_tree(g->dir, &ignored);
	free(g->dir);
	free(g->socket);
	free(g->symbols);
	strv_free(&g->commands);
}

void gdb_argv(const struct gdb *g, bool paused, struct strv *argv)
{
	strv_add(argv, "-chardev");
	strv_addf(argv, "socket,id=gdb,path=%s,server=on,wait=off", g->socket);
	strv_add(argv, "-gdb");
	strv_add(argv, "chardev:gdb");
	if (paused)
		strv_add(argv, "-S");
}

char *gdb_vmlinux(const struct kernel *k, char **hint)
{
	_cleanup_free_ char *dir =
		xstrndup(k->image, strrchr(k->image, '/') ? strrchr(k->image, '/') - k->image : 0);
	char *tries[] = {
		xasprintf("%s/vmlinux", *dir ? dir : "."),
		xasprintf("%s/../../../vmlinux", *dir ? dir : "."), /* arch/x86/boot of a tree */
		xasprintf("/usr/lib/debug/boot/vmlinux-%s", k->release ? k->release : "unknown"),
		xasprintf("/usr/lib/debug/lib/modules/%s/vmlinux",
			  k->release ? k->release : "unknown"),
	};
	char *found = NULL;

	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		if (!found && access(tries[i], R_OK) == 0)
			found = steal_ptr(tries[i]);
		free(tries[i]);
	}
	if (!found && k->release && k->version && k->modules)
		*hint = xasprintf("no symbols of this kernel here; Debian has them in the package "
				  "linux-image-%s-dbg",
				  k->release);
	else if (!found)
		*hint = xstrdup("no symbols of this kernel here: a vmlinux beside the image would "
				"be used");
	return found;
}

bool gdb_installed(void)
{
	return proc_in_path("gdb");
}

static void gdb_words(const struct gdb *g, struct strv *argv)
{
	strv_add(argv, "gdb");
	strv_add(argv, "-q");
	for (size_t i = 0; i < g->commands.n; i++) {
		strv_add(argv, "-ex");
		strv_add(argv, g->commands.v[i]);
	}
	if (g->symbols)
		strv_add(argv, g->symbols);
}

char *gdb_line(const struct gdb *g)
{
	_cleanup_strv_ struct strv argv = {0};
	char *line = xstrdup("");

	gdb_words(g, &argv);
	for (size_t i = 0; i < argv.n; i++) {
		_cleanup_free_ char *word = proc_quoted(argv.v[i]), *before = line;

		line = xasprintf("%s%s%s", before, i ? " " : "", word);
	}
	return line;
}

static void become_gdb(const struct gdb *g)
{
	static const int reset[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGTTOU, NO_MACHINE};
	_cleanup_strv_ struct strv argv = {0};

	for (size_t i = 0; i < sizeof(reset) / sizeof(*reset); i++)
		signal(reset[i], SIG_DFL);
	gdb_words(g, &argv);
	execvp(argv.v[0], argv.v);
	_exit(127);
}

/* The helper: not in the foreground, as we are not for as long as gdb is. */
static void help(const struct gdb *g, pid_t parent)
{
	struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	pid_t before = tcgetpgrp(STDIN_FILENO);
	int status = 0;

	signal(SIGTERM, SIG_DFL);
	signal(NO_MACHINE, SIG_DFL);
	signal(SIGTTOU, SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
		_exit(127);
	/* QEMU makes the socket before anything else; without QEMU we are ended. */
	while (access(g->socket, F_OK) < 0)
		nanosleep(&pause, NULL);
	signal(NO_MACHINE, SIG_IGN);
	setpgid(0, 0);
	if (before == getpgid(parent))
		tcsetpgrp(STDIN_FILENO, getpid());
	pid_t pid = fork();

	if (pid == 0)
		become_gdb(g);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (before == getpgid(parent))
		tcsetpgrp(STDIN_FILENO, before);
	if (pid < 0 || status)
		kill(parent, SIGTERM);
	_exit(0);
}

pid_t gdb_start(const struct gdb *g, struct err *err)
{
	pid_t parent = getpid();

	fflush(NULL);
	pid_t pid = fork();

	if (pid < 0)
		return err_set(err, ERR_INFRA, errno, "start gdb: fork");
	if (pid == 0)
		help(g, parent);
	return pid;
}

void gdb_wait(pid_t pid, bool now)
{
	if (pid <= 0)
		return;
	kill(pid, now ? SIGTERM : NO_MACHINE);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		if (sig_stop())
			kill(pid, SIGTERM);
}
