/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From facts to outcomes: a pure function of records and known issues. Nothing here looks at a
 * kernel's version.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "err.h"

enum outcome {
	OUTCOME_PASS,
	OUTCOME_FAIL,	     /* an assertion does not hold */
	OUTCOME_HANG,	     /* deadlock proved, or deadline passed */
	OUTCOME_CRASH,	     /* oops, panic, or the VM died */
	OUTCOME_UNSUPPORTED, /* the kernel lacks it */
	OUTCOME_ERROR,	     /* harness or controls: nobody could look */
	OUTCOMES,
};
const char *outcome_name(enum outcome o);
/* OUTCOME_ERROR for anything unknown. */
enum outcome outcome_from(const char *name);

/* What one judge says about the facts of one variant. */
struct verdict {
	enum outcome outcome;
	json_t *findings;   /* array of {"assertion":…,"text":…}; text is one line for people */
	json_t *blind;	    /* array of strings: evidence that a pass needs and that is not there */
	json_t *attributes; /* object: what was seen and is nobody's promise */
	json_t *classes;    /* of an exploration: what each class came to; or NULL */
	const char *class;  /* "H1"…"E3", "lost-wakeup", "lost-eof" of a stage machine, or NULL */
};
/* The assertion of a schedule that held a stage for ever. */
#define JUDGE_SCHEDULE "schedule"

void verdict_free(struct verdict *v);
#define _cleanup_verdict_ __attribute__((cleanup(verdict_free)))

/* Judges per kind; @record is a whole variant record, its facts under "observed". */
typedef void judge_fn(const json_t *record, struct verdict *v);
judge_fn judge_machine, judge_explore, judge_seal, judge_cow;

/*
 * Judge the facts of one variant that ran: no controls, no known issues. A verdict that would be a
 * pass is an error as long as evidence is missing. The caller frees *v.
 */
void judge_variant(const json_t *record, struct verdict *v);

/* Add a finding, and make the outcome at least as bad as @o. */
void verdict_add(struct verdict *v, enum outcome o, const char *assertion, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Say what could not be looked at: it forbids a pass, and excuses nothing. */
void verdict_blind(struct verdict *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct known; /* known.h */

/*
 * Fill in outcome, findings, known, expected, class and attributes of every record in @records
 * (array, any number of kernels and boots); what an earlier judgement left there is forgotten. A
 * boot whose controls did not come out as they must makes all of its records `error`.
 * @known NULL: nothing is known.
 */
void judge_records(json_t *records, const struct known *known);

/*
 * The same for the machines that have come since: @records up to @from are judged, and stay as they
 * are. No machine's records may lie on both sides, and controls come before what rests on them.
 */
void judge_further(json_t *records, size_t from, const struct known *known);

/* What a run comes to. */
struct tally {
	size_t n[OUTCOMES];  /* variants (controls not counted) */
	size_t expected_bad; /* failing, covered by a known issue */
	size_t unexpected;   /* failing without one, or passing against one that must fail */
	size_t errors;
	size_t unavailable;	 /* kernels that could not be had */
	size_t boots_incomplete; /* interrupted */
	size_t infra;		 /* kernels that failed before their guest did */
	size_t booted;		 /* boots that took place */
};
void tally_records(const json_t *records, struct tally *t);
/* @boot came to no good, and no variant of it counts as the same. */
bool tally_boot_is_news(const json_t *records, const json_t *boot);
/* 0 all as expected, 1 an unexpected outcome or error, 3 infrastructure, or nothing was run. */
int tally_status(const struct tally *t);
