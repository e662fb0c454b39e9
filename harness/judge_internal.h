/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Between judge.c and the judges of the kinds. */
#pragma once

#include <jansson.h>

/* Which class of stage-machine failure (H1…E3) the facts show, or NULL. */
const char *machine_class(const json_t *record);
