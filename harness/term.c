// SPDX-License-Identifier: GPL-2.0-or-later
#include "term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_WIDTH 100

bool term_live(FILE *f)
{
	const char *term = getenv("TERM");

	return isatty(fileno(f)) && term && strcmp(term, "dumb");
}

bool term_colour(FILE *f)
{
	const char *no = getenv("NO_COLOR"); /* https://no-color.org */

	return term_live(f) && !(no && *no);
}

unsigned term_width(FILE *f)
{
	struct winsize ws;

	if (ioctl(fileno(f), TIOCGWINSZ, &ws) < 0 || !ws.ws_col)
		return DEFAULT_WIDTH;
	return ws.ws_col;
}
