// SPDX-License-Identifier: GPL-2.0-or-later
#include "refuse.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "test.h"

#define CALLS_MAX 8
#define LOAD(at)  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at))

/* The lower half of an argument: flags fit into it. */
static unsigned arg_at(int arg)
{
	unsigned high_first = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(uint32_t) : 0;

	return offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t) + high_first;
}

bool refuse(const struct refusal *calls, unsigned n)
{
	struct sock_filter code[6 * CALLS_MAX + 1];
	struct sock_fprog prog = {.filter = code};

	ck_assert_uint_le(n, CALLS_MAX);
	for (unsigned i = 0; i < n; i++) {
		const struct refusal *c = &calls[i];
		const struct sock_filter one[] = {
			LOAD(offsetof(struct seccomp_data, nr)),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->call, 0, 4),
			LOAD(arg_at(c->arg)),
			BPF_STMT(BPF_ALU | BPF_AND | BPF_K, c->mask),
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c->value, 0, 1),
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | c->error),
		};

		memcpy(code + prog.len, one, sizeof(one));
		prog.len += sizeof(one) / sizeof(*one);
	}
	code[prog.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0)
		return true;
	ck_assert_msg(!getenv("MUST_RUN"), "no seccomp: %s", strerror(errno));
	fprintf(stderr, "a call that fails: skipped, no seccomp: %s\n", strerror(errno));
	return false;
}
