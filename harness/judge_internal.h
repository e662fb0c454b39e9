/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by judge.c and the judges of the kinds. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "judge.h"

/* Assertions that have a meaning outside of the judge that makes them. */
#define A_GLOBALS	  "no-shared-globals"
#define A_DEADLOCK	  "no-deadlock"
#define A_SEALS		  "seals"
#define A_COMPLETION	  "completion"

#define SEAL_SEAL	  0x1
#define SEAL_SHRINK	  0x2
#define SEAL_GROW	  0x4
#define SEAL_WRITE	  0x8
#define SEAL_FUTURE_WRITE 0x10
#define SEAL_EXEC	  0x20

/* One of the facts of a variant record, or NULL. */
const json_t *fact(const json_t *record, const char *key);

/* The variant's parameter, or @def. */
const char *param(const json_t *record, const char *key, const char *def);

/* The variant's seals: 0 for "none"; false if the parameter is no mask. */
bool param_seals(const json_t *record, unsigned *mask);

/*
 * Compare the fact "seals" with what was asked for: all of @must have to be there, and nothing but
 * what these imply; else a finding. False, and *effective 0, when the fact is not there.
 */
bool judge_seals(const json_t *record, unsigned must, unsigned *effective, struct verdict *v);

/* judge_globals.c: no stage sees what another one wrote. True if somebody did. */
bool judge_globals(const json_t *record, struct verdict *v);

/* judge_machine.c: stage 0 ran from what the variant is about. */
void judge_image(const json_t *record, struct verdict *v);

/* judge_stop.c: no deadlock. */
void judge_stop(const json_t *record, struct verdict *v);
/* Stage machines that hang by the kernel's fault, whether their globals are shared or not. */
#define CLASS_LOST_WAKEUP "lost-wakeup"
#define CLASS_LOST_EOF	  "lost-eof"

/* "H1"…"E3" of a machine with shared globals, or NULL when it is none of them. */
const char *machine_class(const json_t *record);

void judge_completion(const json_t *record, struct verdict *v);
/* judge_completion.c: how often this variant's stages use a descriptor to exchange their words. */
json_int_t protocol_uses(const json_t *record);

/* The three stages of the machine. */
#define NSTAGES 3
extern const char *const stage_names[NSTAGES];
/* Index of a stage's name; -1 for anything else. */
int stage_index(const char *name);
/* The facts about one stage, or NULL. */
const json_t *stage_facts(const json_t *record, int stage);
