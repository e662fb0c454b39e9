/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For comparison: virtme-ng boots the same kernel without KVM and runs the same variant in it. */
#pragma once

#include "bench.h"

struct bench_virtme {
	char *dir;     /* holds the plan; not below /tmp, which the guest does not see */
	char *image;   /* the kernel */
	char *command; /* what is run in it */
	char *why;     /* why there is nothing to measure; or NULL */
};

/*
 * Find it and get ready for @only on @kernel. When it cannot be measured .why says why; closed even
 * then.
 */
void bench_virtme_open(struct bench_virtme *v, const char *kernel, const char *only);
void bench_virtme_close(struct bench_virtme *v);

/* A struct bench_row's measure(); @arg is a struct bench_virtme. */
int bench_virtme_measure(void *arg, struct bench_sample *s, struct err *err);
