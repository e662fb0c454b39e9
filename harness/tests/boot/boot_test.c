// SPDX-License-Identifier: GPL-2.0-or-later
#include "boot_test.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "json_util.h"
#include "paths.h"
#include "proc.h"
#include "publish.h"
#include "xalloc.h"

const char *driver(void)
{
	static char path[PATH_MAX + 16];
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	ck_assert_int_gt(n, 0);
	exe[n] = '\0';
	snprintf(path, sizeof(path), "%s/sealmatrix", dirname(dirname(exe)));
	return path;
}

char *results_dir(const char *name)
{
	return xasprintf("%s/%s", test_dir(), name);
}

pid_t driver_start(const char *dir, const char *const args[])
{
	struct err err = ERR_INIT;
	struct strv argv = {0};
	_cleanup_free_ char *out = xasprintf("%s/stdout.txt", dir);
	_cleanup_free_ char *log = xasprintf("%s/stderr.txt", dir);

	ck_assert_int_eq(make_dirs(dir, &err), 0);
	strv_add(&argv, driver());
	for (size_t i = 0; args[i]; i++)
		strv_add(&argv, args[i]);
	pid_t pid = fork();

	if (pid == 0) {
		int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0666);
		int fd2 = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666);

		dup2(fd, 1);
		dup2(fd2, 2);
		execv(argv.v[0], argv.v);
		_exit(127);
	}
	strv_free(&argv);
	ck_assert_int_gt(pid, 0);
	return pid;
}

pid_t driver_run_start(const char *dir, const char *const args[])
{
	const char *all[32] = {"run", "--json", "--results", dir};

	for (size_t i = 0; args[i]; i++) {
		ck_assert_uint_lt(i + 5, sizeof(all) / sizeof(*all));
		all[i + 4] = args[i];
		all[i + 5] = NULL;
	}
	return driver_start(dir, all);
}

json_t *driver_run_end(const char *dir, pid_t pid, int *status)
{
	_cleanup_free_ char *out = xasprintf("%s/stdout.txt", dir), *log = NULL;
	_cleanup_free_ char *log_path = xasprintf("%s/stderr.txt", dir);
	struct err err = ERR_INIT;
	json_error_t jerr;
	int ws;

	while (waitpid(pid, &ws, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	ck_assert(WIFEXITED(ws));
	*status = WEXITSTATUS(ws);

	json_t *run = json_load_file(out, 0, &jerr);

	if (!run) {
		read_file(log_path, 1 << 20, &log, NULL, &err);
		ck_abort_msg("no JSON from the driver (status %d): %s", *status, log ? log : "");
	}
	return run;
}

json_t *driver_run(const char *dir, int *status, const char *const args[])
{
	return driver_run_end(dir, driver_run_start(dir, args), status);
}

json_t *find_variant(const json_t *run, const char *kernel, const char *name)
{
	_cleanup_free_ char *id = xasprintf("%s/%s", kernel, name);
	json_t *r;
	size_t i;

	json_array_foreach (json_object_get(run, "records"), i, r) {
		if (!strcmp(jstr(r, "type", ""), "variant") && !strcmp(jstr(r, "id", ""), id))
			return r;
	}
	ck_abort_msg("no record of %s", id);
}

json_t *find_boot(const json_t *run, const char *kernel, int nr)
{
	json_t *r;
	size_t i;

	json_array_foreach (json_object_get(run, "records"), i, r) {
		if (!strcmp(jstr(r, "type", ""), "boot") &&
		    !strcmp(jstr(r, "kernel", ""), kernel) && jint(r, "boot", -1) == nr)
			return r;
	}
	ck_abort_msg("no record of boot %d of %s", nr, kernel);
}

char *guest_with(const char *name, const char *script)
{
	static const char *const programs[] = {"agent",		"loader",     "seals",
					       "nsexec-static", "nsexec-pie", "nsexec-dynamic"};
	_cleanup_free_ char *dir = xasprintf("%s/guest", test_dir());
	struct err err = ERR_INIT;

	ck_assert_int_eq(make_dirs(dir, &err), 0);
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		_cleanup_free_ char *from = paths_guest(programs[i]);
		_cleanup_free_ char *to = xasprintf("%s/%s", dir, programs[i]);
		bool ours = !strcmp(programs[i], name);

		unlink(to);
		if (ours && *script != '/')
			ck_assert_msg(publish_buffer(to, script, strlen(script), &err) == 0, "%s",
				      err.msg);
		else
			ck_assert_int_eq(symlink(ours ? script : from, to), 0);
	}
	return steal_ptr(dir);
}

static void link_all(const char *from, const char *to, const char *but)
{
	_cleanup_closedir_ DIR *d = opendir(from);

	for (struct dirent *e; d && (e = readdir(d));) {
		_cleanup_free_ char *a = xasprintf("%s/%s", from, e->d_name);
		_cleanup_free_ char *b = xasprintf("%s/%s", to, e->d_name);

		if (*e->d_name != '.' && strcmp(e->d_name, but) && symlink(a, b) < 0)
			ck_assert_int_eq(errno, EEXIST);
	}
}

json_t *kernel_got(const char *kernel)
{
	char *argv[] = {(char *)driver(), "kernels", "get", "--json", (char *)kernel, NULL};
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(proc_capture(argv, NULL, &text, &err) == 0, "%s", err.msg);
	_cleanup_json_ json_t *all = json_loads(text, 0, NULL);
	json_t *got = json_incref(json_array_get(all, 0));

	ck_assert_ptr_nonnull(got);
	return got;
}

char *cache_without(const char *kind, const char *kernel)
{
	json_decref(kernel_got(kernel));

	char *top = results_dir("cache");
	_cleanup_free_ char *dir = xasprintf("%s/sealmatrix", top);
	struct err err = ERR_INIT;
	const char *real = cache_root(&err);

	ck_assert_ptr_nonnull(real);
	ck_assert_int_eq(make_dirs(dir, &err), 0);
	link_all(real, dir, kind);
	return top;
}

char *path_without(const char *name)
{
	char *dir = xasprintf("%s/bin", test_dir());
	struct err err = ERR_INIT;

	ck_assert_int_eq(make_dirs(dir, &err), 0);
	link_all("/usr/bin", dir, name);
	link_all("/usr/sbin", dir, name);
	return dir;
}

/* Until input_back(), standard input is @text. The descriptor that was it. */
static int input_from(const char *dir, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/stdin.txt", dir);
	struct err err = ERR_INIT;
	int saved = dup(STDIN_FILENO);

	ck_assert_int_eq(publish_buffer(path, text, strlen(text), &err), 0);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	close(fd);
	return saved;
}

static void input_back(int saved)
{
	dup2(saved, STDIN_FILENO);
	close(saved);
}

int driver_command(const char *dir, const char *input, char **out, char **log,
		   const char *const args[])
{
	_cleanup_free_ char *out_path = xasprintf("%s/stdout.txt", dir);
	_cleanup_free_ char *log_path = xasprintf("%s/stderr.txt", dir);
	struct err err = ERR_INIT;
	int status, saved = input ? input_from(dir, input) : -1;
	pid_t pid = driver_start(dir, args);

	if (input)
		input_back(saved);
	while (waitpid(pid, &status, 0) < 0)
		ck_assert_int_eq(errno, EINTR);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(read_file(out_path, 1 << 24, out, NULL, &err), 0);
	ck_assert_int_eq(read_file(log_path, 1 << 24, log, NULL, &err), 0);
	return WEXITSTATUS(status);
}
