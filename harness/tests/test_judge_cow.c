// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>

#include "cleanup.h"
#include "fixture.h"
#include "json_util.h"
#include "judge.h"
#include "test.h"
#include "xalloc.h"

#define FLAGS	 "\"value\":\"rd wr mr mw me ac\""
#define NO_FLAGS "\"value\":\"rd wr mr me ac sd\""
#define EIO_R	 "{\"ok\":false,\"errno\":\"EIO\"}"

static const struct {
	const char *name, *healthy, *affected, *text;
} probes[] = {
	{"vmflags", "{\"ok\":true," FLAGS "}", "{\"ok\":false," NO_FLAGS "}",
	 "VM_MAYWRITE is missing"},
	{"mprotect", "{\"ok\":true}", "{\"ok\":false,\"errno\":\"EACCES\"}", "mprotect: EACCES"},
	{"proc-mem", "{\"ok\":true}", EIO_R, "proc-mem: EIO"},
	{"fork-write", "{\"ok\":true,\"value\":\"private\"}", "{\"ok\":true,\"value\":\"shared\"}",
	 "shared after"},
	{"pfn", "{\"ok\":true,\"value\":\"differ\"}", "{\"ok\":true,\"value\":\"same\"}",
	 "same page frame"},
};

enum { VMFLAGS, MPROTECT, PROC_MEM, FORK_WRITE, PFN, PROBES };

static const char *const targets[] = {"sealed", "unsealed", "anon"};

static void set(json_t *r, int probe, const char *target, const char *value)
{
	_cleanup_free_ char *path = xasprintf("observed/probes/%s/%s", probes[probe].name, target);

	plant(r, path, value);
}

static json_t *healthy(int mask)
{
	json_t *r = fixture_seals("cow", mask,
				  json_pack("{s:i, s:{}}", "seals", mask < 0 ? 0 : mask, "probes"));

	for (int p = 0; p < PROBES; p++) {
		_cleanup_free_ char *path = xasprintf("observed/probes/%s", probes[p].name);

		plant(r, path, "{}");
		for (int t = 0; t < 3; t++)
			set(r, p, targets[t], probes[p].healthy);
	}
	return r;
}

static void expect(const json_t *r, enum outcome o, const char *part, const char *what)
{
	_cleanup_verdict_ struct verdict v;

	judge_variant(r, &v);
	_cleanup_free_ char *text = json_dumps(v.findings, JSON_COMPACT);

	ck_assert_msg(v.outcome == o && strstr(text, part), "%s: %s, wanted %s (%s): %s", what,
		      outcome_name(v.outcome), outcome_name(o), part, text);
}

START_TEST(healthy_passes)
{
	static const int masks[] = {-1, 0, 0xf, 0x1f, 0x3f};
	_cleanup_json_ json_t *r = healthy(masks[_i]);

	expect(r, OUTCOME_PASS, "[]", "healthy");
}
END_TEST

START_TEST(affected_probe_fails)
{
	_cleanup_json_ json_t *r = healthy(0x1f);

	set(r, _i, "sealed", probes[_i].affected);
	expect(r, OUTCOME_FAIL, probes[_i].text, probes[_i].name);
	expect(r, OUTCOME_FAIL, "\"copy-on-write\"", probes[_i].name);
	expect(r, OUTCOME_FAIL, "memfd sealed 0x1f", probes[_i].name);
}
END_TEST

/* Where the control is affected, or not there, the probe says nothing. */
START_TEST(affected_control_is_blind)
{
	const char *const values[] = {probes[_i].affected, NULL, "{}", "7"};

	for (size_t k = 0; k < sizeof(values) / sizeof(*values); k++) {
		_cleanup_json_ json_t *r = healthy(0x1f);
		_cleanup_verdict_ struct verdict v;

		set(r, _i, "sealed", probes[_i].affected);
		set(r, _i, "unsealed", values[k]);
		judge_variant(r, &v);
		ck_assert_str_eq(jstr(v.attributes, probes[_i].name, ""), "blind");
		ck_assert_str_eq(outcome_name(v.outcome), _i == FORK_WRITE ? "error" : "pass");
	}
}
END_TEST

START_TEST(anonymous_memory_is_a_control_too)
{
	_cleanup_json_ json_t *r = healthy(0x1f);

	set(r, PROC_MEM, "sealed", EIO_R);
	set(r, PROC_MEM, "anon", EIO_R);
	expect(r, OUTCOME_PASS, "[]", "EIO on anonymous memory");
	set(r, PROC_MEM, "anon", NULL);
	expect(r, OUTCOME_FAIL, "proc-mem", "no anonymous memory");
}
END_TEST

static const struct {
	const char *what, *path, *value;
	enum outcome outcome;
	const char *part;
} rows[] = {
	{"smaps cannot be read", "observed/probes/vmflags/sealed",
	 "{\"ok\":false,\"errno\":\"ENOENT\"}", OUTCOME_PASS, "[]"},
	{"smaps was cut off", "observed/probes/vmflags/sealed",
	 "{\"ok\":false,\"errno\":\"EIO\",\"value\":\"rd\"}", OUTCOME_PASS, "[]"},
	{"mw inside a word", "observed/probes/vmflags/sealed", "{\"ok\":true,\"value\":\"rd mwx\"}",
	 OUTCOME_FAIL, "VM_MAYWRITE"},
	{"fork-write gave nothing", "observed/probes/fork-write/sealed", "{\"ok\":false}",
	 OUTCOME_ERROR, "on the sealed memfd, and says nothing"},
	{"fork-write killed the child", "observed/probes/fork-write/sealed",
	 "{\"ok\":false,\"signal\":\"SIGBUS\"}", OUTCOME_ERROR, "on the sealed memfd"},
	{"fork-write of any memfd", "observed/probes/fork-write/unsealed", "{\"ok\":false}",
	 OUTCOME_ERROR, "without seals either"},
	{"fork-write of any memory", "observed/probes/fork-write/anon", "{\"ok\":false}",
	 OUTCOME_ERROR, "on plain memory either"},
	{"no fork-write", "observed/probes/fork-write", NULL, OUTCOME_ERROR, "could not look"},
	{"no probes", "observed/probes", NULL, OUTCOME_ERROR, "could not look"},
	{"no mprotect", "observed/probes/mprotect", NULL, OUTCOME_PASS, "[]"},
	{"seals unknown", "observed/seals", NULL, OUTCOME_ERROR, "could not look"},
	{"seals not there", "observed/seals", "15", OUTCOME_FAIL, "\"seals\""},
	{"odd mask", "params/seals", "\"frob\"", OUTCOME_ERROR, "no mask"},
	{"unsupported", "observed/unsupported", "{\"step\":\"s\",\"errno\":\"EINVAL\"}",
	 OUTCOME_UNSUPPORTED, "s: EINVAL"},
};

START_TEST(one_thing_planted)
{
	_cleanup_json_ json_t *r = healthy(0x1f);

	plant(r, rows[_i].path, rows[_i].value);
	expect(r, rows[_i].outcome, rows[_i].part, rows[_i].what);
}
END_TEST

TEST_SUITE(judge_cow_suite)
{
	Suite *s = suite_create("judge cow");
	TCase *tc = tcase_create("judge cow");

	tcase_add_loop_test(tc, healthy_passes, 0, 5);
	tcase_add_loop_test(tc, affected_probe_fails, 0, PROBES);
	tcase_add_loop_test(tc, affected_control_is_blind, 0, PROBES);
	tcase_add_test(tc, anonymous_memory_is_a_control_too);
	tcase_add_loop_test(tc, one_thing_planted, 0, (int)(sizeof(rows) / sizeof(*rows)));
	suite_add_tcase(s, tc);
	return s;
}
