/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every test file defines one TCase-filled suite and announces it with TEST_SUITE(name): the
 * pointer goes into a linker section that tests/main.c walks, so there is no list to keep.
 */
#pragma once

#include <check.h>

typedef Suite *test_suite_fn(void);

#define TEST_SUITE(fn)                                                                           \
	static Suite *fn(void);                                                                  \
	static test_suite_fn *const suite_##fn __attribute__((used, section("sm_suites"))) = fn; \
	static Suite *fn(void)

/* A directory of its own for the running test, removed when all have run. The path has
 * a space in it, on purpose. */
const char *test_dir(void);
