/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The netlink-style message that the launcher writes to the init pipe: stage-machine.md, 4. */
#pragma once

#define BOOT_MSG     62000
#define BOOT_MSG_MIN 32 /* bytes; the header, the clone flags, one more attribute */

enum boot_attr {
	BOOT_CLONE_FLAGS = 27281, /* u32 */
	BOOT_NS_PATHS = 27282,	  /* "type:path,…" */
	BOOT_UID_MAP = 27283,
	BOOT_GID_MAP = 27284,
	BOOT_SETGROUPS = 27285, /* u8 */
	BOOT_OOM_SCORE_ADJ = 27286,
	BOOT_ROOTLESS = 27287, /* u8 */
	BOOT_NEWUIDMAP = 27288,
	BOOT_NEWGIDMAP = 27289,
	BOOT_TIME_OFFSETS = 27290, /* 1.2 and later */
};
