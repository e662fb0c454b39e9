// SPDX-License-Identifier: GPL-2.0-or-later
/* What was observed where something failed, how to repeat just it, and what it all comes to. */
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "postmortem.h"
#include "table_internal.h"
#include "xalloc.h"

static bool is(const json_t *r, const char *key, const char *value)
{
	return !strcmp(jstr(r, key, ""), value);
}

static void print_lines(FILE *out, const json_t *r)
{
	json_t *f;
	size_t i;

	json_array_foreach (json_object_get(r, "findings"), i, f)
		fprintf(out, "    %s: %s\n", jstr(f, "assertion", "?"), jstr(f, "text", ""));
}

static void print_in_full(FILE *out, const json_t *r, const struct table_opts *opts)
{
	const char *class = jstr(r, "class", NULL);
	bool expected = table_is_expected(r);
	const char *colour = !opts->colour ? "" : expected ? "\033[33m" : "\033[1;31m";

	fprintf(out, "%s%s%s: %s%s%s\n", colour, jstr(r, "id", "?"), opts->colour ? "\033[0m" : "",
		jstr(r, "outcome", "?"), class ? ", class " : "", class ? class : "");
	print_lines(out, r);
	if (!table_is_bad(r))
		fprintf(out, "    known issue %s says it must fail\n", jstr(r, "known", "?"));
	fprintf(out, "    repeat: %s\n", jstr(r, "repeat", "?"));
}

/* Another round of the same variant that came out in the same way. */
static bool seen_before(struct strv *told, const json_t *r)
{
	if (!json_object_get(r, "round"))
		return false;
	_cleanup_free_ char *key = xasprintf("%s %s %s", jstr(r, "id", ""), jstr(r, "outcome", ""),
					     jstr(r, "class", ""));
	bool seen = strv_contains(told, key);

	strv_add(told, key);
	return seen;
}

/* Why nobody could tell: a machine under a schedule that was not met may have findings, too. */
static const json_t *cause_of_error(const json_t *record)
{
	static const char *const causes[] = {"harness", "controls", JUDGE_SCHEDULE};
	const json_t *all = json_object_get(record, "findings");
	json_t *f;
	size_t i;

	json_array_foreach (all, i, f)
		for (size_t k = 0; k < sizeof(causes) / sizeof(*causes); k++)
			if (is(f, "assertion", causes[k]))
				return f;
	return json_array_get(all, 0);
}

static void print_unexpected(FILE *out, const json_t *records, const struct table_opts *opts)
{
	_cleanup_strv_ struct strv shown = {0}, told = {0};
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		/* When nothing of a boot is believed the reason is the same for all of it. */
		const json_t *cause = cause_of_error(r);

		if (!table_is_variant(r) || table_is_expected(r) || seen_before(&told, r))
			continue;
		if (is(r, "outcome", "error")) {
			_cleanup_free_ char *key = xasprintf("%s: %s", jstr(r, "kernel", "?"),
							     jstr(cause, "text", "?"));

			if (!strv_contains(&shown, key))
				fprintf(out, "%s\n", key);
			strv_add(&shown, key);
			continue;
		}
		print_in_full(out, r, opts);
	}
}

/* One of a kind in full, and the names of the others. */
static void print_expected(FILE *out, const json_t *records, const struct table_opts *opts)
{
	_cleanup_strv_ struct strv kinds = {0};
	json_t *r, *s;
	size_t i, k;

	json_array_foreach (records, i, r) {
		if (!table_is_variant(r) || !table_is_bad(r) || !table_is_expected(r))
			continue;
		_cleanup_free_ char *kind =
			xasprintf("%s %s %s %s", jstr(r, "kernel", ""), jstr(r, "known", ""),
				  jstr(r, "case", ""), jstr(r, "outcome", ""));

		if (strv_contains(&kinds, kind))
			continue;
		strv_add(&kinds, kind);
		print_in_full(out, r, opts);
		const char *lead = "    likewise: ";

		json_array_foreach (records, k, s) {
			if (k <= i || !table_is_variant(s) || !table_is_expected(s) ||
			    !is(s, "kernel", jstr(r, "kernel", "")) ||
			    !is(s, "known", jstr(r, "known", "")) ||
			    !is(s, "case", jstr(r, "case", "")) ||
			    !is(s, "outcome", jstr(r, "outcome", "")) || jint(s, "round", 1) > 1 ||
			    is(s, "id", jstr(r, "id", "")))
				continue;
			fprintf(out, "%s%s", lead, jstr(s, "variant", "?"));
			lead = ", ";
		}
		if (*lead == ',')
			fputc('\n', out);
	}
}

/* "schedule+0x12 (6 of 8 samples)" for the address seen most; NULL without samples. */
static char *most_seen(const json_t *samples)
{
	size_t best = 0, i, k;
	const char *name = NULL;
	json_t *a, *b;

	json_array_foreach (samples, i, a) {
		size_t n = 0;

		json_array_foreach (samples, k, b)
			n += !strcmp(jstr(a, "ip", ""), jstr(b, "ip", ""));
		if (n > best) {
			best = n;
			name = jstr(a, "symbol", jstr(a, "ip", "?"));
		}
	}
	return name ? xasprintf("%s (%zu of %zu samples)", name, best, json_array_size(samples))
		    : NULL;
}

/* What the host found out by itself about a machine that went silent. */
static void print_diagnosis(FILE *out, const json_t *r, const struct table_opts *opts)
{
	const json_t *d = json_object_get(r, "diagnosis");
	const json_t *samples = json_object_get(d, "ip");
	_cleanup_free_ char *where = most_seen(samples);
	const char *sysrq = jstr(d, "sysrq", NULL), *dump = jstr(d, "dump", NULL);
	const char *dir = opts->results ? opts->results : "…";
	bool halted = jbool(json_array_get(samples, 0), "halted", 0);

	if (where)
		fprintf(out, "    the vCPU %s at %s\n", halted ? "is halted" : "runs", where);
	if (sysrq && jint(d, "answered", 0))
		fprintf(out, "    the kernel's stacks (SysRq): %s/%s/%s\n", dir,
			jstr(r, "kernel", ""), sysrq);
	else if (sysrq)
		fprintf(out, "    the kernel does not answer SysRq%s%s\n",
			json_object_get(d, "sysrq_error") ? ": " : "", jstr(d, "sysrq_error", ""));
	if (dump)
		fprintf(out, "    memory (kdump, for crash and drgn): %s/%s/%s\n", dir,
			jstr(r, "kernel", ""), dump);
	else if (json_object_get(d, "dump_error"))
		fprintf(out, "    no dump: %s\n", jstr(d, "dump_error", ""));
}

static void print_boots(FILE *out, const json_t *records, const struct table_opts *opts)
{
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		const char *tail = jstr(r, "console_tail", NULL);

		/* One that ran to its end may be bad all the same, and is not to be told twice. */
		if (!is(r, "type", "boot") ||
		    (is(r, "end", "done") && !tally_boot_is_news(records, r)))
			continue;
		if (is(r, "end", "unavailable")) {
			fprintf(out, "%s: not available: %s\n", jstr(r, "kernel", "?"),
				jstr(r, "text", "?"));
			continue;
		}
		fprintf(out, "%s: %s\n", jstr(r, "kernel", "?"), jstr(r, "outcome", "?"));
		print_lines(out, r);
		print_diagnosis(out, r, opts);
		if (!tail || !*tail)
			continue;
		fputs("    the console's last lines:\n", out);
		for (const char *s = tail; *s;) {
			size_t n = strcspn(s, "\n");

			fprintf(out, "      | %.*s\n", (int)n, s);
			s += n + (s[n] == '\n');
		}
	}
}

void table_print_findings(FILE *out, const json_t *records, const struct table_opts *opts)
{
	print_unexpected(out, records, opts);
	print_expected(out, records, opts);
	print_boots(out, records, opts);
}

static void print_known(FILE *out, const json_t *records)
{
	_cleanup_strv_ struct strv names = {0};
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		const char *known = jstr(r, "known", NULL);

		if (!known || !table_is_bad(r) || !table_is_expected(r) ||
		    strv_contains(&names, known))
			continue;
		fprintf(out, "%s%s", names.n ? ", " : " (known issue ", known);
		strv_add(&names, known);
	}
	if (names.n)
		fputc(')', out);
}

/* Each reason for the accelerator once, however many machines it stands for. */
static void print_accel(FILE *out, const json_t *records)
{
	_cleanup_strv_ struct strv shown = {0};
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		const char *why = jstr(r, "accel_why", NULL);

		if (!why || strv_contains(&shown, why))
			continue;
		strv_add(&shown, why);
		fprintf(out, "%s\n", why);
	}
}

void table_print_summary(FILE *out, const json_t *records, const struct tally *t,
			 const struct table_opts *opts)
{
	_cleanup_strv_ struct strv kernels = {0};
	size_t total = 0, wanted = 0, i;
	json_t *r;

	json_array_foreach (records, i, r) {
		wanted += postmortem_wanted(r);
		if (jint(r, "boot", 0) > 0 && !strv_contains(&kernels, jstr(r, "kernel", "?")))
			strv_add(&kernels, jstr(r, "kernel", "?"));
	}
	for (int o = 0; o < OUTCOMES; o++)
		total += t->n[o];
	fprintf(out,
		"\n%zu kernel%s, %zu variant%s: %zu pass, %zu unsupported, %zu failed as expected",
		kernels.n, kernels.n == 1 ? "" : "s", total, total == 1 ? "" : "s",
		t->n[OUTCOME_PASS], t->n[OUTCOME_UNSUPPORTED], t->expected_bad);
	print_known(out, records);
	fprintf(out, ", %zu unexpected, %zu errors.\n", t->unexpected, t->errors);
	if (t->unavailable)
		fprintf(out, "Kernels not available here: %zu, see above.\n", t->unavailable);
	if (t->infra)
		fprintf(out, "Kernels that could not be run: %zu, see above.\n", t->infra);
	if (t->boots_incomplete)
		fprintf(out, "The run was interrupted: what is missing was not run.\n");
	print_accel(out, records);
	if (opts->results && wanted)
		fprintf(out, "Why, stage by stage: %s/KERNEL/postmortem.txt\n", opts->results);
	if (opts->results)
		fprintf(out, "The records are in %s\n", opts->results);
}
