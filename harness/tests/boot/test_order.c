// SPDX-License-Identifier: GPL-2.0-or-later
/* What took longest the last time is started first, and nothing else comes of it. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "boot_test.h"
#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "xalloc.h"

#define KERNEL	 "6.1"
#define MACHINES 4 /* of the suite smoke: the controls, two stage machines, the probes */

/* One machine at a time; what may not differ between two runs. */
static json_t *run(const char *name, char **dir)
{
	int status;
	json_t *r;
	size_t i;

	*dir = results_dir(name);
	_cleanup_json_ json_t *all =
		RUN(*dir, &status, KERNEL, "--accel", "tcg", "--suite", "smoke", "-j", "1");
	json_t *records = json_incref(json_object_get(all, "records"));

	ck_assert_int_eq(status, 0);
	json_array_foreach (records, i, r) {
		json_object_del(r, "cpu_s");
		json_object_del(r, "wall_s");
	}
	return records;
}

static struct timespec ended(const char *dir, int nr)
{
	_cleanup_free_ char *path = xasprintf("%s/" KERNEL "/console-%d.log", dir, nr);
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_mtim;
}

static void in_order(const char *dir, const int nrs[MACHINES])
{
	for (int i = 0; i + 1 < MACHINES; i++) {
		struct timespec a = ended(dir, nrs[i]), b = ended(dir, nrs[i + 1]);

		ck_assert_msg(a.tv_sec < b.tv_sec ||
				      (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec),
			      "%s: machine %d before %d", dir, nrs[i + 1], nrs[i]);
	}
}

/* The only file in the cache's folder of durations. Caller frees. */
static char *durations_file(const char *cache)
{
	_cleanup_free_ char *dir = xasprintf("%s/sealmatrix/durations", cache);
	_cleanup_closedir_ DIR *d = opendir(dir);
	char *path = NULL;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (*e->d_name == '.')
			continue;
		ck_assert_ptr_null(path);
		path = xasprintf("%s/%s", dir, e->d_name);
	}
	ck_assert_ptr_nonnull(path);
	return path;
}

/* Whatever ended later is said to have taken longer: the next run is the other way round. */
static void turn_round(const char *path)
{
	_cleanup_json_ json_t *o = json_load_file(path, 0, NULL);
	json_t *jobs = json_object_get(o, "jobs"), *ms;
	const char *name;
	int nr = 0;

	ck_assert_uint_eq(json_object_size(jobs), MACHINES);
	json_object_foreach (jobs, name, ms) {
		ck_assert_int_gt(json_integer_value(ms), 0);
		json_integer_set(ms, 10000 * ++nr);
	}
	ck_assert_int_eq(json_dump_file(o, path, 0), 0);
}

START_TEST(longest_is_first_and_nothing_else_changes)
{
	_cleanup_free_ char *cache = cache_without("durations", KERNEL), *d1 = NULL, *d2 = NULL,
			    *d3 = NULL;
	struct err err = ERR_INIT;

	setenv("XDG_CACHE_HOME", cache, 1);
	_cleanup_json_ json_t *guessed = run("guessed", &d1);
	_cleanup_free_ char *path = durations_file(cache);

	turn_round(path);
	_cleanup_json_ json_t *known = run("known", &d2);

	ck_assert_int_eq(publish_buffer(path, "{\"jobs\": ", 9, &err), 0);
	_cleanup_json_ json_t *damaged = run("damaged", &d3);

	/* The probes are guessed to take longest, being several; the controls all others rest on.
	 */
	in_order(d1, (const int[]){1, 4, 2, 3});
	in_order(d2, (const int[]){1, 3, 2, 4});
	in_order(d3, (const int[]){1, 4, 2, 3});
	ck_assert(json_equal(guessed, known));
	ck_assert(json_equal(guessed, damaged));
}
END_TEST

TEST_SUITE(order)
{
	Suite *s = suite_create("order");
	TCase *tc = tcase_create("order");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, longest_is_first_and_nothing_else_changes);
	suite_add_tcase(s, tc);
	return s;
}
