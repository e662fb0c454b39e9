// SPDX-License-Identifier: GPL-2.0-or-later
#include "symbols.h"

#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "publish.h"
#include "xalloc.h"

#define MAP_MAX	     (64 << 20)
#define FUNCTION_MAX 0x100000 /* bytes; further from the last symbol it is something else */

static int by_address(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* "ffffffff81000000 T _stext": text symbols only. */
static void take_line(struct symbols *s, char *line)
{
	char *type, *name, *save = NULL, *at = strtok_r(line, " ", &save);

	type = strtok_r(NULL, " ", &save);
	name = strtok_r(NULL, " \t\r", &save);
	if (!name || !strchr("tTwW", *type) || type[1])
		return;
	if (!(s->n & (s->n + 1)))
		s->v = xreallocarray(s->v, 2 * s->n + 2, sizeof(*s->v));
	s->v[s->n++] = (struct symbol){strtoull(at, NULL, 16), name};
}

struct symbols symbols_load(const char *path)
{
	struct symbols s = {0};
	struct err ignored = ERR_INIT;
	char *save = NULL;

	if (!path || read_file(path, MAP_MAX, &s.text, NULL, &ignored) < 0)
		return s;
	for (char *line = strtok_r(s.text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_line(&s, line);
	if (s.n)
		qsort(s.v, s.n, sizeof(*s.v), by_address);
	return s;
}

void symbols_free(struct symbols *s)
{
	free(s->text);
	free(s->v);
	*s = (struct symbols){0};
}

char *symbols_find(const struct symbols *s, uint64_t at)
{
	size_t lo = 0, hi = s->n;

	/* The last one that is not above @at lies before lo. */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].at <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || at - s->v[lo - 1].at > FUNCTION_MAX)
		return NULL;
	return xasprintf("%s+%#llx", s->v[lo - 1].name, (unsigned long long)(at - s->v[lo - 1].at));
}
