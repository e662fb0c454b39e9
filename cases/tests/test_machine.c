// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The whole machine case on this host's own kernel, as root, with the nsexec-* programs of this
 * build.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case.h"
#include "cleanup.h"
#include "guest_test.h"
#include "machine.h"
#include "proto.h"

#define DEADLINE_MS 10000

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* @params is "name=value name=value …"; nothing may be left behind. */
static json_t *run_env(const struct case_env *env, const char *params)
{
	json_t *p = json_object(), *facts = json_object();
	char *words = strdup(params), *save = NULL;
	int fds = count_fds();

	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		char *value = strchr(w, '=');

		*value++ = '\0';
		json_object_set_new(p, w, json_string(value));
	}
	case_machine(env, p, facts);
	free(words);
	json_decref(p);
	ck_assert_int_eq(count_fds(), fds);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	return facts;
}

static json_t *run_in(const char *dir, unsigned deadline_ms, const char *params)
{
	const struct case_env env = {.bin_dir = dir, .deadline_ms = deadline_ms};

	return run_env(&env, params);
}

static json_t *run(const char *params)
{
	return run_in(test_guest_dir(), DEADLINE_MS, params);
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static char *dump(const json_t *facts, const char *key)
{
	return json_dumps(json_object_get(facts, key), JSON_COMPACT | JSON_ENCODE_ANY);
}

#define assert_empty(facts, key)                                                                 \
	ck_assert_msg(json_array_size(json_object_get(facts, key)) == 0, "%s: %s %s", what, key, \
		      dump(facts, key))

static const json_t *stage(const json_t *facts, const char *name)
{
	size_t i;
	json_t *s;

	json_array_foreach (json_object_get(facts, "stages"), i, s) {
		if (!strcmp(text(s, "stage"), name))
			return s;
	}
	ck_abort_msg("no stage %s", name);
}

static const json_t *region(const json_t *facts, const char *name)
{
	size_t i;
	json_t *r;

	json_array_foreach (json_object_get(facts, "regions"), i, r) {
		if (!strcmp(text(r, "name"), name))
			return r;
	}
	ck_abort_msg("no region %s", name);
}

static bool has_use(const json_t *facts, const char *who, const char *problem)
{
	size_t i;
	json_t *u;

	json_array_foreach (json_object_get(facts, "uses"), i, u) {
		if (!strcmp(text(u, "stage"), who) && !strcmp(text(u, "problem"), problem))
			return true;
	}
	return false;
}

/* Every region was looked at in both directions, and nothing came across. */
static void assert_private(const json_t *facts, const char *what)
{
	static const char *const regions[] = {"data",	 "data-clean", "data-relro", "bss-tail",
					      "bss-far", "tls",	       "heap",	     "stack"};

	for (size_t i = 0; i < sizeof(regions) / sizeof(*regions); i++) {
		const json_t *r = region(facts, regions[i]);

		ck_assert_msg(!strcmp(text(r, "saw"), "=.. .=. ..="), "%s: %s: %s%s", what,
			      regions[i], text(r, "saw"), text(r, "reason"));
		assert_empty(r, "pfn_shared");
		ck_assert_ptr_null(json_object_get(r, "write_errno"));
	}
}

static void assert_healthy(const json_t *facts, const char *what)
{
	const json_t *log = json_object_get(facts, "log");
	const json_t *stop = json_object_get(facts, "stop");

	ck_assert_msg(!json_object_get(facts, "error"), "%s: %s", what, text(facts, "error"));
	ck_assert_msg(!strcmp(text(stop, "why"), "complete"), "%s: stop %s, fatal %s", what,
		      dump(facts, "stop"), dump(log, "fatal"));
	assert_empty(facts, "globals");
	assert_empty(facts, "uses");
	assert_empty(facts, "leaked");
	assert_empty(log, "mismatches");
	assert_empty(log, "fatal");
	ck_assert(json_is_true(json_object_get(log, "eof")));
	ck_assert_int_eq(json_integer_value(json_object_get(log, "bad_lines")), 0);
	ck_assert_int_gt(json_integer_value(json_object_get(log, "lines")), 10);
	ck_assert_int_gt(json_integer_value(json_object_get(facts, "globals_checked")), 100);
	ck_assert_int_ge(json_integer_value(json_object_get(facts, "uses_checked")), 12);
	ck_assert_int_eq(json_integer_value(json_object_get(facts, "stray")), 0);
	ck_assert_msg(
		json_equal(json_object_get(facts, "init_pipe"), json_object_get(facts, "real")),
		"%s: said %s, real %s", what, dump(facts, "init_pipe"), dump(facts, "real"));
	assert_private(facts, what);
}

static const char *const healthy[] = {
	"link=static",
	"link=pie",
	"link=dynamic",
	"image=memfd",
	"image=memfd link=pie seals=0xf",
	"image=memfd link=dynamic seals=0xf",
	"image=memfd maker=stage0",
	"image=memfd maker=stage0 seals=0xf",
	"image=memfd maker=stage0 seals=0x1",
	"image=memfd maker=stage0 seals=0x10 link=dynamic",
	"image=memfd maker=stage0 seals=0x2f via=execveat",
	"image=memfd seals=0x1f via=execveat",
	"image=tmpfile",
	"image=tmpfile maker=stage0",
	"image=overlay link=dynamic",
	"image=memfd history=1.1.15 maker=stage0",
	"image=memfd history=1.1.15",
	"image=memfd history=1.2.4",
	"image=memfd history=1.2.6 link=pie",
	"join=ipc",
	"ns=user",
	"ns=user image=memfd history=1.2.4 link=dynamic",
	"ns=cgroup+net",
	"ns=time",
	"ns=user+time",
};

START_TEST(completes)
{
	if (test_no_machine())
		return;
	json_t *facts = run(healthy[_i]);

	if (json_object_get(facts, "unsupported"))
		fprintf(stderr, "skipped: machine %s: %s\n", healthy[_i],
			dump(facts, "unsupported"));
	else
		assert_healthy(facts, healthy[_i]);
	json_decref(facts);
}
END_TEST

/* What this kernel has is kept from the machine: it runs with what is left, and says so. */
START_TEST(namespaces_that_the_kernel_lacks_are_left_out)
{
	static const char *const params[] = {"ns=plain", "image=memfd seals=0xf", "join=ipc"};
	const struct case_env env = {.bin_dir = test_guest_dir(),
				     .deadline_ms = DEADLINE_MS,
				     .lacks_ns = CLONE_NEWIPC | CLONE_NEWPID};
	size_t i;
	json_t *step;
	int said = 0;

	if (test_no_machine())
		return;
	json_t *facts = run_env(&env, params[_i]);

	if (!strcmp(params[_i], "join=ipc")) {
		ck_assert_str_eq(text(json_object_get(facts, "unsupported"), "step"), "join ipc");
		json_decref(facts);
		return;
	}
	assert_healthy(facts, params[_i]);
	json_array_foreach (json_object_get(facts, "setup"), i, step) {
		const char *name = text(step, "step");

		said += !strcmp(name, "namespace ipc") || !strcmp(name, "namespace pid");
		ck_assert(strcmp(name, "namespace uts") != 0);
	}
	ck_assert_int_eq(said, 2);
	json_decref(facts);
}
END_TEST

static void assert_words(const char *params, const char *want)
{
	json_t *facts = run(params);
	char *words = dump(facts, "words");

	ck_assert_str_eq(words, want);
	free(words);
	json_decref(facts);
}

START_TEST(says_its_words_in_order)
{
	if (test_no_machine())
		return;
	assert_words("ns=plain", "[\"C>P 0x42\",\"C>P pid\",\"P>C 0x43\",\"C>P 0x45\","
				 "\"P>I 0x44\",\"I>P 0x45\"]");
	assert_words("ns=user", "[\"C>P 0x40\",\"P>C 0x41\",\"C>P 0x42\",\"C>P pid\","
				"\"P>C 0x43\",\"C>P 0x45\",\"P>I 0x44\",\"I>P 0x45\"]");
}
END_TEST

/* "100 times out of 100" is more than every check has the time for. */
static int repeat(void)
{
	return getenv("SM_SOAK") ? 100 : 20;
}

/* What each class leaves behind, and uses that must be among those that went wrong. */
static const struct {
	const char *class, *left;
	struct {
		const char *who, *problem;
	} uses[2];
} classes[] = {
	{"H1", "P", {{"C", "ebadf"}, {"P", "wrong-end"}}},
	{"H2", "CI", {{"P", "ebadf"}, {"C", "wrong-end"}}},
	{"H3", "PCI", {{"C", "wrong-end"}, {"C", "wrong-end"}}},
	{"H4", "PI", {{"C", "wrong-end"}, {"P", "wrong-end"}}},
	{"H5", "PC", {{"I", "ebadf"}, {"C", "wrong-end"}}},
	{"E1", "", {{"P", "ebadf"}, {"P", "ebadf"}}},
	{"E2", "", {{"C", "ebadf"}, {"P", "eof"}}},
	{"E3", "", {{"P", "ebadf"}, {"C", "other"}}},
};

static const char *const class_ns[] = {"plain", "user", "time"};

#define N_CLASSES (sizeof(classes) / sizeof(*classes))
#define N_NS	  (sizeof(class_ns) / sizeof(*class_ns))

static void assert_class(const json_t *facts, size_t c, const char *what)
{
	static const char *const names[] = {"P", "C", "I"};
	const json_t *stop = json_object_get(facts, "stop");
	char left[4] = "";

	ck_assert_msg(!json_object_get(facts, "error"), "%s: %s", what, text(facts, "error"));
	for (int s = 0; s < 3; s++) {
		if (!strcmp(text(stage(facts, names[s]), "end"), "blocked"))
			strcat(left, names[s]);
	}
	ck_assert_msg(!strcmp(left, classes[c].left), "%s: left %s: %s", what, left,
		      dump(facts, "stages"));
	assert_empty(stop, "unmet");
	ck_assert_msg(json_is_true(json_object_get(stop, "deadlock")) == !!*left, "%s: %s", what,
		      dump(facts, "stop"));
	for (int u = 0; u < 2; u++)
		ck_assert_msg(has_use(facts, classes[c].uses[u].who, classes[c].uses[u].problem),
			      "%s: uses %s", what, dump(facts, "uses"));
}

/* Not every class can happen with every namespace; schedule.h says why. */
static bool cannot_happen(size_t c, size_t ns)
{
	static const char *const plain_only[] = {"H2", "H4", "H5"};

	for (size_t i = 0; i < sizeof(plain_only) / sizeof(*plain_only); i++)
		if (ns && !strcmp(classes[c].class, plain_only[i]))
			return true;
	return false;
}

START_TEST(forced_class)
{
	size_t c = (size_t)_i % N_CLASSES, ns = (size_t)_i / N_CLASSES;
	char params[96];

	if (test_no_machine())
		return;
	snprintf(params, sizeof(params), "fault=shared-globals ns=%s schedule=%s", class_ns[ns],
		 classes[c].class);
	for (int i = 0; i < repeat(); i++) {
		json_t *facts = run(params);

		if (cannot_happen(c, ns))
			ck_assert_msg(strstr(text(facts, "error"), "cannot happen"), "%s", params);
		else if (!json_object_get(facts, "unsupported"))
			assert_class(facts, c, params);
		json_decref(facts);
	}
}
END_TEST

START_TEST(healthy_under_schedule)
{
	size_t c = (size_t)_i % N_CLASSES, ns = (size_t)_i / N_CLASSES;
	char params[96];

	if (test_no_machine() || cannot_happen(c, ns))
		return;
	snprintf(params, sizeof(params), "ns=%s schedule=%s", class_ns[ns], classes[c].class);
	json_t *facts = run(params);

	if (!json_object_get(facts, "unsupported"))
		assert_healthy(facts, params);
	json_decref(facts);
}
END_TEST

/* The fault shares the globals' page, and only that; both detectors see it. */
START_TEST(fault_is_seen_where_it_is)
{
	static const char *const links[] = {"static", "pie", "dynamic"};
	char params[96];
	size_t i;
	json_t *r;

	if (test_no_machine())
		return;
	snprintf(params, sizeof(params), "fault=shared-globals schedule=H1 link=%s", links[_i]);
	json_t *facts = run(params);

	json_array_foreach (json_object_get(facts, "regions"), i, r) {
		bool data = !strcmp(text(r, "name"), "data");

		ck_assert_msg(!!strchr(text(r, "saw"), SM_SAW_WRITE) == data, "%s: %s: %s", params,
			      text(r, "name"), dump(r, "saw"));
		ck_assert_msg(!!json_array_size(json_object_get(r, "pfn_shared")) == data,
			      "%s: %s: %s", params, text(r, "name"), dump(r, "pfn"));
	}
	ck_assert_int_gt(json_array_size(json_object_get(facts, "globals")), 0);
	ck_assert_int_gt(
		json_array_size(json_object_get(json_object_get(facts, "log"), "mismatches")), 0);
	json_decref(facts);
}
END_TEST

START_TEST(unmet_schedule_is_no_deadlock)
{
	static const char *const schedules[] = {
		"P:exit<P:entry",
		"I:store-g0<C:clone-i",
		"I:entry#2<P:read-next",
		"P:exit<C:write-recvpid",
	};

	if (test_no_machine())
		return;
	for (size_t i = 0; i < sizeof(schedules) / sizeof(*schedules); i++) {
		char params[96];

		snprintf(params, sizeof(params), "schedule=%s", schedules[i]);
		json_t *facts = run(params), *stop = json_object_get(facts, "stop");

		ck_assert_str_eq(text(stop, "why"), "quiescent");
		ck_assert(json_is_false(json_object_get(stop, "deadlock")));
		ck_assert_str_eq(
			json_string_value(json_array_get(json_object_get(stop, "unmet"), 0)),
			schedules[i]);
		json_decref(facts);
	}
}
END_TEST

/* C sleeps for a while before it leaves, in which the machine is at rest and yet not stuck. */
START_TEST(slow_stage_meets_its_schedule)
{
	json_t *facts;

	if (test_no_machine())
		return;
	facts = run("schedule=C:exit<I:entry");
	assert_text(json_object_get(facts, "stop"), "why", "complete");
	json_decref(facts);
}
END_TEST

/* A point is passed with the death that completes it: nobody sees the dead one's descriptors. */
START_TEST(death_passes_a_point)
{
	if (test_no_machine())
		return;
	for (int i = 0; i < repeat(); i++) {
		json_t *facts = run("fault=shared-globals schedule=P:load-syncfd<C:store-c0,"
				    "P:load-syncfd#2<I:store-g0,C:write-pid<P:load-syncfd#2,"
				    "P:kill-c<I:load-syncfd,P:exit<I:read-grandchild");

		ck_assert_msg(has_use(facts, "I", "eof"), "uses %s", dump(facts, "uses"));
		assert_text(json_object_get(facts, "stop"), "why", "ended");
		json_decref(facts);
	}
}
END_TEST

static const struct {
	const char *params, *error;
} mistakes[] = {
	{"link=bogus", "nsexec-bogus"},
	{"ns=bogus", "\"bogus\""},
	{"seals=0xg image=memfd", "seals"},
	{"seals=0xf", "image memfd"},
	{"image=overlay maker=stage0", "stage0 makes"},
	{"image=memfd history=1.2.4 maker=stage0", "launcher"},
	{"history=1.0 image=memfd", "history"},
	{"schedule=H9", "H9"},
	{"schedule=P:store-g0<C:exit", "P:store-g0"},
	{"schedule=P:exit", "P:exit"},
	{"schedule=P:exit#0<C:exit", "#0"},
	{"schedule=Q:exit<C:exit", "Q:exit"},
};

START_TEST(mistakes_are_named)
{
	json_t *facts;

	if (test_no_machine())
		return;
	facts = run(mistakes[_i].params);
	ck_assert_msg(strstr(text(facts, "error"), mistakes[_i].error), "%s: \"%s\"",
		      mistakes[_i].params, text(facts, "error"));
	json_decref(facts);
}
END_TEST

/* As everywhere else: what begins with 0x is hexadecimal. */
START_TEST(seals_are_read_as_everywhere)
{
	if (test_no_machine())
		return;
	_cleanup_json_ json_t *facts = run("image=memfd seals=10");

	ck_assert_int_eq(json_integer_value(json_object_get(facts, "seals")), 10);
}
END_TEST

/*
 * P gets an end of file in the place of a pid, and kills C; but C had met a closed descriptor, and
 * had ended by itself, unless it was not quite through.
 */
START_TEST(only_the_killed_are_killed)
{
	static const char params[] =
		"image=file fault=shared-globals schedule=C:load-syncfd<P:store-c1,"
		"P:store-c1<C:load-syncfd#2,P:close-c0<C:exit,P:load-stage#4<I:store-stage,"
		"C:exit<P:kill-c";

	if (test_no_machine())
		return;
	_cleanup_json_ json_t *facts = run(params);
	const json_t *c = stage(facts, "C");

	ck_assert_msg(!strcmp(text(json_object_get(facts, "stop"), "why"), "ended"), "%s",
		      dump(facts, "stop"));
	if (!strcmp(text(c, "end"), "exited"))
		ck_assert_str_eq(text(c, "killed_by"), "");
	else
		ck_assert_str_eq(text(c, "killed_by"), "P");
	/* I was killed before it could look at its descriptors. */
	ck_assert_str_eq(text(stage(facts, "I"), "killed_by"), "C");
	ck_assert_ptr_null(json_object_get(facts, "leaked"));
}
END_TEST

/* What P was reaped with after C had sent it SIGKILL, or had not. */
static const struct {
	int sender, status;
	const char *killer;
} ends[] = {
	{STAGE_CHILD, SIGKILL, "C"}, {STAGE_CHILD, SIGSEGV, NULL}, {STAGE_CHILD, 0, NULL},
	{STAGE_CHILD, 1 << 8, NULL}, {-1, SIGKILL, NULL},
};

START_TEST(killer_is_whose_signal_it_died_of)
{
	static struct control ctl;
	const struct machine_run r = {
		.ctl = &ctl,
		.parent = 42,
		.reaped = {{.pid = 42, .status = ends[_i].status}},
		.n_reaped = 1,
	};

	ctl.lane[STAGE_PARENT].killed_by = (uint32_t)(ends[_i].sender + 1);
	ck_assert_pstr_eq(stage_killer(&r, STAGE_PARENT), ends[_i].killer);
}
END_TEST

START_TEST(unknown_seal_is_unsupported)
{
	json_t *facts, *unsupported;

	if (test_no_machine())
		return;
	facts = run("image=memfd seals=0x4f");
	unsupported = json_object_get(facts, "unsupported");
	ck_assert_str_eq(text(unsupported, "errno"), "EINVAL");
	ck_assert_str_eq(text(unsupported, "step"), "F_ADD_SEALS 0x4f");
	ck_assert_ptr_null(json_object_get(facts, "stages"));
	json_decref(facts);
}
END_TEST

/* A stage 0 that is none: @script runs in its place. */
static json_t *run_script(const char *script, unsigned deadline_ms)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/nsexec-static", test_dir());
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	fclose(f);
	ck_assert_int_eq(chmod(path, 0755), 0);
	return run_in(test_dir(), deadline_ms, "image=file");
}

START_TEST(broken_stage0_is_an_error)
{
	/* /proc/self/fd/N of a script is closed by the time its interpreter opens it: exit 127. */
	json_t *facts;

	if (test_no_machine())
		return;
	facts = run_script("exit 0", DEADLINE_MS);
	ck_assert_msg(*text(facts, "error"), "no error");
	ck_assert_ptr_null(json_object_get(facts, "stages"));
	json_decref(facts);
}
END_TEST

/*
 * One that never comes to the protocol is stopped at the deadline, and nothing of it stays; also
 * where nothing but the real-time throttle takes the CPU from it.
 */
START_TEST(spinning_stage0_is_stopped)
{
	const struct case_env env = {.bin_dir = test_dir(), .deadline_ms = 200, .by_turns = _i};
	char path[512];
	json_t *facts;

	if (test_no_machine())
		return;
	snprintf(path, sizeof(path), "%s/nsexec-static", test_dir());
	unlink(path);
	ck_assert_int_eq(symlink("/usr/bin/yes", path), 0);
	facts = run_env(&env, "image=file");
	ck_assert_msg(strstr(text(facts, "error"), "did not come up"), "%s", text(facts, "error"));
	json_decref(facts);
}
END_TEST

TEST_SUITE(machine)
{
	Suite *s = suite_create("machine");
	TCase *tc = tcase_create("machine");

	tcase_set_timeout(tc, getenv("SM_SOAK") ? 1200 : 120);
	tcase_add_loop_test(tc, completes, 0, sizeof(healthy) / sizeof(*healthy));
	tcase_add_loop_test(tc, namespaces_that_the_kernel_lacks_are_left_out, 0, 3);
	tcase_add_test(tc, says_its_words_in_order);
	tcase_add_loop_test(tc, forced_class, 0, N_CLASSES * N_NS);
	tcase_add_loop_test(tc, healthy_under_schedule, 0, N_CLASSES * N_NS);
	tcase_add_loop_test(tc, fault_is_seen_where_it_is, 0, 3);
	tcase_add_test(tc, unmet_schedule_is_no_deadlock);
	tcase_add_test(tc, slow_stage_meets_its_schedule);
	tcase_add_test(tc, death_passes_a_point);
	tcase_add_loop_test(tc, mistakes_are_named, 0, sizeof(mistakes) / sizeof(*mistakes));
	tcase_add_test(tc, seals_are_read_as_everywhere);
	tcase_add_test(tc, only_the_killed_are_killed);
	tcase_add_loop_test(tc, killer_is_whose_signal_it_died_of, 0, sizeof(ends) / sizeof(*ends));
	tcase_add_test(tc, unknown_seal_is_unsupported);
	tcase_add_test(tc, broken_stage0_is_an_error);
	tcase_add_loop_test(tc, spinning_stage0_is_stopped, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
