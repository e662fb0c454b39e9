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
#include "xalloc.h"

#define MESSAGE_MAX 2000 /* bytes; Check itself stops at some 4000 */

/*
 * Check hands a test nothing but its loop index: while the runner runs, this is where it finds its
 * records. Set and reset by suite_write() only.
 */
static const json_t *running;

/*
 * Check writes messages into XML as they are but for <>&'": no control characters then. A failed
 * assertion leaves by longjmp(), so nothing may be owned by the test.
 */
static void message(const json_t *r, char buf[MESSAGE_MAX])
{
	int n = snprintf(buf, MESSAGE_MAX, "%s: %s", jstr(r, "id", "?"), jstr(r, "outcome", "?"));
	json_t *f;
	size_t i;

	json_array_foreach (json_object_get(r, "findings"), i, f) {
		if (n < MESSAGE_MAX)
			n += snprintf(buf + n, MESSAGE_MAX - n, "; %s: %s",
				      jstr(f, "assertion", "?"), jstr(f, "text", ""));
	}
	for (char *c = buf; *c; c++)
		if (iscntrl((unsigned char)*c) || (unsigned char)*c > 126)
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

static bool counts(const json_t *r)
{
	return !strcmp(jstr(r, "type", ""), "variant") && !strcmp(jstr(r, "control", ""), "none");
}

/* Records in one run of the same kernel and case become one looped test. */
static bool same_test(const json_t *a, const json_t *b)
{
	return !strcmp(jstr(a, "kernel", ""), jstr(b, "kernel", "")) &&
	       !strcmp(jstr(a, "case", ""), jstr(b, "case", ""));
}

/*
 * suite_create() and the tests keep their pointers: names live as long as the records, and @tests
 * (one per record) as long as the runner. A test per loop index, so that each has its variant's
 * name.
 */
static SRunner *build(const json_t *records, TTest *tests)
{
	SRunner *runner = srunner_create(NULL);
	const char *kernel = NULL;
	Suite *s = NULL;

	for (size_t i = 0, to; i < json_array_size(records); i = to) {
		const json_t *first = json_array_get(records, i);
		TCase *tc = tcase_create(jstr(first, "case", "?"));

		for (to = i + 1; same_test(first, json_array_get(records, to)); to++)
			;
		if (!kernel || strcmp(kernel, jstr(first, "kernel", ""))) {
			kernel = jstr(first, "kernel", "");
			s = suite_create(kernel);
			srunner_add_suite(runner, s);
		}
		for (size_t k = i; k < to; k++) {
			tests[k] = *verdict;
			tests[k].name = jstr(json_array_get(records, k), "variant", "?");
			_tcase_add_test(tc, &tests[k], 0, 0, k, k + 1);
		}
		suite_add_tcase(s, tc);
	}
	return runner;
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
	json_t *r;
	size_t i;

	json_array_foreach (records, i, r) {
		if (counts(r))
			json_array_append(own, r);
	}
	_cleanup_free_ TTest *tests = xcalloc(json_array_size(own), sizeof(*tests));

	running = own;
	SRunner *runner = build(own, tests);

	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_set_tap(runner, tap_tmp);
	srunner_set_xml(runner, xml_tmp);
	srunner_run_all(runner, CK_SILENT);
	*failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	running = NULL;
	int ret = publish_log(tap_tmp, tap, err);

	return ret ? ret : publish_log(xml_tmp, xml, err);
}
