// SPDX-License-Identifier: GPL-2.0-or-later
/* The driver's end of progress.h: a live line per kernel on a terminal, plain lines elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "progress.h"
#include "term.h"
#include "watchdog.h"
#include "xalloc.h"

#define MESSAGE_MAX 4096

struct row {
	char *name;
	char *state;
	char *failed; /* as expected, the last that did; or NULL */
	unsigned nfailed;
	char line[MESSAGE_MAX]; /* a message that has not come whole yet */
	size_t have;
	double started, ended; /* 0: not yet */
};

struct display {
	FILE *out;
	bool live;
	unsigned drawn; /* live lines that are on the screen */
	int name_width;
	double left; /* seconds, or negative */
	struct row *rows;
	size_t n;
};

struct display *display_new(FILE *out, const char *const *kernels, size_t n)
{
	struct display *d = xcalloc(1, sizeof(*d));

	d->out = out;
	d->live = term_live(out);
	d->n = n;
	d->left = -1;
	d->rows = xcalloc(n, sizeof(*d->rows));
	for (size_t i = 0; i < n; i++) {
		d->rows[i].name = xstrdup(kernels[i]);
		d->rows[i].state = xstrdup("waiting");
		if ((int)strlen(kernels[i]) > d->name_width)
			d->name_width = strlen(kernels[i]);
	}
	return d;
}

static void erase(struct display *d)
{
	if (d->drawn)
		fprintf(d->out, "\033[%uA\033[J", d->drawn);
	d->drawn = 0;
}

static void draw_row(const struct display *d, const struct row *r, int width)
{
	char text[MESSAGE_MAX + 128], failed[MESSAGE_MAX] = "";
	double until = r->ended > 0 ? r->ended : watchdog_now();

	if (r->nfailed)
		snprintf(failed, sizeof(failed), "; %u failed as expected, the last %s", r->nfailed,
			 r->failed);

	if (r->started > 0)
		snprintf(text, sizeof(text), "%-*s %5.0fs  %s%s", d->name_width, r->name,
			 until - r->started, r->state, failed);
	else
		snprintf(text, sizeof(text), "%-*s        %s", d->name_width, r->name, r->state);
	/* One column less than there is: the last one makes some terminals wrap. */
	fprintf(d->out, "%.*s\n", width - 1, text);
}

void display_left(struct display *d, double seconds)
{
	d->left = seconds;
}

static const char *left_text(double s, char *buf, size_t len)
{
	if (s < 90)
		snprintf(buf, len, "about %.0f s left", s);
	else
		snprintf(buf, len, "about %.0f min left", s / 60);
	return buf;
}

void display_refresh(struct display *d)
{
	int width = term_width(d->out);
	char text[64];

	if (!d->live)
		return;
	erase(d);
	for (size_t i = 0; i < d->n; i++)
		draw_row(d, &d->rows[i], width);
	d->drawn = d->n;
	if (d->left >= 0) {
		fprintf(d->out, "%.*s\n", width - 1, left_text(d->left, text, sizeof(text)));
		d->drawn++;
	}
	fflush(d->out);
}

static void print_line(struct display *d, const struct row *r, const char *text)
{
	erase(d);
	fprintf(d->out, "%s: %s\n", r->name, text);
	fflush(d->out);
}

static void set_state(struct row *r, const char *text)
{
	free(r->state);
	r->state = xstrdup(text);
}

static void take_message(struct display *d, struct row *r, const char *msg)
{
	const char *text = strlen(msg) >= 2 ? msg + 2 : "";

	if (!(r->started > 0))
		r->started = watchdog_now();
	if (msg[0] == 'N') {
		print_line(d, r, text);
		return;
	}
	if (msg[0] == 'E') {
		if (!d->live)
			print_line(d, r, text);
		free(r->failed);
		r->failed = xstrdup(text);
		r->nfailed++;
		return;
	}
	if (msg[0] == 'S' && !d->live && strcmp(r->state, text))
		print_line(d, r, text);
	set_state(r, text);
}

void display_feed(struct display *d, size_t i, const char *buf, size_t len)
{
	struct row *r = &d->rows[i];

	for (size_t k = 0; k < len; k++) {
		if (buf[k] == '\n' || r->have == sizeof(r->line) - 1) {
			r->line[r->have] = '\0';
			r->have = 0;
			take_message(d, r, r->line);
		}
		if (buf[k] != '\n')
			r->line[r->have++] = buf[k];
	}
}

void display_done(struct display *d, size_t i, const char *text)
{
	struct row *r = &d->rows[i];

	if (!d->live)
		print_line(d, r, text);
	set_state(r, text);
	r->ended = watchdog_now();
}

void display_free(struct display *d)
{
	erase(d);
	fflush(d->out);
	for (size_t i = 0; i < d->n; i++) {
		free(d->rows[i].name);
		free(d->rows[i].state);
		free(d->rows[i].failed);
	}
	free(d->rows);
	free(d);
}
