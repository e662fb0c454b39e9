/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Terminals: is it one, how wide, may it be coloured. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Lines may be redrawn in place: a terminal, and not a dumb one. */
bool term_live(FILE *f);
/* As term_live(), unless NO_COLOR is set. */
bool term_colour(FILE *f);
/* Columns; 100 when it is no terminal. */
unsigned term_width(FILE *f);
