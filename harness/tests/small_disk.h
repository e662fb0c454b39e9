/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk that is soon full. */
#pragma once

#include <stdbool.h>

/*
 * Mount a tmpfs of @size ("8k") on @path, in a mount namespace that ends with this test's process.
 * False if that is not allowed here; with MUST_RUN set, the test fails then.
 */
bool small_disk(const char *path, const char *size);
