/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this kernel supports, measured: {NAME:{"ok":bool,"errno"?}}, the "features" of hello. Has a
 * case's form, so that a kernel that takes a probe amiss costs the probes and not the boot.
 */
#pragma once

#include "case.h"

case_fn probe_features;

/* The CLONE_NEW* flags of a plain container's namespaces that this kernel does not know. */
unsigned probe_lacks_ns(void);
