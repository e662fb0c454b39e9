// SPDX-License-Identifier: GPL-2.0-or-later
/* What machines took the last time orders the next run; no file can do more than that. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "durations.h"
#include "json_util.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

#define KEY  "0123"
#define JOBS 3

static struct variant all[JOBS];
static struct variants vs = {.v = all, .n = JOBS};
static bool todo[JOBS][JOBS];
static struct job jobs[JOBS];

/* A machine for each of three variants, each guessed to take its own time. */
static void setup(void)
{
	static const char *const names[JOBS] = {"a", "b", "c"};

	setenv("XDG_CACHE_HOME", test_dir(), 1);
	for (size_t i = 0; i < JOBS; i++) {
		all[i] = (struct variant){.case_name = (char *)"case",
					  .name = (char *)names[i],
					  .params = json_pack("{s:s}", "seals", "0xf")};
		todo[i][i] = true;
		jobs[i] = (struct job){.todo = todo[i], .cost_ms = 10 + i};
	}
}

static void teardown(void)
{
	for (size_t i = 0; i < JOBS; i++)
		json_decref(all[i].params);
}

static char *file(void)
{
	return xasprintf("%s/sealmatrix/durations/" KEY ".json", test_dir());
}

/* Job i took 100 × (i + 1) ms; the last one is new. */
static void remember(void)
{
	struct durations d;
	struct err err = ERR_INIT;

	durations_load(KEY, &d);
	for (size_t i = 0; i + 1 < JOBS; i++)
		durations_note(&d, &vs, &jobs[i], 100 * (i + 1) + 0.5);
	ck_assert_msg(durations_save(&d, &err) == 0, "%s", err.msg);
	durations_free(&d);
}

static void costs(const char *key, unsigned a, unsigned b, unsigned c)
{
	struct durations d;

	durations_load(key, &d);
	durations_apply(&d, &vs, jobs, JOBS);
	durations_free(&d);
	ck_assert_uint_eq(jobs[0].cost_ms, a);
	ck_assert_uint_eq(jobs[1].cost_ms, b);
	ck_assert_uint_eq(jobs[2].cost_ms, c);
}

START_TEST(measured_takes_the_place_of_guessed)
{
	costs(KEY, 10, 11, 12);
	remember();
	costs("4567", 10, 11, 12); /* another machine */
	costs(KEY, 100, 200, 12);
}
END_TEST

/* Another schedule, say: who knows how long that takes. */
START_TEST(other_parameters_are_another_job)
{
	remember();
	json_object_set_new(all[1].params, "schedule", json_string("H1"));
	costs(KEY, 100, 11, 12);
	/* And so is what else shares the machine. */
	todo[0][2] = true;
	jobs[0].cost_ms = 10;
	costs(KEY, 10, 11, 12);
	todo[0][2] = false;
}
END_TEST

START_TEST(the_last_time_counts)
{
	struct durations d;
	struct err err = ERR_INIT;

	remember();
	durations_load(KEY, &d);
	durations_note(&d, &vs, &jobs[0], 7);
	durations_note(&d, &vs, &jobs[1], 0.2); /* it was not nothing */
	ck_assert_int_eq(durations_save(&d, &err), 0);
	durations_free(&d);
	costs(KEY, 7, 1, 12);
}
END_TEST

/* Replaces the first number of the file, or all of it. */
static const struct {
	const char *number, *all;
} damages[] = {
	{.all = ""},
	{.all = "{\"format\": \"durations 1\", \"jobs\": {"},
	{.all = "[]"},
	{.all = "{\"format\": \"durations 1\", \"jobs\": [1, 2]}"},
	{.all = "\x7f\x45\x4c\x46"},
	{.number = "-100"},
	{.number = "0"},
	{.number = "1e3"},
	{.number = "\"100\""},
	{.number = "null"},
	{.number = "99999999999999"},
};

/* What can be read of it counts, as long as it can be true. */
START_TEST(damaged_means_guessed)
{
	_cleanup_free_ char *path = file(), *text = NULL, *cut = NULL;
	struct err err = ERR_INIT;

	remember();
	ck_assert_int_eq(read_file(path, 10000, &text, NULL, &err), 0);
	char *at = strstr(text, ": 100");

	ck_assert_ptr_nonnull(at);
	if (damages[_i].number)
		cut = xasprintf("%.*s%s%s", (int)(at + 2 - text), text, damages[_i].number, at + 5);
	else
		cut = xstrdup(damages[_i].all);
	ck_assert_int_eq(publish_buffer(path, cut, strlen(cut), &err), 0);
	costs(KEY, 10, damages[_i].number ? 200 : 11, 12);
	/* It is written anew as if nothing had been there. */
	remember();
	costs(KEY, 100, 200, 12);
}
END_TEST

/* Of another format: the numbers may mean anything. */
START_TEST(another_format_is_not_read)
{
	_cleanup_free_ char *path = file(), *text = NULL;
	struct err err = ERR_INIT;

	remember();
	ck_assert_int_eq(read_file(path, 10000, &text, NULL, &err), 0);
	*strstr(text, "durations 1") = 'D';
	ck_assert_int_eq(publish_buffer(path, text, strlen(text), &err), 0);
	costs(KEY, 10, 11, 12);
}
END_TEST

START_TEST(only_so_many_are_kept_the_latest)
{
	_cleanup_free_ char *path = file();
	struct durations d;
	struct err err = ERR_INIT;
	struct stat st;

	remember();
	durations_load(KEY, &d);
	for (int i = 0; i < 3000; i++) {
		_cleanup_free_ char *name = xasprintf("%016d", i);

		json_object_set_new(d.jobs, name, json_integer(5));
	}
	durations_note(&d, &vs, &jobs[0], 300);
	ck_assert_int_eq(durations_save(&d, &err), 0);
	durations_free(&d);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_size, 64 << 10);
	costs(KEY, 300, 11, 12);
}
END_TEST

START_TEST(no_place_for_a_cache_is_no_error)
{
	struct err err = ERR_INIT;
	struct durations d;

	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	durations_load(KEY, &d);
	durations_note(&d, &vs, &jobs[0], 300);
	ck_assert_int_eq(durations_save(&d, &err), 0);
	durations_apply(&d, &vs, jobs, JOBS);
	ck_assert_uint_eq(jobs[0].cost_ms, 10);
	durations_free(&d);
}
END_TEST

TEST_SUITE(durations)
{
	Suite *s = suite_create("durations");
	TCase *tc = tcase_create("durations");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, measured_takes_the_place_of_guessed);
	tcase_add_test(tc, other_parameters_are_another_job);
	tcase_add_test(tc, the_last_time_counts);
	tcase_add_loop_test(tc, damaged_means_guessed, 0, sizeof(damages) / sizeof(*damages));
	tcase_add_test(tc, another_format_is_not_read);
	tcase_add_test(tc, only_so_many_are_kept_the_latest);
	tcase_add_test(tc, no_place_for_a_cache_is_no_error);
	suite_add_tcase(s, tc);
	return s;
}
