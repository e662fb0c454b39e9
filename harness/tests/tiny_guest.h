/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests of a few x86 instructions, as multiboot images that QEMU's -kernel takes: no kernel, no
 * assembler, up within a fraction of a second. They run in 32-bit protected mode.
 */
#pragma once

#include <stddef.h>

#include "proto.h"

/* out %al,$port with %al = v */
#define OUT_IMM(port, v) 0xb0, (v), 0xe6, (port)
/* mov $port,%dx */
#define SET_DX(port) 0x66, 0xba, (unsigned char)(port), (unsigned char)((port) >> 8)
/* out %al,(%dx) with %al = v */
#define OUT_DX(v) 0xb0, (v), 0xee
/* jmp to the out that comes before */
#define AGAIN 0xeb, 0xfd
/* jmp . */
#define SPIN 0xeb, 0xfe
/* cli; hlt */
#define HALT 0xfa, 0xf4
/* mov $0x200000,%esp; push $0; push $0; lidt (%esp); int3: a fault that nobody can take */
#define TRIPLE_FAULT 0xbc, 0, 0, 0x20, 0, 0x6a, 0, 0x6a, 0, 0x0f, 0x01, 0x1c, 0x24, 0xcc
/* mov $0x2000,%ax; out %ax,(%dx): S5 into PM1a_CNT */
#define POWER_OFF SET_DX(0x604), 0x66, 0xb8, 0x00, 0x20, 0x66, 0xef
/* in $0x71,%al after choosing CMOS register r; out %al,(%dx) */
#define OUT_CMOS(r) OUT_IMM(0x70, r), 0xe4, 0x71, 0xee
/* Stop a machine in real time; behind a jump QEMU looks whether it is to. */
#define PARK_REAL_TIME SET_DX(SM_PARK_PORT), OUT_DX(SM_PARK_VALUE), 0xeb, 0
/*
 * Stop one that counts instructions, as cases/loader/park_x86_64.c does: the watchdog is set and
 * the vCPU idles for 40 ticks of the BIOS' timer (18.2 Hz), which takes an interrupt table at
 * 0x300000 with a handler for IRQ 0 at vector 8.
 */
#define PARK                                                                                      \
	/* mov $0x300000,%esp; call over: push %eax; mov $0x20,%al; out %al,$0x20; pop %eax; iret \
	 */                                                                                       \
	0xbc, 0, 0, 0x30, 0, 0xe8, 7, 0, 0, 0, 0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf,          \
		/* over: pop %ebx */ 0x5b, /* mov %ebx,0x300044; mov %bx,0x300040; mov            \
					      %cs,0x300042 */                                     \
		0x89, 0x1d, 0x44, 0, 0x30, 0, 0x66, 0x89, 0x1d, 0x40, 0, 0x30, 0, 0x8c, 0x0d,     \
		0x42, 0, 0x30, 0, /* movw $0x8e00,0x300044: an interrupt gate */                  \
		0x66, 0xc7, 0x05, 0x44, 0, 0x30, 0, 0,                                            \
		0x8e, /* push $0x300000; pushw $0x7ff; lidt (%esp); add $6,%esp */                \
		0x68, 0, 0, 0x30, 0, 0x66, 0x68, 0xff, 0x07, 0x0f, 0x01, 0x1c, 0x24, 0x83, 0xc4,  \
		6, /* in $0x21,%al; and $0xfe,%al; out %al,$0x21 */                               \
		0xe4, 0x21, 0x24, 0xfe, 0xe6, 0x21, SET_DX(SM_PARK_WATCHDOG),                     \
		OUT_DX(SM_PARK_2S), /* mov $40,%ecx; 1: sti; hlt; loop 1b; cli */                 \
		0xb9, 40, 0, 0, 0, 0xfb, 0xf4, 0xe2, 0xfc, 0xfa
/* rdtsc, into %edx:%eax */
#define RDTSC 0x0f, 0x31
/* out %al,(%dx); shr $8,%eax; and so on for four bytes */
#define OUT_EAX	     0xee, 0xc1, 0xe8, 8, 0xee, 0xc1, 0xe8, 8, 0xee, 0xc1, 0xe8, 8, 0xee

#define CONSOLE_PORT 0x3f8
#define CHANNEL_PORT 0x2f8

/* Write a guest of @code to @path; the test fails if it cannot be written. */
void tiny_guest(const char *path, const unsigned char *code, size_t len);

/* Put at @code what says @text on the channel; how many bytes that is. */
size_t tiny_guest_say(unsigned char *code, const char *text);
