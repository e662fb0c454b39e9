/* SPDX-License-Identifier: GPL-2.0-or-later */
/* apt's files for one suite, and apt commands run on them. Only apt*.c uses this. */
#pragma once

#include <stdbool.h>

#include "err.h"
#include "progress.h"
#include "xalloc.h"

enum apt_state {
	APT_READY,
	APT_MISSING, /* the mirror does not carry this suite, or no mirror is known for it */
};

/* Make the lists of @suite ready to be read: an enum apt_state, or negative with @err. */
int apt_state_refresh(const char *suite, struct progress *pg, struct err *err);

/* What the lists of @suite say is no longer so: the next refresh fetches them, whatever their age.
 */
int apt_state_expire(const char *suite, struct err *err);

/* The beginning of an apt command line: PROGRAM and the options that point it at the suite's files.
 */
int apt_state_argv(const char *suite, const char *program, struct strv *argv, struct err *err);

/* The environment of every apt command: its messages are read, so they must not be translated. */
extern const char *const apt_env[];

/* What apt complained of first: the line that says why, before those that say what it gave up. */
struct apt_complaint {
	char *text;
};
void apt_complaint_take(struct apt_complaint *c, const char *line);
void apt_complaint_free(struct apt_complaint *c);
#define _cleanup_complaint_ __attribute__((cleanup(apt_complaint_free)))

/* The address of the archive that carries @suite: the environment's, or the one that this system's
 * apt uses; for a suite of the past only the environment's. *uri is the caller's; NULL when none is
 * configured. */
int apt_mirror(const char *suite, char **uri, struct err *err);

/* Security updates lie in an archive of their own. */
bool apt_is_security(const char *suite);

/* "sid@20191110T000000Z" is a suite as it was then, in a snapshot archive. */
bool apt_is_snapshot(const char *suite);
/* *uri is the caller's; NULL when SEALMATRIX_SNAPSHOT says nothing. */
int apt_snapshot_uri(const char *suite, char **uri, struct err *err);
/* Write a program for apt that is gpgv by the clock of @suite's time, where faketime is there. */
int apt_snapshot_gpgv(const char *suite, const char *path, struct err *err);
