// SPDX-License-Identifier: GPL-2.0-or-later
#include "near.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define SHOWN 3

/* Levenshtein's distance, in one row. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(b);
	_cleanup_free_ size_t *row = xcalloc(n + 1, sizeof(*row));

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = diagonal + (*a != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

/* Near enough to be meant: a third of it mistyped, or one contains the other. */
static bool is_near(const char *word, const char *candidate, size_t *score)
{
	*score = distance(word, candidate);
	if (strlen(word) >= 2 && (strstr(candidate, word) || strstr(word, candidate)))
		return true;
	return *score <= 1 + strlen(word) / 3;
}

struct scored {
	const char *s;
	size_t score;
};

static int by_score(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? -1 : 1;
	return strcmp(x->s, y->s);
}

char *near_matches(const char *word, const struct strv *candidates)
{
	_cleanup_free_ struct scored *hits = xcalloc(candidates->n, sizeof(*hits));
	size_t n = 0;

	for (size_t i = 0; i < candidates->n; i++) {
		hits[n].s = candidates->v[i];
		n += is_near(word, candidates->v[i], &hits[n].score);
	}
	qsort(hits, n, sizeof(*hits), by_score);
	if (n > SHOWN)
		n = SHOWN;
	char *out = n ? xstrdup(hits[0].s) : NULL;

	for (size_t i = 1; i < n; i++) {
		char *more = xasprintf("%s%s%s", out, i + 1 == n ? " or " : ", ", hits[i].s);

		free(out);
		out = more;
	}
	return out;
}
