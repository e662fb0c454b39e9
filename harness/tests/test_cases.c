// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cases.h"
#include "cleanup.h"
#include "json_util.h"
#include "paths.h"
#include "publish.h"
#include "test.h"

static int load_text(const char *text, struct variants *vs, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/cases.conf", test_dir());
	struct err werr = ERR_INIT;

	*err = (struct err)ERR_INIT;
	ck_assert_msg(!publish_buffer(path, text, strlen(text), &werr), "%s", werr.msg);
	return cases_load(path, vs, err);
}

static void load_shipped(struct variants *vs)
{
	_cleanup_free_ char *path = paths_data("cases/cases.conf");
	struct err err = ERR_INIT;

	ck_assert_msg(!cases_load(path, vs, &err), "%s", err.msg);
}

static void select_from(struct variants *vs, const char *suite, const char *only)
{
	struct err err = ERR_INIT;

	ck_assert_msg(!cases_select(vs, suite, only, &err), "%s", err.msg);
}

static const struct variant *find(const struct variants *vs, const char *id)
{
	for (size_t i = 0; i < vs->n; i++) {
		_cleanup_free_ char *name = xasprintf("%s/%s", vs->v[i].case_name, vs->v[i].name);

		if (!strcmp(name, id))
			return &vs->v[i];
	}
	return NULL;
}

static bool is(const struct variant *v, const char *axis, const char *value)
{
	return !strcmp(jstr(v->params, axis, ""), value);
}

/* --- the language ----------------------------------------------------------------------------- */

#define DEFAULTS "[defaults m]\nseals = none\nlink = static\nns = plain\n"
#define HEAD	 "kind = m\ndoc = d\nsuites = s t\n"

START_TEST(product_of_the_axes)
{
	_cleanup_variants_ struct variants vs = {0};
	struct err err;

	ck_assert_msg(!load_text(DEFAULTS "[c g]\n" HEAD "name = x-{seals}-{link}\n"
					  "seals = none 0x3..0x5\nlink = static pie\n",
				 &vs, &err),
		      "%s", err.msg);
	ck_assert_uint_eq(vs.n, 8);
	ck_assert_str_eq(vs.v[0].name, "x-none-static");
	ck_assert_str_eq(vs.v[1].name, "x-none-pie");
	ck_assert_str_eq(vs.v[7].name, "x-0x5-pie");
	ck_assert_str_eq(vs.v[7].case_name, "c");
	ck_assert_str_eq(vs.v[7].kind, "m");
	ck_assert_str_eq(vs.v[7].doc, "d");
	ck_assert(is(&vs.v[7], "seals", "0x5") && is(&vs.v[7], "link", "pie"));
	ck_assert_msg(is(&vs.v[7], "ns", "plain"), "the default of an axis that is not listed");
	ck_assert_uint_eq(json_object_size(vs.v[7].params), 3);
	ck_assert(strv_contains(&vs.v[7].suites, "s") && strv_contains(&vs.v[7].suites, "t"));
	ck_assert_int_eq(vs.v[7].control, CONTROL_NONE);
}
END_TEST

START_TEST(same_variant_twice_is_in_both_suites)
{
	_cleanup_variants_ struct variants vs = {0};
	struct err err;

	ck_assert_msg(!load_text(DEFAULTS "[c g]\n" HEAD "name = {seals}\nseals = 0x1 0x2\n"
					  "[c h]\nkind = m\ndoc = d\nsuites = u\n"
					  "name = {seals}\nseals = 0x2 0x3\n",
				 &vs, &err),
		      "%s", err.msg);
	ck_assert_uint_eq(vs.n, 3);
	ck_assert(strv_contains(&vs.v[1].suites, "s") && strv_contains(&vs.v[1].suites, "u"));
	ck_assert(!strv_contains(&vs.v[0].suites, "u"));
}
END_TEST

static const struct {
	const char *text, *part;
} bad[] = {
	{DEFAULTS "[c]\n" HEAD "name = x\n", "[c]"},
	{DEFAULTS "[c g h]\n" HEAD "name = x\n", "[c g h]"},
	{"[c g]\n" HEAD "name = x\n", "kind that has defaults"},
	{DEFAULTS "[c g]\ndoc = d\nsuites = s\nname = x\n", "kind"},
	{DEFAULTS "[c g]\n" HEAD, "name"},
	{DEFAULTS "[c g]\nkind = m\nsuites = s\nname = x\n", "doc"},
	{DEFAULTS "[c g]\nkind = m\ndoc = d\nname = x\n", "suites"},
	{DEFAULTS "[c g]\n" HEAD "name = x\nsael = 0x1\n", "sael"},
	{DEFAULTS "[c g]\n" HEAD "name = x-{sael}\n", "x-{sael}"},
	{DEFAULTS "[c g]\n" HEAD "name = x-{seals\n", "x-{seals"},
	{DEFAULTS "[c g]\n" HEAD "name = x\nseals = 0x1 0x2\n", "c/x"},
	{DEFAULTS "[c g]\n" HEAD "name = x\nseals = 0x5..0x2\n", "0x5..0x2"},
	{DEFAULTS "[c g]\n" HEAD "name = x\nseals = 0x0..0xffffff\n", "0x0..0xffffff"},
	{DEFAULTS "[c g]\n" HEAD "name = x\nseals =\n", "seals"},
	{DEFAULTS "[c g]\n" HEAD "name = x\ncontrol = frob\n", "frob"},
	{DEFAULTS "[c g]\n" HEAD "name = x\nname = y\n", "name is given twice"},
	{DEFAULTS "[c g]\n" HEAD "name = x\nlink = pie\nlink = static\n", "link is given twice"},
	{DEFAULTS "[c g]\n" HEAD "name = x\nfrob\n", "cases.conf:10"},
};

START_TEST(bad_table_is_refused)
{
	_cleanup_variants_ struct variants vs = {0};
	struct err err;

	ck_assert_msg(load_text(bad[_i].text, &vs, &err) < 0, "accepted: %s", bad[_i].text);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, bad[_i].part) && strstr(err.msg, "cases.conf"), "%s",
		      err.msg);
}
END_TEST

/* --- selecting -------------------------------------------------------------------------------- */

static size_t count_controls(const struct variants *vs)
{
	size_t n = 0;

	for (size_t i = 0; i < vs->n; i++)
		n += vs->v[i].control != CONTROL_NONE;
	return n;
}

static const struct {
	const char *suite, *only;
	size_t n; /* beside the controls; 0: any number, but some */
	const char *has, *lacks;
} selections[] = {
	{"default", NULL, 0, "stage-machine/memfd-0x1f", "stage-machine/memfd-0x1f-H3"},
	{"default", "memfd-0x1f", 1, "stage-machine/memfd-0x1f", "cow/0x1f"},
	{"default", "0x1f", 2, "cow/0x1f", "stage-machine/memfd-0x1f"},
	{"default", "cow/*", 7, "cow/none", "seal/none"},
	{"default", "seal", 11, "seal/0x20", "cow/0xf"},
	{"schedules", NULL, 16, "stage-machine/memfd-0xf-E2", "stage-machine/memfd-0xf"},
	{"smoke", NULL, 0, "stage-machine/memfd-0x1f", "seal/0x1"},
	{"repro", NULL, 0, "stage-machine/memfd-0x1f-H3", "stage-machine/memfd-0x1f-E1"},
	/* each `repeat` command has to work as it stands, without its suite */
	{"default", "stage-machine/memfd-0x1f-H3", 1, "stage-machine/memfd-0x1f-H3", "cow/0xf"},
	{"default", "control-hang", 0, "stage-machine/control-hang", "cow/0xf"},
};

START_TEST(selection)
{
	_cleanup_variants_ struct variants vs = {0};

	load_shipped(&vs);
	select_from(&vs, selections[_i].suite, selections[_i].only);
	ck_assert_uint_eq(count_controls(&vs), 3);
	for (int i = 0; i < 3; i++)
		ck_assert_msg(vs.v[i].control != CONTROL_NONE, "controls come first");
	if (selections[_i].n)
		ck_assert_uint_eq(vs.n, 3 + selections[_i].n);
	ck_assert_msg(find(&vs, selections[_i].has), "no %s", selections[_i].has);
	ck_assert_msg(!find(&vs, selections[_i].lacks), "has %s", selections[_i].lacks);
}
END_TEST

static const struct {
	const char *suite, *only, *part;
} mistakes[] = {
	{"defualt", NULL, "did you mean default?"},
	{"x", NULL, "there are default, exhaustive, schedules, smoke, repro, explore, soak"},
	{"default", "memfd-0x1ff", "memfd-0x1f"},
	{"default", "stage-machine/memfd-0xff", "stage-machine/memfd-0xf"},
};

START_TEST(mistake_names_what_is_near)
{
	_cleanup_variants_ struct variants vs = {0};
	struct err err = ERR_INIT;

	load_shipped(&vs);
	ck_assert_int_lt(cases_select(&vs, mistakes[_i].suite, mistakes[_i].only, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, mistakes[_i].part), "%s", err.msg);
}
END_TEST

/* --- the table that is shipped ---------------------------------------------------------------- */

START_TEST(shipped_controls)
{
	static const struct {
		const char *id;
		enum control control;
		const char *fault, *schedule;
	} controls[] = {
		{"stage-machine/control-clean", CONTROL_CLEAN, "none", "free"},
		{"stage-machine/control-error", CONTROL_CAUGHT_ERROR, "shared-globals", "E1"},
		{"stage-machine/control-hang", CONTROL_CAUGHT_HANG, "shared-globals", "H3"},
	};
	_cleanup_variants_ struct variants vs = {0};

	load_shipped(&vs);
	ck_assert_uint_eq(count_controls(&vs), 3);
	for (int i = 0; i < 3; i++) {
		const struct variant *v = find(&vs, controls[i].id);

		ck_assert_msg(v, "%s", controls[i].id);
		ck_assert_int_eq(v->control, controls[i].control);
		ck_assert(is(v, "image", "file") && is(v, "seals", "none"));
		ck_assert(is(v, "fault", controls[i].fault));
		ck_assert(is(v, "schedule", controls[i].schedule));
	}
}
END_TEST

/* Values of two axes that can act on each other: each pair is in the default suite. */
static const struct {
	const char *a, *b;
	const char *pairs[16][2];
} pairwise[] = {
	{"seals",
	 "link",
	 {{"none", "static"},
	  {"0xf", "static"},
	  {"0x10", "static"},
	  {"0x1f", "static"},
	  {"0x2f", "static"},
	  {"0x3f", "static"},
	  {"0xf", "pie"},
	  {"0x1f", "pie"},
	  {"0xf", "dynamic"},
	  {"0x1f", "dynamic"}}},
	{"seals", "ns", {{"0xf", "plain"}, {"0x1f", "plain"}, {"0xf", "user"}, {"0x1f", "user"}}},
	{"seals",
	 "via",
	 {{"0xf", "fd"}, {"0x1f", "fd"}, {"0xf", "execveat"}, {"0x1f", "execveat"}}},
	{"seals", "maker", {{"0xf", "launcher"}, {"0x1f", "launcher"}, {"0x1f", "stage0"}}},
	{"image",
	 "link",
	 {{"file", "static"},
	  {"memfd", "static"},
	  {"memfd", "pie"},
	  {"memfd", "dynamic"},
	  {"tmpfile", "static"},
	  {"tmpfile", "dynamic"},
	  {"overlay", "static"},
	  {"overlay", "dynamic"}}},
	{"image", "maker", {{"memfd", "stage0"}, {"tmpfile", "stage0"}, {"tmpfile", "launcher"}}},
	{"history", "maker", {{"1.1.15", "stage0"}, {"1.2.4", "launcher"}, {"1.2.6", "launcher"}}},
};

START_TEST(default_suite_covers_pairs)
{
	_cleanup_variants_ struct variants vs = {0};
	const char *a = pairwise[_i].a, *b = pairwise[_i].b;

	load_shipped(&vs);
	select_from(&vs, "default", NULL);
	for (size_t k = 0; pairwise[_i].pairs[k][0]; k++) {
		const char *const *pair = pairwise[_i].pairs[k];
		bool there = false;

		for (size_t i = 0; i < vs.n; i++)
			there |= vs.v[i].control == CONTROL_NONE && is(&vs.v[i], a, pair[0]) &&
				 is(&vs.v[i], b, pair[1]);
		ck_assert_msg(there, "no default variant has %s %s and %s %s", a, pair[0], b,
			      pair[1]);
	}
}
END_TEST

START_TEST(default_suite_stays_small)
{
	_cleanup_variants_ struct variants vs = {0};
	size_t machines = 0;

	load_shipped(&vs);
	select_from(&vs, "default", NULL);
	for (size_t i = 0; i < vs.n; i++)
		machines += vs.v[i].control == CONTROL_NONE && !strcmp(vs.v[i].kind, "machine");
	ck_assert_uint_ge(machines, 20);
	ck_assert_uint_le(machines, 30);
}
END_TEST

START_TEST(exhaustive_holds_default_and_all_masks)
{
	static const char *const kinds[] = {"machine", "seal", "cow"};
	_cleanup_variants_ struct variants vs = {0};

	load_shipped(&vs);
	for (size_t i = 0; i < vs.n; i++)
		ck_assert_msg(!strv_contains(&vs.v[i].suites, "default") ||
				      strv_contains(&vs.v[i].suites, "exhaustive"),
			      "%s/%s is not in exhaustive", vs.v[i].case_name, vs.v[i].name);
	select_from(&vs, "exhaustive", NULL);
	for (unsigned mask = 0; mask < 64; mask++) {
		_cleanup_free_ char *seals = xasprintf("0x%x", mask);

		for (int k = 0; k < 3; k++) {
			bool there = false;

			for (size_t i = 0; i < vs.n; i++)
				there |= !strcmp(vs.v[i].kind, kinds[k]) &&
					 is(&vs.v[i], "seals", seals);
			ck_assert_msg(there, "no %s with seals %s", kinds[k], seals);
		}
	}
}
END_TEST

/* Names go into paths, patterns and shell commands. */
START_TEST(names_are_plain)
{
	_cleanup_variants_ struct variants vs = {0};

	load_shipped(&vs);
	for (size_t i = 0; i < vs.n; i++) {
		const char *name = vs.v[i].name;

		ck_assert_msg(*name && strspn(name, "abcdefghijklmnopqrstuvwxyz"
						    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._+") ==
					       strlen(name),
			      "%s/%s", vs.v[i].case_name, name);
	}
}
END_TEST

#define N(a) (int)(sizeof(a) / sizeof(*(a)))

TEST_SUITE(cases_suite)
{
	Suite *s = suite_create("cases");
	TCase *tc = tcase_create("cases");

	tcase_add_test(tc, product_of_the_axes);
	tcase_add_test(tc, same_variant_twice_is_in_both_suites);
	tcase_add_loop_test(tc, bad_table_is_refused, 0, N(bad));
	tcase_add_loop_test(tc, selection, 0, N(selections));
	tcase_add_loop_test(tc, mistake_names_what_is_near, 0, N(mistakes));
	tcase_add_test(tc, shipped_controls);
	tcase_add_loop_test(tc, default_suite_covers_pairs, 0, N(pairwise));
	tcase_add_test(tc, default_suite_stays_small);
	tcase_add_test(tc, exhaustive_holds_default_and_all_masks);
	tcase_add_test(tc, names_are_plain);
	suite_add_tcase(s, tc);
	return s;
}
