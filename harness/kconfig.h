/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration fragments: did what they ask for survive? */
#pragma once

#include <stdbool.h>

#include "err.h"
#include "xalloc.h"

/* What did not survive and is no mistake: what the kernel then lacks is found by probing. */
struct kconfig_notes {
	bool unknown_noted;    /* in: an option that the source does not have goes into unknown */
	struct strv unknown;   /* "CONFIG_X" */
	struct strv not_taken; /* "CONFIG_X=y": optional, and the source has it */
};

void kconfig_notes_free(struct kconfig_notes *n);
#define _cleanup_kconfig_notes_ __attribute__((cleanup(kconfig_notes_free)))

/*
 * Compare the fragment files with the configuration file @config. An option that is asked for with
 * a value must have it; one with "=n", or "# CONFIG_X is not set", must not be set. The last
 * fragment that names an option wins. A line "# optional" spares the option that follows, for what
 * some series do not have: where @tree, the kernel's source, has none of that name, it is not
 * spoken of; where it has one, it goes into the notes. ERR_USER with the names of all others that
 * did not survive, or with the place of a line that says nothing. The notes are the caller's, also
 * after a failure.
 */
int kconfig_check(const struct strv *fragments, const char *config, const char *tree,
		  struct kconfig_notes *notes, struct err *err);

/* All that the fragment file @path says, without its other comments: for a cache's key. */
int kconfig_said(const char *path, char **text, struct err *err);

/* Append the fragments to @config, later ones winning as Kconfig has it. */
int kconfig_append(const struct strv *fragments, const char *config, struct err *err);
