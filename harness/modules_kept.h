/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The closure of a kernel of the cache, remembered: depmod takes as long as a restored machine. */
#pragma once

#include "modules.h"
#include "provider.h"

/* As modules_closure() for @k. Those in its cache entry are verified: a damaged one is an error,
 * and the entry is removed. */
int modules_of(const struct kernel *k, const struct strv *wanted, struct module_set *out,
	       struct err *err);
