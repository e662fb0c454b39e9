/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stopping a replay where a stage of the machine reaches a schedule point. */
#pragma once

#include "replay.h"

/*
 * Fill @gdb's commands so that the machine stops in @variant ("CASE/VARIANT"; NULL: the subject)
 * when the stage of @point ("STAGE:POINT#N") is about to pass it. *boot is the boot to run, *where
 * says it in words (caller frees). ERR_USER: no such variant or point, or no symbols in the file.
 */
int replay_stop(const struct replay *r, const char *variant, const char *point, struct gdb *gdb,
		const json_t **boot, char **where, struct err *err);
