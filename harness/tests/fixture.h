/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of real runs of the machine (harness/tests/data/, taken on one healthy kernel, with and
 * without the injected fault), and a way to plant one thing in them.
 */
#pragma once

#include <jansson.h>

/* harness/tests/data/@name. The caller owns it. */
json_t *fixture(const char *name);

/*
 * Set the member at @path ("observed/stages/0/pid": names and array indexes) to the JSON @value;
 * NULL takes it away. Ends the test if the way there does not exist.
 */
void plant(json_t *record, const char *path, const char *value);

/* A record of @kind with parameter seals = @mask (-1: "none") and the facts @observed (taken). */
json_t *fixture_seals(const char *kind, int mask, json_t *observed);
