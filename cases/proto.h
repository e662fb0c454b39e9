/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What host and guest agree on: the plan that goes in and the frames that come out.
 *
 * Plan (the file SM_PLAN_PATH in the initramfs), JSON Lines. First a header
 *   {"proto":3,"nonce":"HEX","deadline_ms":N,"probe":bool,"by_turns":bool,"packed":bool}
 * (probe: features go into the hello; by_turns: a stage runs until it blocks; packed: facts are)
 * then one object for every variant to run, in order
 *   {"index":N,"case":"…","variant":"…","kind":"machine|explore|seal|cow","params":{…},
 *    "deadline_ms":N (where it differs)}
 *
 * Frames (guest to host, over the channel device), one per line:
 *   SEQ ' ' LEN ' ' CRC ' ' PAYLOAD '\n'
 * SEQ counts from 1 in decimal; LEN is PAYLOAD's length in decimal; CRC is eight hex digits of
 * zlib's crc32 over the nonce, SEQ and PAYLOAD as they stand; PAYLOAD is one JSON object without a
 * newline, with a member "type" that is one of the SM_FRAME_* below. Anything else in the stream
 * is an error of the boot: records cannot be forged by accident, and a gap does not go unseen.
 * In a result a blank and the facts follow the object, in the bytes that the case's own process
 * wrote: only the host takes them apart, and what is no JSON object costs that variant alone. When
 * they are packed, SM_PACKED stands for the blank, and the facts are base64 of a piece of a deflate
 * stream (RFC 1951) that goes through all results of a boot and is flushed behind each;
 * SM_PACKED_ANEW when it begins.
 *
 *   hello  {"proto":3,"release":…,"machine":…,"version":…,"page_size":N,"cpus":N,"root":true,
 *           "features":{NAME:{"ok":bool,"errno":"EINVAL"?},…},"modules":{NAME:"ok"|errno-text,…}}
 *   begin  {"index":N,"case":…,"variant":…}
 *   result {"index":N,"case":…,"variant":…,"guest_us":N} {…}  or  {"index":…}zBASE64
 *   progress {"text":…}      how far the variant has got, for people who wait
 *   note   {"text":…}        something worth keeping; not a verdict
 *   fatal  {"text":…}        the agent cannot go on
 *   bye    {"ran":N}         the last frame
 */
#pragma once

/* To be changed with anything above, or with what facts look like (results/README.md). */
#define SM_PROTO	 3
#define SM_FRAME_PAYLOAD 262144	     /* bytes; a longer payload is an error */
#define SM_FRAME_HEADER	 48	     /* SEQ LEN CRC and blanks fit into this */
#define SM_CHANNEL_MAX	 (64L << 20) /* bytes in all; more is a flood */

#define SM_PACKED	 'z'
#define SM_PACKED_ANEW	 'Z'

/* A region's "saw" (results/README.md), a sign for each writer and reader. */
#define SM_SAW_SELF	  '='
#define SM_SAW_NOTHING	  '.' /* read after the write, and it was not there */
#define SM_SAW_WRITE	  'x'
#define SM_SAW_NOT_LOOKED '?'

#define SM_PLAN_PATH	  "/sealmatrix/plan.jsonl"
#define SM_MODULES_PATH	  "/sealmatrix/modules" /* one module file name a line, in load order */
#define SM_CASES_DIR	  "/sealmatrix/bin"

#define SM_FRAME_HELLO	  "hello"
#define SM_FRAME_BEGIN	  "begin"
#define SM_FRAME_RESULT	  "result"
#define SM_FRAME_PROGRESS "progress"
#define SM_FRAME_NOTE	  "note"
#define SM_FRAME_FATAL	  "fatal"
#define SM_FRAME_BYE	  "bye"

/* I/O port of QEMU's isa-debug-exit: writing V ends QEMU with status (V << 1) | 1. */
#define SM_EXIT_PORT   0xf4
#define SM_EXIT_DONE   0x2a /* every planned variant was run */
#define SM_EXIT_BROKEN 0x2b /* the agent gave up, or init could not start it */

/*
 * Templates: a machine that has booted stops itself, and is restored for every test. What it then
 * runs comes from files of fw_cfg: SM_PAYLOAD_PREFIX and the path that each shall have in the guest
 * (programs below SM_CASES_DIR, the plan). Before it stops, the guest writes one line to the
 * channel: that it is ready, or why this kernel cannot do it. I/O port of QEMU's pvpanic device.
 */
#define SM_PAYLOAD_PREFIX "opt"
#define SM_PARK_READY	  "sealmatrix: ready to be restored\n"
#define SM_PARK_REFUSED	  "sealmatrix: no template: "
/* A machine whose clock counts instructions is stopped by its watchdog, while it idles. */
#define SM_PARK_WATCHDOG 0x443
#define SM_PARK_2S	 0xe
/* Any other has this port instead. */
#define SM_PARK_PORT  0x505
#define SM_PARK_VALUE 1 /* "panicked": with -action panic=pause the machine stops */

/*
 * The agent has the kernel print this line, loud enough for `quiet`. A console on which it does not
 * turn up would not show an oops either.
 */
#define SM_CONSOLE_MARK "sealmatrix: this console can be read"
