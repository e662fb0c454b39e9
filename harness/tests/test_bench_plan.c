// SPDX-License-Identifier: GPL-2.0-or-later
/* What `bench` is to measure, and how that is shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "bench_report.h"
#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

static const char matrix[] = "[here]\nprovider = file\narch = x86_64\ntags = default\n"
			     "image = IMAGE\n"
			     "[gone]\nprovider = source\narch = x86_64\ntags = default\n"
			     "tarball = linux-0.1.tar.xz\n"
			     "[other]\nprovider = file\narch = x86_64\nimage = IMAGE\n";

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", test_dir(), name);
	struct err err = ERR_INIT;

	ck_assert_msg(publish_buffer(path, text, strlen(text), &err) == 0, "%s", err.msg);
}

static void put_matrix(const char *text)
{
	_cleanup_free_ char *image = xasprintf("%s/image", test_dir());
	_cleanup_free_ char *dir = xasprintf("%s/kernels", test_dir());
	char *all = xstrdup("");
	struct err err = ERR_INIT;

	for (const char *at; (at = strstr(text, "IMAGE")); text = at + strlen("IMAGE")) {
		char *more = xasprintf("%s%.*s%s", all, (int)(at - text), text, image);

		free(all);
		all = more;
	}
	_cleanup_free_ char *whole = xasprintf("%s%s", all, text);

	free(all);
	ck_assert_int_eq(make_dirs(dir, &err), 0);
	put("kernels/matrix.conf", whole);
	put("kernels/mutants.conf", "");
	test_bzimage("image", "6.1.0");
	setenv("SEALMATRIX_ROOT", test_dir(), 1);
	setenv("XDG_CACHE_HOME", test_dir(), 1);
	setenv("XDG_CONFIG_HOME", test_dir(), 1);
	unsetenv("SEALMATRIX_SOURCES");
}

static bool says(const struct strv *lines, const char *what)
{
	for (size_t i = 0; i < lines->n; i++)
		if (strstr(lines->v[i], what))
			return true;
	return false;
}

START_TEST(default_kernels_that_can_be_had)
{
	struct bench_plan p;
	struct err err = ERR_INIT;

	put_matrix(matrix);
	ck_assert_msg(bench_plan_open(&p, "here", 2, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(p.nsingle, 1);
	ck_assert_str_eq(p.rows[SINGLE].args, "here --accel tcg");
	ck_assert_str_eq(p.rows[TOGETHER].args, "here --accel tcg");
	ck_assert(says(&p.left_out, "gone: "));
	/* Where schedules hang is no kernel of this matrix. */
	ck_assert(says(&p.left_out, "schedules that hang"));
	ck_assert_ptr_null(p.rows[HUNG_1].name);
	ck_assert_ptr_eq(p.rows[COLD].against, &p.rows[BARE]);
	ck_assert_ptr_eq(p.rows[RATES].against, &p.rows[BARE]);
	bench_plan_close(&p);
}
END_TEST

/* One round as it may have been: what a suite is of takes less than what it is part of. */
static void put_samples(struct bench_plan *p)
{
	for (int i = 0; i < BENCH_ROWS; i++) {
		p->rows[i].v = xcalloc(1, sizeof(*p->rows[i].v));
		if (p->rows[i].name)
			p->rows[i].v[0] = (struct bench_sample){.cpu_s = 2,
								.all_cpu_s = 2,
								.wall_s = 4,
								.beside_s = 4,
								.machines = 1,
								.times = 1};
	}
	p->rows[PART_SEAL].v[0].cpu_s = 1.5;
	p->rows[PART_COW].v[0].cpu_s = 2.5;
	/* Two machines besides that of the controls. */
	p->rows[PASS_OWN].v[0].machines = p->rows[HUNG_OWN].v[0].machines = 3;
	p->rows[PASS_OWN].v[0].variant_s = 1;
	p->rows[HUNG_OWN].v[0].variant_s = 1.5;
}

START_TEST(report_shows_all_that_was_measured)
{
	struct bench_rounds rounds = {.wanted = 1, .done = 1};
	_cleanup_json_ json_t *out = json_object();
	struct bench_plan p;
	struct err err = ERR_INIT;
	char *buf = NULL;
	size_t len;

	put_matrix(matrix);
	ck_assert_int_eq(bench_plan_open(&p, "here", 2, &err), 0);
	/* As if there were some: both take as long in one round as in six. */
	for (int i = PASS_1; i <= HUNG_OWN; i++)
		p.rows[i].name = xstrdup("schedules");
	put_samples(&p);
	FILE *f = open_memstream(&buf, &len);

	bench_report(f, &p, &rounds, out);
	fclose(f);
	_cleanup_free_ char *text = buf;
	const json_t *ratios = json_object_get(out, "ratios");
	const json_t *seals = json_object_get(ratios, "part: seals");

	ck_assert_msg(strstr(text, "  … what one more adds, in one machine: below the noise\n"),
		      "%s", text);
	ck_assert(json_object_get(json_object_get(ratios, "… what one more adds, in one machine"),
				  "below_noise"));
	ck_assert_double_eq(
		json_number_value(json_object_get(
			json_object_get(ratios, "hung variant's machine / passing variant's"),
			"value")),
		1.5);
	ck_assert_double_eq(json_number_value(json_object_get(seals, "value")), -0.25);
	ck_assert_msg(strstr(text, "-0.25  -0.25..-0.25"), "%s", text);
	/* The ratio to the bare boots beside it, not to that of the round. */
	ck_assert_double_eq(
		json_number_value(json_object_get(
			json_object_get(ratios, "default suite, cold / bare boot"), "value")),
		0.5);
	ck_assert_msg(strstr(text, "  left out: gone: "), "%s", text);
	ck_assert_uint_eq(json_array_size(json_object_get(out, "left_out")), p.left_out.n);
	bench_plan_close(&p);
}
END_TEST

TEST_SUITE(bench_plan)
{
	Suite *s = suite_create("bench plan");
	TCase *tc = tcase_create("plan");

	tcase_add_test(tc, default_kernels_that_can_be_had);
	tcase_add_test(tc, report_shows_all_that_was_measured);
	suite_add_tcase(s, tc);
	return s;
}
