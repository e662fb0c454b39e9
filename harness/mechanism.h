/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kernels/mechanisms.conf: from what the probes found to what is wrong in the kernel. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "err.h"

struct mechanism {
	char *id, *finding, *text, *fix, *fixed_in, *since; /* the last three may be NULL */
};

struct mechanisms {
	struct mechanism *v;
	size_t n;
};

int mechanisms_load(const char *path, struct mechanisms *ms, struct err *err);
void mechanisms_free(struct mechanisms *ms);
#define _cleanup_mechanisms_ __attribute__((cleanup(mechanisms_free)))

/* The first one that a finding of @record (judged) is a sign of, or NULL; *finding is its text. */
const struct mechanism *mechanism_match(const struct mechanisms *ms, const json_t *record,
					const char **finding);

/* Its text for the seals that @record's memfd had. Caller frees. */
char *mechanism_text(const struct mechanism *m, const json_t *record);
