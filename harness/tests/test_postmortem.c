// SPDX-License-Identifier: GPL-2.0-or-later
/* A failed machine explained: from its record, the probes of its boot, and what is known. */
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fixture.h"
#include "json_util.h"
#include "judge.h"
#include "paths.h"
#include "postmortem.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

#define SIGN "memfd sealed 0x1f: VM_MAYWRITE is missing on its private mapping (vmflags)"

static struct mechanisms known(void)
{
	_cleanup_free_ char *path = paths_data("kernels/mechanisms.conf");
	struct mechanisms ms = {0};
	struct err err = ERR_INIT;

	ck_assert_msg(mechanisms_load(path, &ms, &err) == 0, "%s", err.msg);
	return ms;
}

/* A machine that hung from a memfd sealed 0x1f, and the probes of that memfd in boot @boot. */
static json_t *hung(int boot)
{
	json_t *records = json_array(), *hang = fixture("control-hang.json"), *cow;

	plant(hang, "control", "\"none\"");
	plant(hang, "params/fault", "\"none\"");
	plant(hang, "outcome", "\"hang\"");
	plant(hang, "class", "\"H3\"");
	plant(hang, "observed/seals", "31");
	plant(hang, "observed/timeline",
	      "[{\"seq\":40,\"stage\":\"I\",\"point\":\"store-g0\",\"detail\":\"fd 7 (g0)\"}]");
	plant(hang, "findings", "[{\"assertion\":\"no-deadlock\",\"text\":\"deadlock H3\"}]");
	json_array_append_new(records, hang);
	cow = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:{s:i}, s:[{s:s, s:s}]}", "type",
			"variant", "kind", "cow", "kernel", "k", "boot", boot, "control", "none",
			"outcome", "fail", "observed", "seals", 31, "findings", "assertion",
			"copy-on-write", "text", SIGN);
	ck_assert_ptr_nonnull(cow);
	json_array_append_new(records, cow);
	return records;
}

/* All that is printed. Caller frees. */
static char *printed(const json_t *records, const char *pattern, size_t wanted)
{
	_cleanup_mechanisms_ struct mechanisms ms = known();
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	ck_assert_uint_eq(postmortem_print_all(f, records, pattern, &ms), wanted);
	fclose(f);
	return text;
}

static void says(const char *text, const char *what)
{
	ck_assert_msg(strstr(text, what) != NULL, "nothing of '%s' in:\n%s", what, text);
}

START_TEST(hang_is_explained)
{
	_cleanup_json_ json_t *records = hung(1);
	_cleanup_free_ char *text = printed(records, NULL, 1);

	says(text, "hang, class H3");
	says(text, "stage 2, is 1");
	says(text, "blocked in read on fd 7, which is g0");
	says(text, "5 = c0");
	says(text, "all three wait for ever");
	says(text, "Deadlock, proved");
	says(text, "The messages sent\n  C>P 0x42");
	says(text, "The last points passed\n     40  I:store-g0  fd 7 (g0)");
	says(text, "private mapping of a memfd sealed 0x1f: pages written before clone are shared");
	says(text, "seen by the probes of the same boot: " SIGN);
	says(text, "05d351102dbe");
	says(text, "5.5-rc1 5.4.4 5.3.17");
}
END_TEST

/* A foreign store between a stage's own and its load is told; what agrees, or is unknown, is not.
 */
START_TEST(order_that_decided_is_told)
{
	_cleanup_json_ json_t *records = hung(1);
	json_t *hang = json_array_get(records, 0);

	plant(hang, "observed/timeline",
	      "[{\"seq\":17,\"stage\":\"P\",\"point\":\"load-syncfd\",\"detail\":\"fd 5 (c0)\"},"
	      "{\"seq\":18,\"stage\":\"C\",\"point\":\"store-c0\",\"detail\":\"fd 5 (c0)\"},"
	      "{\"seq\":19,\"stage\":\"C\",\"point\":\"load-syncfd\",\"detail\":\"fd 5 (c0)\"},"
	      "{\"seq\":40,\"stage\":\"I\",\"point\":\"store-g0\",\"detail\":\"fd 7 (g0)\"},"
	      "{\"seq\":41,\"stage\":\"C\",\"point\":\"load-syncfd\",\"detail\":\"fd 7 (g0)\"},"
	      "{\"seq\":42,\"stage\":\"C\",\"point\":\"write-pid\",\"detail\":\"fd 7 (g0)\"},"
	      "{\"seq\":43,\"stage\":\"C\",\"point\":\"load-syncfd\",\"detail\":\"fd 7 (g0)\"},"
	      "{\"seq\":44,\"stage\":\"I\",\"point\":\"load-syncfd\",\"detail\":\"fd 7 (g0)\"}]");
	_cleanup_free_ char *text = printed(records, NULL, 1), *quiet = NULL;

	says(text, "The order that decided\n  I:store-g0 (40) after C:store-c0 (18), before "
		   "C:load-syncfd (41): C gets g0, wants c0; write-pid on fd 7 (g0)\n"
		   "    and again (43): reads g0 for ever\n\n");
	/* Each stage loads its own. */
	plant(hang, "observed/timeline",
	      "[{\"seq\":18,\"stage\":\"C\",\"point\":\"store-c0\",\"detail\":\"fd 5 (c0)\"},"
	      "{\"seq\":19,\"stage\":\"I\",\"point\":\"store-g0\",\"detail\":\"fd 7 (g0)\"},"
	      "{\"seq\":20,\"stage\":\"C\",\"point\":\"load-syncfd\",\"detail\":\"fd 5 (c0)\"}]");
	quiet = printed(records, NULL, 1);
	ck_assert_ptr_null(strstr(quiet, "The order that decided"));
}
END_TEST

START_TEST(every_class_has_words)
{
	static const char *const names[] = {"H1", "H2", "H3", "H4",	     "H5",
					    "E1", "E2", "E3", "lost-wakeup", "lost-eof"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		ck_assert_msg(postmortem_class(names[i]), "%s", names[i]);
	ck_assert_ptr_null(postmortem_class("H6"));
}
END_TEST

/* Another boot's probes are of another kernel, for all that anybody knows. */
START_TEST(probes_of_another_boot_do_not_count)
{
	_cleanup_json_ json_t *records = hung(2);
	_cleanup_free_ char *text = printed(records, NULL, 1);

	says(text, "no probes of these seals in that boot");
	ck_assert_ptr_null(strstr(text, "05d351102dbe"));
	ck_assert_ptr_null(strstr(text, SIGN));
}
END_TEST

/* … unless both machines went on from the same bytes, with the same programs. */
START_TEST(probes_of_another_machine_of_that_boot_count)
{
	_cleanup_json_ json_t *records = hung(2);

	for (int nr = 1; nr <= 2; nr++)
		json_array_append_new(records, json_pack("{s:s, s:s, s:i, s:s, s:s}", "type",
							 "boot", "kernel", "k", "boot", nr,
							 "template", "t", "cases_sha256", "c"));
	_cleanup_free_ char *text = printed(records, NULL, 1), *other = NULL;

	says(text, "seen by the probes of the same boot: " SIGN);
	plant(json_array_get(records, 2), "template", "\"u\"");
	other = printed(records, NULL, 1);
	says(other, "no probes of these seals in that boot");
}
END_TEST

START_TEST(what_the_machine_found_itself_counts)
{
	_cleanup_json_ json_t *records = hung(2);

	plant(json_array_get(records, 0), "findings",
	      "[{\"assertion\":\"no-shared-globals\",\"text\":\"data-relro: P: EACCES: VM_MAYWRITE "
	      "is "
	      "missing on a private mapping\"}]");
	_cleanup_free_ char *text = printed(records, NULL, 1);

	says(text, "seen by the machine itself");
	says(text, "05d351102dbe");
}
END_TEST

START_TEST(healthy_probes_are_no_mechanism)
{
	_cleanup_json_ json_t *records = hung(1);

	plant(json_array_get(records, 1), "findings", "[]");
	_cleanup_free_ char *text = printed(records, NULL, 1);

	says(text, "the copy-on-write probes found nothing");
	ck_assert_ptr_null(strstr(text, "05d351102dbe"));
}
END_TEST

/* What they found is not nothing because nobody has a name for it. */
START_TEST(findings_that_no_mechanism_knows_are_told)
{
	_cleanup_json_ json_t *records = hung(1);

	plant(json_array_get(records, 1), "findings",
	      "[{\"assertion\":\"copy-on-write\",\"text\":\"something new\"}]");
	_cleanup_free_ char *text = printed(records, NULL, 1);

	says(text, "copy-on-write: something new");
	ck_assert_ptr_null(strstr(text, "look elsewhere"));
}
END_TEST

START_TEST(injected_fault_is_called_so)
{
	_cleanup_json_ json_t *records = hung(1);

	plant(json_array_get(records, 0), "params/fault", "\"shared-globals\"");
	_cleanup_free_ char *text = printed(records, NULL, 1);

	says(text, "injected");
	ck_assert_ptr_null(strstr(text, "05d351102dbe"));
}
END_TEST

START_TEST(crash_shows_the_console)
{
	_cleanup_json_ json_t *records = hung(1);

	plant(json_array_get(records, 0), "state", "\"running\"");
	plant(json_array_get(records, 0), "observed", NULL);
	plant(json_array_get(records, 0), "outcome", "\"crash\"");
	json_array_append_new(records, json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "type",
						 "boot", "kernel", "k", "boot", 1, "end", "reset",
						 "text", "guest-reset", "console_line",
						 "Kernel panic: one", "console_tail", "the tail"));
	_cleanup_free_ char *text = printed(records, NULL, 1);

	says(text, "The machine ended while this ran: reset (guest-reset)");
	says(text, "Kernel panic: one");
	says(text, "the tail");
}
END_TEST

START_TEST(only_failures_that_match)
{
	_cleanup_json_ json_t *records = hung(1);

	free(printed(records, "control-h*", 1));
	free(printed(records, "stage-machine/control-hang", 1));
	free(printed(records, "memfd-*", 0));
	plant(json_array_get(records, 0), "outcome", "\"pass\"");
	free(printed(records, NULL, 0));
	plant(json_array_get(records, 0), "outcome", "\"hang\"");
	plant(json_array_get(records, 0), "control", "\"caught-hang\"");
	free(printed(records, NULL, 0));
}
END_TEST

static const struct {
	const char *text, *said;
} mistakes[] = {
	{"[a]\nfinding = x\n", "needs finding and text"},
	{"[a]\nfinding = x\ntext = y\nfixd = z\n", "no key 'fixd'"},
	{"[a]\nfinding = x\nfinding = y\ntext = y\n", "given twice"},
};

START_TEST(mistakes_in_the_file_are_named)
{
	_cleanup_free_ char *path = xasprintf("%s/mechanisms.conf", test_dir());
	struct mechanisms ms = {0};
	struct err err = ERR_INIT;

	ck_assert_int_eq(publish_buffer(path, mistakes[_i].text, strlen(mistakes[_i].text), &err),
			 0);
	ck_assert_int_lt(mechanisms_load(path, &ms, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, mistakes[_i].said) != NULL, "%s", err.msg);
	ck_assert_ptr_null(ms.v);
}
END_TEST

TEST_SUITE(postmortem)
{
	Suite *s = suite_create("postmortem");
	TCase *tc = tcase_create("postmortem");

	tcase_add_test(tc, hang_is_explained);
	tcase_add_test(tc, order_that_decided_is_told);
	tcase_add_test(tc, every_class_has_words);
	tcase_add_test(tc, probes_of_another_boot_do_not_count);
	tcase_add_test(tc, probes_of_another_machine_of_that_boot_count);
	tcase_add_test(tc, what_the_machine_found_itself_counts);
	tcase_add_test(tc, healthy_probes_are_no_mechanism);
	tcase_add_test(tc, findings_that_no_mechanism_knows_are_told);
	tcase_add_test(tc, injected_fault_is_called_so);
	tcase_add_test(tc, crash_shows_the_console);
	tcase_add_test(tc, only_failures_that_match);
	tcase_add_loop_test(tc, mistakes_in_the_file_are_named, 0,
			    sizeof(mistakes) / sizeof(*mistakes));
	suite_add_tcase(s, tc);
	return s;
}
