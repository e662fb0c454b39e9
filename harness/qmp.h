/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's machine protocol over a connected socket: as much of it as is needed. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "err.h"

struct qmp;

/* Takes @fd over. Greeting and capabilities are dealt with as they come. */
struct qmp *qmp_new(int fd);
void qmp_free(struct qmp **q);
int qmp_fd(const struct qmp *q);

/* Take what has come. 0 when QEMU has closed the socket, 1 otherwise. */
int qmp_read(struct qmp *q);

/* The reason of the last SHUTDOWN event ("guest-reset", …), or NULL. Ours. */
const char *qmp_shutdown_reason(const struct qmp *q);

/* Has the machine been stopped since? Nobody here asks for that: KVM could not go on. */
bool qmp_stopped(const struct qmp *q);

/* The status in the last MIGRATION event ("active", "completed", "failed"), or NULL. Ours. */
const char *qmp_migration(const struct qmp *q);
/* Forget it: another one begins. */
void qmp_migration_forget(struct qmp *q);

/*
 * Run @command with @args (stays the caller's; NULL: none) and wait up to @ms for the answer. What
 * it returns goes to *answer (caller's), unless that is NULL. -ETIMEDOUT as below.
 */
int qmp_command(struct qmp *q, const char *command, json_t *args, int ms, json_t **answer,
		struct err *err);

/* QEMU gets a copy of @fd and knows it as @name from then on (command getfd). */
int qmp_pass_fd(struct qmp *q, const char *name, int fd, int ms, struct err *err);

/* Take what comes for up to @ms, until it is news. 0 when QEMU has closed the socket, 1 otherwise.
 */
int qmp_wait(struct qmp *q, int ms);

/*
 * Run a monitor command and wait up to @ms for its text (caller frees). -ETIMEDOUT when QEMU does
 * not answer: it may be stuck itself.
 */
int qmp_hmp(struct qmp *q, const char *command, int ms, char **text, struct err *err);
