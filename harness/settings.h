/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's own settings: ${XDG_CONFIG_HOME:-~/.config}/sealmatrix/sealmatrix.conf, "key = value"
 * a line without sections. A key stands for an environment variable, which wins where it is set:
 * `snapshot` for SEALMATRIX_SNAPSHOT, and so on.
 */
#pragma once

#include "err.h"

/* Put what the file says into the environment of this process. No file is fine. */
int settings_load(struct err *err);

/* A path below the directory of the user's own settings; NULL without HOME. Caller frees. */
char *settings_path(const char *rel);
