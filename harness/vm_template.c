// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A stopped machine to a file and back, by QEMU's migration. Memory stays in its own file, which is
 * shared, so that it is left out of the stream (capability x-ignore-shared).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "json_util.h"
#include "sig.h"
#include "vm_arch.h"
#include "vm_internal.h"
#include "watchdog.h"

#define LOOK_MS 200 /* Ctrl-C is noticed that often */

static int set_capabilities(struct qmp *q, int ms, struct err *err)
{
	_cleanup_json_ json_t *args =
		json_pack("{s:[{s:s, s:b}, {s:s, s:b}]}", "capabilities", "capability", "events",
			  "state", 1, "capability", "x-ignore-shared", "state", 1);

	return qmp_command(q, "migrate-set-capabilities", args, ms, NULL, err);
}

/*
 * QEMU 7 takes a file by its descriptor only, QEMU 11 by its name only. One that can lay memory out
 * in a file (capability mapped-ram) knows names.
 */
static int migrate(struct qmp *q, const char *command, const char *fd, const char *name, int ms,
		   struct err *err)
{
	_cleanup_json_ json_t *known = NULL, *args = NULL;
	bool named = false;
	json_t *c;
	size_t i;
	int ret = qmp_command(q, "query-migrate-capabilities", NULL, ms, &known, err);

	if (ret < 0)
		return ret;
	json_array_foreach (known, i, c) {
		named |= !strcmp(jstr(c, "capability", ""), "mapped-ram");
	}
	args = json_pack("{s:s+}", "uri", named ? "file:" : "fd:", named ? name : fd);
	return qmp_command(q, command, args, ms, NULL, err);
}

static bool has_failed(const struct qmp *q)
{
	const char *status = qmp_migration(q);

	return status && !strcmp(status, "failed");
}

static int wait_for_end(struct qmp *q, const char *what, const struct vm_limits *lim,
			struct err *err)
{
	double until = watchdog_now() + lim->restore_ms / 1e3;

	for (;;) {
		const char *status = qmp_migration(q);

		if (status && !strcmp(status, "completed"))
			return 0;
		if (has_failed(q))
			return err_set(err, ERR_INFRA, EIO, "%s", what);
		if (sig_stop())
			return err_set(err, ERR_INFRA, EINTR, "%s", what);
		if (watchdog_now() > until)
			return err_set(err, ERR_INFRA, ETIMEDOUT, "%s", what);
		if (!qmp_wait(q, LOOK_MS))
			return err_set(err, ERR_INFRA, EPIPE, "%s: QEMU has ended", what);
	}
}

/* QEMU says only that it failed; the file system knows why. */
static int written(int fd, const char *path, struct err *err)
{
	if (fsync(fd) < 0)
		return err_set(err, ERR_INFRA, errno, "write %s", path);
	return 0;
}

/* Stopped at work, it would go on differently each time (cases/loader/park_x86_64.c). */
static int check_idle(struct qmp *q, const struct vm_config *cfg, const struct vm_limits *lim,
		      struct err *err)
{
	const char *halted = vm_arch(cfg->arch)->halted;
	_cleanup_free_ char *regs = NULL;

	if (vm_real_time(cfg) || !halted)
		return 0;
	int ret = qmp_hmp(q, "info registers", lim->answer_ms, &regs, err);

	if (ret < 0)
		return ret;
	if (strstr(regs, halted))
		return 0;
	return err_set(err, ERR_INFRA, ECANCELED,
		       "the guest was at work when its watchdog was to stop it");
}

static int write_state(struct qmp *q, const char *path, const struct vm_limits *lim,
		       struct err *err)
{
	_cleanup_free_ char *what = xasprintf("write the machine's state to %s", path);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		return err_set(err, ERR_INFRA, errno, "create %s", path);
	qmp_migration_forget(q);
	int ret = set_capabilities(q, lim->answer_ms, err);

	if (!ret)
		ret = qmp_pass_fd(q, "state", fd, lim->answer_ms, err);
	if (!ret)
		ret = migrate(q, "migrate", "state", path, lim->answer_ms, err);
	if (ret < 0)
		err_context(err, "%s", what);
	else
		ret = wait_for_end(q, what, lim, err);
	return ret ? ret : written(fd, path, err);
}

int vm_save(struct qmp *q, const struct vm_config *cfg, const struct vm_limits *lim,
	    struct err *err)
{
	int ret = check_idle(q, cfg, lim, err);

	return ret ? ret : write_state(q, cfg->save, lim, err);
}

int vm_restore(struct qmp *q, int fd, const struct vm_limits *lim, struct err *err)
{
	_cleanup_free_ char *number = xasprintf("%d", fd);
	_cleanup_free_ char *name = xasprintf("/proc/self/fd/%d", fd);
	int ret = set_capabilities(q, lim->answer_ms, err);

	if (!ret)
		ret = migrate(q, "migrate-incoming", number, name, lim->answer_ms, err);
	if (!ret)
		ret = wait_for_end(q, "restore the machine", lim, err);
	if (ret < 0 && has_failed(q))
		return -EPIPE; /* it ends by itself now */
	return ret ? ret : qmp_command(q, "cont", NULL, lim->answer_ms, NULL, err);
}
