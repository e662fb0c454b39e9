// SPDX-License-Identifier: GPL-2.0-or-later
/* Who shares a machine with whom: nothing is left out, nothing runs twice, controls where they
 * must. */
#include "boot_jobs.h"
#include "test.h"
#include "xalloc.h"

/* c: control, m: stage machine, s: seal case, p: copy-on-write probe */
static const char kinds[] = "cccmmsspp";
#define N (sizeof(kinds) - 1)

static struct variant all[N];
static struct variants vs = {.v = all, .n = N};

static void fill(void)
{
	for (size_t i = 0; i < N; i++) {
		bool machine = kinds[i] == 'c' || kinds[i] == 'm';

		all[i].control = kinds[i] == 'c' ? CONTROL_CLEAN : CONTROL_NONE;
		all[i].kind = (char *)(machine ? "machine" : kinds[i] == 's' ? "seal" : "cow");
		all[i].case_name = all[i].kind;
	}
}

/* "ccc m m ss pp": the machines and what each runs. Caller frees. */
static char *plan(enum isolation how, bool restored)
{
	struct job *jobs;
	size_t n = jobs_plan(&vs, how, restored, &jobs);
	char *text = xstrdup("");

	for (size_t j = 0; j < n; j++) {
		char part[N + 1] = "";
		size_t len = 0;
		bool controls = false;

		for (size_t i = 0; i < N; i++) {
			if (!jobs[j].todo[i])
				continue;
			part[len++] = kinds[i];
			controls |= kinds[i] == 'c';
		}
		ck_assert_int_eq(jobs[j].controls, controls);
		ck_assert_uint_eq(jobs[j].cost_ms, job_cost(len, restored));
		char *more = xasprintf("%s%s%s", text, j ? " " : "", part);

		free(text);
		text = more;
	}
	jobs_free(jobs, n);
	return text;
}

static const struct {
	enum isolation how;
	bool restored;
	const char *want;
} plans[] = {
	{ISOLATION_AUTO, true, "ccc m m ss pp"},
	{ISOLATION_AUTO, false, "cccmmsspp"},
	{ISOLATION_BOOT, true, "cccmmsspp"},
	{ISOLATION_BOOT, false, "cccmmsspp"},
	{ISOLATION_GROUP, true, "ccc mm ss pp"},
	{ISOLATION_GROUP, false, "cccmm cccss cccpp"},
	{ISOLATION_VARIANT, true, "ccc m m s s p p"},
	{ISOLATION_VARIANT, false, "cccm cccm cccs cccs cccp cccp"},
};

START_TEST(variants_are_spread)
{
	fill();
	char *text = plan(plans[_i].how, plans[_i].restored);

	ck_assert_str_eq(text, plans[_i].want);
	free(text);
}
END_TEST

START_TEST(controls_alone_are_run)
{
	struct variants few = {.v = all, .n = 3};
	struct job *jobs;

	fill();
	for (int restored = 0; restored < 2; restored++) {
		size_t n = jobs_plan(&few, ISOLATION_AUTO, restored, &jobs);

		ck_assert_uint_eq(n, 1);
		for (size_t i = 0; i < few.n; i++)
			ck_assert(jobs[0].todo[i]);
		jobs_free(jobs, n);
	}
}
END_TEST

START_TEST(isolation_has_names)
{
	ck_assert_int_eq(isolation_from("boot"), ISOLATION_BOOT);
	ck_assert_int_eq(isolation_from("group"), ISOLATION_GROUP);
	ck_assert_int_eq(isolation_from("variant"), ISOLATION_VARIANT);
	ck_assert_int_eq(isolation_from("auto"), ISOLATION_AUTO);
	ck_assert_int_eq(isolation_from("none"), -1);
	ck_assert_int_eq(isolation_from(""), -1);
}
END_TEST

TEST_SUITE(boot_jobs)
{
	Suite *s = suite_create("boot jobs");
	TCase *tc = tcase_create("boot jobs");

	tcase_add_loop_test(tc, variants_are_spread, 0, sizeof(plans) / sizeof(*plans));
	tcase_add_test(tc, controls_alone_are_run);
	tcase_add_test(tc, isolation_has_names);
	suite_add_tcase(s, tc);
	return s;
}
