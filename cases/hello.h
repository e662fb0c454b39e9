/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

/*
 * The hello frame (proto.h). @features is the probes' object as text; NULL: nobody probed. @modules
 * is init's list of how it fared with each module, "NAME ok" or "NAME reason" a line; NULL: nobody
 * loaded any.
 */
json_t *hello_frame(const char *features, const char *modules);
