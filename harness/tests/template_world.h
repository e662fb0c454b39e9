/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What templates of tiny guests are made from. */
#pragma once

#include "template.h"

#define WORLD_MEMORY_MIB 32

/* Valid from template_world_open() to template_world_close(), which test fixtures call. */
struct template_world {
	char scratch[40]; /* the folder that machines are run in */
	char *kernel;	  /* its path; to be written by the test */
	char *list;
	struct vm_config boot;
	struct template_opts opts;
};

/* With $XDG_CACHE_HOME at @cache. */
void template_world_open(struct template_world *w, const char *cache);
/* Fails the test when something was left in scratch. */
void template_world_close(struct template_world *w);

/* The template, made or found; it is a failure of the test when there is none. */
struct template template_world_get(const struct template_world *w);
