// SPDX-License-Identifier: GPL-2.0-or-later
/* A model of what a kernel should answer under each of the 64 masks, and one lie at a time. */
#include <string.h>

#include "cleanup.h"
#include "fixture.h"
#include "json_util.h"
#include "judge.h"
#include "test.h"
#include "xalloc.h"

enum { SEAL = 1, SHRINK = 2, GROW = 4, WRITE = 8, FUTURE = 16, EXEC = 32, ALL = 63 };

static json_t *refused(const char *errnum)
{
	return json_pack("{s:b, s:s}", "ok", 0, "errno", errnum);
}

static json_t *done(void)
{
	return json_pack("{s:b}", "ok", 1);
}

static json_t *either(unsigned seals, unsigned by)
{
	return seals & by ? refused("EPERM") : done();
}

static json_t *reading(unsigned seals)
{
	return json_pack("{s:b, s:i}", "ok", 1, "value", (int)seals);
}

/* What the promises of seals-and-kernels.md, section 1, come to. */
static json_t *model_ops(unsigned seals)
{
	unsigned no_write = WRITE | FUTURE;
	json_t *ops = json_object();

	json_object_set_new(ops, "write", either(seals, no_write));
	json_object_set_new(ops, "reopen-write", either(seals, no_write));
	json_object_set_new(ops, "write-past-end", either(seals, no_write | GROW));
	json_object_set_new(ops, "shrink", either(seals, SHRINK));
	json_object_set_new(ops, "grow", either(seals, GROW));
	json_object_set_new(ops, "map-shared-rw", either(seals, no_write));
	json_object_set_new(ops, "map-shared-ro", done());
	json_object_set_new(ops, "map-private-rw", done());
	json_object_set_new(ops, "chmod-x", either(seals, EXEC));
	json_object_set_new(ops, "fork-get", reading(seals));
	json_object_set_new(ops, "exec-get", reading(seals));
	if (seals & WRITE) {
		json_object_set_new(ops, "add-with-map", refused("EBUSY"));
		json_object_set_new(ops, "add-write-with-ro-map", done());
	} else {
		json_object_set_new(ops, "old-map-write", done());
	}
	if (seals != ALL)
		json_object_set_new(ops, "add-more", either(seals, SEAL));
	return ops;
}

static json_t *model(int asked, unsigned seals)
{
	return fixture_seals("seal", asked,
			     json_pack("{s:o, s:o, s:i, s:o}", "memfd", done(), "add", done(),
				       "seals", (int)seals, "ops", model_ops(seals)));
}

static unsigned implied(unsigned asked)
{
	return asked & EXEC ? asked | SHRINK | GROW | WRITE | FUTURE : asked;
}

static bool has(const struct verdict *v, const char *assertion)
{
	json_t *f;
	size_t i;

	json_array_foreach (v->findings, i, f)
		if (!strcmp(jstr(f, "assertion", ""), assertion))
			return true;
	return false;
}

static void expect(const json_t *r, enum outcome o, const char *assertion, const char *what)
{
	_cleanup_verdict_ struct verdict v;

	judge_variant(r, &v);
	_cleanup_free_ char *text = json_dumps(v.findings, JSON_COMPACT);

	ck_assert_msg(v.outcome == o && (!assertion || has(&v, assertion)),
		      "%s: %s, wanted %s (%s): %s", what, outcome_name(v.outcome), outcome_name(o),
		      assertion ? assertion : "", text);
}

START_TEST(every_healthy_mask_passes)
{
	_cleanup_json_ json_t *plain = model(_i, _i), *more = model(_i, implied(_i));

	expect(plain, OUTCOME_PASS, NULL, "as asked");
	expect(more, OUTCOME_PASS, NULL, "with what EXEC implies");
}
END_TEST

START_TEST(no_seals_pass)
{
	_cleanup_json_ json_t *r = model(-1, 0);

	expect(r, OUTCOME_PASS, NULL, "none");
}
END_TEST

static const struct {
	const char *op;
	unsigned by;
	const char *assertion;
} promises[] = {
	{"write", WRITE | FUTURE, "seal-write"},
	{"reopen-write", WRITE | FUTURE, "seal-write"},
	{"write-past-end", WRITE | FUTURE | GROW, "seal-grow"},
	{"shrink", SHRINK, "seal-shrink"},
	{"grow", GROW, "seal-grow"},
	{"map-shared-rw", WRITE | FUTURE, "seal-map"},
	{"chmod-x", EXEC, "seal-exec"},
	{"add-more", SEAL, "seal-seal"},
};

#define N(a) (int)(sizeof(a) / sizeof(*(a)))

/* For each mask: turn the answer round, refuse for another reason, say one thing and do another. */
START_TEST(broken_promise_is_found)
{
	_cleanup_free_ char *path = xasprintf("observed/ops/%s", promises[_i].op);

	for (unsigned mask = 0; mask < ALL; mask++) {
		bool sealed = mask & promises[_i].by;
		const char *assertion = sealed ? promises[_i].assertion : "not-sealed";
		const char *lies[] = {
			sealed ? "{\"ok\":true}" : "{\"ok\":false,\"errno\":\"EPERM\"}",
			"{\"ok\":false,\"errno\":\"EINVAL\"}",
			"{\"ok\":false}",
			"{\"ok\":true,\"errno\":\"EPERM\"}",
			"{\"ok\":false,\"signal\":\"SIGBUS\"}",
		};

		for (int k = 0; k < N(lies); k++) {
			_cleanup_json_ json_t *r = model(mask, mask);

			plant(r, path, lies[k]);
			expect(r, OUTCOME_FAIL, assertion, path);
		}
	}
}
END_TEST

/* Everything that has to be tried, under a mask where it is not left out for a reason. */
static const char *const needed[] = {
	"ops/write",
	"ops/reopen-write",
	"ops/write-past-end",
	"ops/shrink",
	"ops/grow",
	"ops/map-shared-rw",
	"ops/map-shared-ro",
	"ops/map-private-rw",
	"ops/chmod-x",
	"ops/add-more",
	"ops/fork-get",
	"ops/exec-get",
	"ops/exec-get/value",
	"ops/write/ok",
	"seals",
	"ops",
};

START_TEST(what_was_not_tried_is_an_error)
{
	_cleanup_free_ char *path = xasprintf("observed/%s", needed[_i]);

	for (int odd = 0; odd <= 1; odd++) {
		_cleanup_json_ json_t *r = model(WRITE | SHRINK, WRITE | SHRINK);

		plant(r, path, odd ? "\"odd\"" : NULL);
		expect(r, OUTCOME_ERROR, "harness", path);
	}
}
END_TEST

START_TEST(old_mapping)
{
	static const struct {
		int asked, seals;
		const char *path, *value;
		enum outcome outcome;
		const char *assertion;
	} rows[] = {
		{WRITE, WRITE, "add-with-map", NULL, OUTCOME_ERROR, "harness"},
		{WRITE, WRITE, "add-with-map", "{\"ok\":true}", OUTCOME_FAIL, "seal-write"},
		{WRITE, WRITE, "add-with-map", "{\"ok\":false,\"errno\":\"EPERM\"}", OUTCOME_FAIL,
		 "seal-write"},
		{FUTURE, FUTURE, "old-map-write", NULL, OUTCOME_ERROR, "harness"},
		{FUTURE, FUTURE, "old-map-write", "{\"ok\":false}", OUTCOME_FAIL, "not-sealed"},
		{FUTURE, FUTURE, "add-with-map", "{\"ok\":false,\"errno\":\"EBUSY\"}", OUTCOME_FAIL,
		 "not-sealed"},
		/* WRITE that EXEC implies: until 3b041514cb6e nobody looked for mappings */
		{EXEC, 0x3e, "add-with-map", "{\"ok\":true}", OUTCOME_FAIL, "seal-write-implied"},
		{EXEC, 0x3e, "add-with-map", NULL, OUTCOME_ERROR, "harness"},
		{EXEC, EXEC, "old-map-write", NULL, OUTCOME_ERROR, "harness"},
	};
	_cleanup_json_ json_t *r = model(rows[_i].asked, rows[_i].seals);
	_cleanup_free_ char *path = xasprintf("observed/ops/%s", rows[_i].path);

	plant(r, path, rows[_i].value);
	expect(r, rows[_i].outcome, rows[_i].assertion, path);
}
END_TEST

static const struct {
	int mask;
	const char *path, *value;
	enum outcome outcome;
	const char *assertion;
} rows[] = {
	{0xf, "observed/seals", "7", OUTCOME_FAIL, "seals"},
	{0xf, "observed/seals", "31", OUTCOME_FAIL, "seals"},
	{0xf, "observed/seals", "-1", OUTCOME_ERROR, "harness"},
	{0xf, "observed/add", "{\"ok\":false,\"errno\":\"EPERM\"}", OUTCOME_FAIL, "seals"},
	{0x1f, "observed/unsupported", "{\"step\":\"F_ADD_SEALS 0x1f\",\"errno\":\"EINVAL\"}",
	 OUTCOME_UNSUPPORTED, "unsupported"},
	{0xf, "observed/ops/fork-get/value", "7", OUTCOME_FAIL, "seals-kept"},
	{0xf, "observed/ops/exec-get/value", "0", OUTCOME_FAIL, "seals-kept"},
	{0xf, "observed/ops/map-private-rw", "{\"ok\":false,\"errno\":\"EPERM\"}", OUTCOME_FAIL,
	 "private-mapping"},
	{0xf, "observed/ops/map-private-rw", "{\"ok\":false,\"value\":\"reached the file\"}",
	 OUTCOME_FAIL, "private-mapping"},
	{0x10, "observed/ops/map-shared-upgrade", "{\"ok\":true}", OUTCOME_FAIL, "seal-map"},
	{0x10, "observed/ops/map-shared-upgrade", "{\"ok\":false,\"errno\":\"EACCES\"}",
	 OUTCOME_PASS, NULL},
	{0x7, "observed/ops/map-shared-upgrade", "{\"ok\":false,\"errno\":\"EACCES\"}",
	 OUTCOME_FAIL, "not-sealed"},
	/* as in 6.12.0 to 6.12.8: refused, though it does not count as writable */
	{0xf, "observed/ops/map-shared-ro", "{\"ok\":false,\"errno\":\"EPERM\"}", OUTCOME_FAIL,
	 "not-sealed"},
	{0xf, "observed/ops/map-shared-ro", "{\"ok\":false,\"errno\":\"EIO\"}", OUTCOME_FAIL,
	 "not-sealed"},
	{0x17, "observed/ops/map-shared-ro", "{\"ok\":false,\"errno\":\"EPERM\"}", OUTCOME_FAIL,
	 "not-sealed"},
	/* nothing is left to add, or the kernel does not know what is */
	{0x1f, "observed/ops/add-more", NULL, OUTCOME_PASS, NULL},
	{0x17, "observed/ops/add-more", NULL, OUTCOME_ERROR, "harness"},
	{0xf, "params/seals", "\"frob\"", OUTCOME_ERROR, "harness"},
};

START_TEST(one_thing_planted)
{
	_cleanup_json_ json_t *r = model(rows[_i].mask, rows[_i].mask);

	plant(r, rows[_i].path, rows[_i].value);
	expect(r, rows[_i].outcome, rows[_i].assertion, rows[_i].path);
}
END_TEST

/* The same, as a guest tells it that only tries add-with-map where WRITE was asked for. */
START_TEST(implied_write_seen_by_the_old_mapping)
{
	_cleanup_json_ json_t *r = model(EXEC, 0x3e);

	plant(r, "observed/ops/add-with-map", NULL);
	plant(r, "observed/ops/old-map-write", "{\"ok\":true}");
	expect(r, OUTCOME_FAIL, "seal-write-implied", "old mapping");
}
END_TEST

/* What a refused read-only shared mapping means, by whether such a mapping counts as writable. */
static const struct {
	const char *counts;
	enum outcome outcome;
	const char *assertion;
} refusals[] = {
	{"{\"ok\":false,\"errno\":\"EBUSY\"}", OUTCOME_PASS, NULL},  /* before 6.7 */
	{"{\"ok\":false,\"errno\":\"EINVAL\"}", OUTCOME_PASS, NULL}, /* before 5.1 */
	{"{\"ok\":true}", OUTCOME_FAIL, "not-sealed"},		     /* 6.12.0 to 6.12.8 */
	{"{\"ok\":false,\"errno\":\"EIO\"}", OUTCOME_ERROR, "harness"},
	{"{\"ok\":false}", OUTCOME_ERROR, "harness"},
	{NULL, OUTCOME_ERROR, "harness"},
};

START_TEST(read_only_shared_mapping)
{
	static const char path[] = "observed/ops/add-write-with-ro-map";
	_cleanup_json_ json_t *r = model(WRITE, WRITE);
	_cleanup_verdict_ struct verdict allowed, refuses;

	plant(r, path, refusals[_i].counts);
	judge_variant(r, &allowed);
	ck_assert_int_eq(allowed.outcome, OUTCOME_PASS);
	ck_assert_str_eq(jstr(allowed.attributes, "map-shared-ro", ""), "allowed");
	plant(r, "observed/ops/map-shared-ro", "{\"ok\":false,\"errno\":\"EPERM\"}");
	judge_variant(r, &refuses);
	ck_assert_str_eq(jstr(refuses.attributes, "map-shared-ro", ""), "refused");
	expect(r, refusals[_i].outcome, refusals[_i].assertion, path);
}
END_TEST

TEST_SUITE(judge_seal_suite)
{
	Suite *s = suite_create("judge seal");
	TCase *tc = tcase_create("judge seal");

	tcase_add_loop_test(tc, every_healthy_mask_passes, 0, ALL + 1);
	tcase_add_test(tc, no_seals_pass);
	tcase_add_loop_test(tc, broken_promise_is_found, 0, N(promises));
	tcase_add_loop_test(tc, what_was_not_tried_is_an_error, 0, N(needed));
	tcase_add_loop_test(tc, old_mapping, 0, 9);
	tcase_add_loop_test(tc, one_thing_planted, 0, N(rows));
	tcase_add_test(tc, implied_write_seen_by_the_old_mapping);
	tcase_add_loop_test(tc, read_only_shared_mapping, 0, N(refusals));
	suite_add_tcase(s, tc);
	return s;
}
