/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the builder share. */
#pragma once

#include <stdbool.h>

bool build_in_path(const char *program);
