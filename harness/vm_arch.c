// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm_arch.h"

#include <string.h>

/* The exit device's port is SM_EXIT_PORT of cases/proto.h. */
static const char *const x86_devices[] = {"-device", "isa-debug-exit,iobase=0xf4,iosize=4", NULL};

/* Their ports are SM_PARK_WATCHDOG and SM_PARK_PORT. */
static const char *const x86_park[] = {"-device", "ib700", NULL};
static const char *const x86_park_real_time[] = {"-device", "pvpanic", NULL};

static const char *const x86_options[] = {"CONFIG_64BIT", "CONFIG_SERIAL_8250",
					  "CONFIG_SERIAL_8250_CONSOLE", NULL};

static const struct vm_arch archs[] = {
	{
		.name = "x86_64",
		.qemu = "qemu-system-x86_64",
		.package = "qemu-system-x86",
		/* Not microvm: under TCG it hangs in timer calibration when the host is loaded. */
		.machine = "q35",
		.cpu_tcg = "qemu64",
		.cpu_kvm = "host",
		.console = "ttyS0",
		.channel = "ttyS1",
		.devices = x86_devices,
		.park = x86_park,
		.park_real_time = x86_park_real_time,
		.options = x86_options,
		.ip_register = "IP=", /* RIP=, and EIP= before long mode */
		.halted = "HLT=1",
	},
};

const struct vm_arch *vm_arch(const char *name)
{
	for (size_t i = 0; i < sizeof(archs) / sizeof(*archs); i++)
		if (!strcmp(archs[i].name, name))
			return &archs[i];
	return NULL;
}
