/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One observation: something was tried, and this is how it went. The probes of the seal and the
 * copy-on-write cases fill these in, in a child process where trying may end in a signal.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct observed {
	bool ok;	/* it did what was asked, which was looked at, not taken on trust */
	int errnum;	/* 0: none */
	int signal;	/* that ended the try, 0: none */
	bool absent;	/* could not be tried here: no fact */
	bool has_value; /* the fact's value is the number; else the text, if there is one */
	long value;
	char text[160];
};

static inline void observed_errno(struct observed *o, int errnum)
{
	o->ok = false;
	o->errnum = errnum;
}

typedef void observe_fn(const void *arg, struct observed *o);

struct observe_job {
	/* NULL: the job before it fills in this observation as well, o[1] of what it is given. */
	observe_fn *fn;
	const void *arg;
	struct observed o; /* what came of it */
};

/*
 * Run the @n jobs in order in a child of this process. A job that ends the child (ok is then false,
 * what else it had written is kept) is the last one of that child, and another child goes on behind
 * it; a fork for each would be most of the cost. 0, or -errno when there could be no child: what
 * came before that is filled in.
 */
int observe_in_child(struct observe_job *jobs, size_t n);

/* {"ok":bool,"errno"?,"signal"?,"value"?} */
json_t *observed_json(const struct observed *o);
