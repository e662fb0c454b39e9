// SPDX-License-Identifier: GPL-2.0-or-later
#include "boot_hint.h"

#include <string.h>

/* In the order in which they explain one another: the first that is there counts. */
static const struct {
	const char *sign, *hint;
} hints[] = {
	{"Failed to execute /init (error -8)",
	 "the kernel cannot run a script: set CONFIG_BINFMT_SCRIPT=y (and CONFIG_BINFMT_ELF=y)"},
	{"Requested init /init failed (error -8)",
	 "the kernel cannot run a script: set CONFIG_BINFMT_SCRIPT=y (and CONFIG_BINFMT_ELF=y)"},
	{"Failed to execute /init", "the kernel could not start its init: see its console"},
	{"Unable to mount root fs", "the kernel took no initramfs: set CONFIG_BLK_DEV_INITRD=y"},
	{"No working init found", "the kernel took no initramfs: set CONFIG_BLK_DEV_INITRD=y"},
	{"Initramfs unpacking failed",
	 "the initramfs did not fit: more memory, or a smaller kernel"},
	{"Out of memory and no killable processes", "the machine has too little memory for it"},
	{"agent: open /dev/ttyS1", "there is no second serial port: set CONFIG_SERIAL_8250=y"},
	{"This kernel requires the following features not present",
	 "it was built for a newer processor than QEMU's default model"},
};

const char *boot_hint(const char *text, size_t len)
{
	if (!len)
		return "not a word on its console: it may lack CONFIG_SERIAL_8250_CONSOLE=y, or "
		       "not be "
		       "made for this machine at all";
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++)
		if (memmem(text, len, hints[i].sign, strlen(hints[i].sign)))
			return hints[i].hint;
	return NULL;
}
