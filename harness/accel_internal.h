/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The probe with the device as an argument, for tests: not every host has one. */
#pragma once

#include "accel.h"

enum vm_accel accel_probe_device(const char *device, const char *arch, const char *kernel,
				 const char *initrd, char **why);
