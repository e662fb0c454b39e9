/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /dev/kvm may exist and still not run an ordinary kernel, so KVM is chosen only after a kernel was
 * seen to boot under it. The answer is cached per host boot and QEMU version.
 */
#pragma once

#include "err.h"
#include "vm.h"

/*
 * Which accelerator works for @arch, found with @kernel and @initrd (whose plan is empty), and in
 * *why one line for people (caller frees). Bounded in time, or where KVM does not work in QEMU's
 * CPU time; concurrent callers wait for one probe.
 */
enum vm_accel accel_probe(const char *arch, const char *kernel, const char *initrd, char **why);
