/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A system call that fails, as on a file system or a kernel that has not got it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct refusal {
	int call;	      /* its number; x86-64 and arm64 have the same calls here */
	int arg;	      /* refused only if this argument … */
	uint32_t mask, value; /* … has @value under @mask; both 0: always */
	int error;
};

/*
 * From now on such calls of this process and its children fail. False where that cannot be done;
 * with MUST_RUN set, the test fails then.
 */
bool refuse(const struct refusal *calls, unsigned n);

#define REFUSE(...)                                   \
	refuse((const struct refusal[]){__VA_ARGS__}, \
	       sizeof((const struct refusal[]){__VA_ARGS__}) / sizeof(struct refusal))
