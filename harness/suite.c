// SPDX-License-Identifier: GPL-2.0-or-later
#include "suite.h"

#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge.h"
#include "xalloc.h"

#define MESSAGE_MAX 2000 /* bytes; Check itself stops at some 4000 */

/*
 * Check hands a test nothing but its loop index: while the runner runs, this is where it finds its
 * records. Set and reset by suite_write() only.
 */
static const json_t *running;

/*
 * Check writes messages into XML as they are but for <>&'": no control characters then. In TAP a
 * number sign begins a directive, and "# TODO" would turn a failure into none. A failed assertion
 * leaves by longjmp(), so nothing may be owned by the test.
 */
static void message(const json_t *r, char buf[MESSAGE_MAX])
{
	int n = snprintf(buf, MESSAGE_MAX, "%s", jstr(r, "outcome", "?"));
	json_t *f;
	size_t i;

	json_array_foreach (json_object_get(r, "findings"), i, f) {
		if (n < MESSAGE_MAX)
			n += snprintf(buf + n, MESSAGE_MAX - n, "; %s: %s",
				      jstr(f, "assertion", "?"), jstr(f, "text", ""));
	}
	for (char *c = buf; *c; c++)
		if (iscntrl((unsigned char)*c) || (unsigned char)*c > 126 || *c == '#')
			*c = '?';
}

START_TEST(verdict)
{
	const json_t *r = json_array_get(running, _i);
	char text[MESSAGE_MAX];

	message(r, text);
	ck_assert_msg(jbool(r, "expected", 0) == 1, "%s", text);
}
END_TEST

/* A machine that went wrong counts as it does in the exit status, which this is to agree with. */
static bool counts(const json_t *records, const json_t *r)
{
	if (!strcmp(jstr(r, "type", ""), "boot"))
		return tally_boot_is_news(records, r) && strcmp(jstr(r, "end", ""), "unavailable");
	return !strcmp(jstr(r, "control", ""), "none");
}

static const char *case_of(const json_t *r)
{
	return jstr(r, "case", "boot");
}

/* Records in one run of the same kernel and case become one test case. */
static bool same_case(const json_t *a, const json_t *b)
{
	return !strcmp(jstr(a, "kernel", ""), jstr(b, "kernel", "")) &&
	       !strcmp(case_of(a), case_of(b));
}

/* With the kernel: TAP has nothing else that tells one kernel's tests from another's. */
static void add_name(const json_t *r, struct strv *names)
{
	const char *id = jstr(r, "id", NULL);

	if (id)
		strv_add(names, id);
	else
		strv_addf(names, "%s/boot/%" JSON_INTEGER_FORMAT, jstr(r, "kernel", "?"),
			  jint(r, "boot", 0));
}

/*
 * suite_create() and the tests keep their pointers: the records, @names and @tests (one of each per
 * record) live as long as the runner. A test per loop index, so that each has its name.
 */
static SRunner *build(const json_t *records, const struct strv *names, TTest *tests)
{
	SRunner *runner = srunner_create(NULL);
	const char *kernel = NULL;
	Suite *s = NULL;

	for (size_t i = 0, to; i < json_array_size(records); i = to) {
		const json_t *first = json_array_get(records, i);
		TCase *tc = tcase_create(case_of(first));

		for (to = i + 1; same_case(first, json_array_get(records, to)); to++)
			;
		if (!kernel || strcmp(kernel, jstr(first, "kernel", ""))) {
			kernel = jstr(first, "kernel", "");
			s = suite_create(kernel);
			srunner_add_suite(runner, s);
		}
		for (size_t k = i; k < to; k++) {
			tests[k] = *verdict;
			tests[k].name = names->v[k];
			_tcase_add_test(tc, &tests[k], 0, 0, k, k + 1);
		}
		suite_add_tcase(s, tc);
	}
	return runner;
}

/* Check lets the environment choose suites and cases: of a test program, not of our verdicts. */
static void run_them_all(SRunner *runner)
{
	static const char *const choices[] = {"CK_RUN_SUITE", "CK_RUN_CASE", "CK_INCLUDE_TAGS",
					      "CK_EXCLUDE_TAGS"};

	for (size_t i = 0; i < sizeof(choices) / sizeof(*choices); i++)
		unsetenv(choices[i]);
	srunner_run_all(runner, CK_SILENT);
}

/* Check opens its logs by itself; they become visible whole all the same. */
static int publish_log(const char *tmp, const char *final, struct err *err)
{
	_cleanup_close_ int fd = open(tmp, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0 || rename(tmp, final) < 0)
		return err_set(err, ERR_INFRA, errno, "write %s", final);
	return 0;
}

int suite_write(const char *dir, const json_t *records, int *failed, struct err *err)
{
	_cleanup_json_ json_t *own = json_array();
	_cleanup_free_ char *tap = xasprintf("%s/check.tap", dir);
	_cleanup_free_ char *xml = xasprintf("%s/check.xml", dir);
	_cleanup_free_ char *tap_tmp = xasprintf("%s.tmp", tap),
			    *xml_tmp = xasprintf("%s.tmp", xml);
	_cleanup_strv_ struct strv names = {0};
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		if (!counts(records, r))
			continue;
		json_array_append(own, r);
		add_name(r, &names);
	}
	_cleanup_free_ TTest *tests = xcalloc(json_array_size(own), sizeof(*tests));

	running = own;
	SRunner *runner = build(own, &names, tests);

	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_set_tap(runner, tap_tmp);
	srunner_set_xml(runner, xml_tmp);
	run_them_all(runner);
	*failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	running = NULL;
	int ret = publish_log(tap_tmp, tap, err);

	return ret ? ret : publish_log(xml_tmp, xml, err);
}
