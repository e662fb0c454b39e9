/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host finds out by itself about a machine that gives no sign of life: no agent is asked,
 * and all of it is bounded in time. Facts only; see `diagnosis` in results/README.md.
 */
#pragma once

#include <jansson.h>

#include "qmp.h"
#include "vm_internal.h"

/* The caller owns the object. The machine is not good for anything else afterwards. */
json_t *vm_diagnose(struct qmp *q, const struct vm_config *cfg, const struct vm_limits *lim);
