/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that stay in existence after the case that made them, so that their pages are not used
 * again. QEMU (7.2, TCG) throws the code that it translated from a page away at the first store to
 * it, piece by piece, and with each piece all that its jump cache knows. Each stage machine runs
 * from a fresh copy of its program, and the kernel hands out first what was freed last: without
 * this, every copy is written where QEMU has just translated the one before. Nothing depends on it.
 */
#pragma once

struct keep {
	int fds[2]; /* a socket with what is kept waiting in it; -1: keeps nothing */
};

void keep_init(struct keep *keep);
void keep_release(struct keep *keep);
#define _cleanup_keep_ __attribute__((cleanup(keep_release)))

/*
 * From any process that has inherited @keep: the file of @fd, which stays the caller's, exists for
 * as long as @keep. As many as the socket's buffer takes, some hundreds; then no more.
 */
void keep_file(const struct keep *keep, int fd);
