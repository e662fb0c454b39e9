/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What differs between architectures in a virtual machine; nothing else may know x86. */
#pragma once

#include <stddef.h>

struct vm_arch {
	const char *name;    /* as in the matrix */
	const char *qemu;    /* the program */
	const char *package; /* Debian's package of it */
	const char *machine; /* -M */
	const char *cpu_tcg; /* -cpu */
	const char *cpu_kvm;
	const char *console;		   /* kernel's name of the first serial port */
	const char *channel;		   /* … of the second, without /dev/ */
	const char *const *devices;	   /* QEMU arguments, NULL-terminated */
	const char *const *park;	   /* that by which a guest stops itself, for a template */
	const char *const *park_real_time; /* … when its clock does not count instructions */
	const char *ip_register;	   /* what `info registers` calls the instruction pointer */
	const char *const *options; /* of the kernel, that this machine needs; NULL-terminated */
	const char *halted;	    /* how it says that the vCPU is halted; NULL: it does not */
};

/* NULL for an architecture that is not supported. */
const struct vm_arch *vm_arch(const char *name);
