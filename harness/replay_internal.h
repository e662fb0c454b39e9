/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of replay. */
#pragma once

#include "replay.h"

/* Do the records say what the saved channels say? ERR_USER. */
int replay_verify(const struct replay *r, struct err *err);

/* What came out of @boot now, against what was saved; see replay_boot(). */
int replay_compare(const struct replay *r, const json_t *boot, const struct vm_result *res,
		   char **difference, struct err *err);
