/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the guest's code share. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "case.h"
#include "test.h"

/* Where the programs under test were built: the directory this test program is in. */
const char *test_bin_dir(void);

/* Run @fn with params.seals = @seals in this process. The caller owns the facts. */
json_t *test_run_case(case_fn *fn, const char *seals);

/* The member at @path ("ops.write.ok"), NULL when there is none. Borrowed. */
json_t *test_member(const json_t *o, const char *path);

/* @path of @o is the text @want (NULL: is not there); the whole of @o is shown when it is not. */
#define assert_text(o, path, want)                                               \
	do {                                                                     \
		const char *_is = json_string_value(test_member(o, path));       \
		const char *_want = want;                                        \
		ck_assert_msg(_is &&_want ? !strcmp(_is, _want) : _is == _want,  \
			      "%s is %s, want %s, in %s", path, _is ?: "absent", \
			      _want ?: "absent", json_dumps(o, JSON_COMPACT));   \
	} while (0)

#define assert_bool(o, path, want)                                                   \
	do {                                                                         \
		const json_t *_is = test_member(o, path);                            \
		ck_assert_msg(json_is_boolean(_is) && json_is_true(_is) == (want),   \
			      "%s is not %s in %s", path, (want) ? "true" : "false", \
			      json_dumps(o, JSON_COMPACT));                          \
	} while (0)

#define assert_int(o, path, want)                                                        \
	do {                                                                             \
		const json_t *_is = test_member(o, path);                                \
		ck_assert_msg(json_is_integer(_is) && json_integer_value(_is) == (want), \
			      "%s is not %ld in %s", path, (long)(want),                 \
			      json_dumps(o, JSON_COMPACT));                              \
	} while (0)

struct sock_fprog;

/* From here on this process, and whatever it starts, has its system calls filtered by @prog. */
void test_filter(const struct sock_fprog *prog);

/* This machine lacks what a test needs: say so, and return. With MUST_RUN=1 it is a failure. */
void test_skip(const char *why);

/* True, having said why, where no stage machine can be run. */
bool test_no_machine(void);

/* Where the guest's programs are: SM_GUEST_DIR, or the build's guest/. NULL: unknown. */
const char *test_guest_dir(void);
