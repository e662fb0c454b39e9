// SPDX-License-Identifier: GPL-2.0-or-later
#include "cleanup.h"
#include "frequency.h"
#include "json_util.h"
#include "table_internal.h"

void table_print_frequencies(FILE *out, const json_t *records)
{
	_cleanup_json_ json_t *all = frequencies(records);
	const char *id, *what;
	json_t *counts, *n;

	if (json_object_size(all))
		fputs("How often each came out how\n", out);
	json_object_foreach (all, id, counts) {
		json_int_t rounds = 0;
		const char *lead = ":";

		json_object_foreach (counts, what, n)
			rounds += json_integer_value(n);
		fprintf(out, "    %s, %lld rounds", id, (long long)rounds);
		json_object_foreach (counts, what, n) {
			fprintf(out, "%s %s %lld", lead, what, (long long)json_integer_value(n));
			lead = ",";
		}
		fputc('\n', out);
	}
}
