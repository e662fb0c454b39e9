// SPDX-License-Identifier: GPL-2.0-or-later
/* One thing is planted in the facts of a healthy machine, and has to be found. */
#include <string.h>

#include "cleanup.h"
#include "fixture.h"
#include "json_util.h"
#include "judge.h"
#include "test.h"
#include "xalloc.h"

static bool found(const struct verdict *v, const char *assertion, const char *part)
{
	json_t *f;
	size_t i;

	json_array_foreach (v->findings, i, f)
		if (!strcmp(jstr(f, "assertion", ""), assertion) &&
		    strstr(jstr(f, "text", ""), part))
			return true;
	return false;
}

static void expect(const json_t *record, enum outcome o, const char *assertion, const char *part,
		   const char *what)
{
	_cleanup_verdict_ struct verdict v;

	judge_variant(record, &v);
	_cleanup_free_ char *text = json_dumps(v.findings, JSON_COMPACT);

	ck_assert_msg(v.outcome == o, "%s: %s, wanted %s: %s", what, outcome_name(v.outcome),
		      outcome_name(o), text);
	if (assertion)
		ck_assert_msg(found(&v, assertion, part), "%s: no '%s: …%s…' in %s", what,
			      assertion, part, text);
	else
		ck_assert_msg(!json_array_size(v.findings), "%s: %s", what, text);
}

START_TEST(healthy_machines_pass)
{
	static const char *const names[] = {"machine-healthy.json", "control-clean.json"};
	_cleanup_json_ json_t *r = fixture(names[_i]);

	expect(r, OUTCOME_PASS, NULL, NULL, names[_i]);
}
END_TEST

#define O	    "observed/"
#define P	    O "stages/0/"
#define C	    O "stages/1/"
#define I	    O "stages/2/"
#define GLOBALS	    "no-shared-globals"
#define DESCRIPTORS "valid-descriptors"
#define COMPLETION  "completion"

/* Regions and pairs stand in the fixture in this order. */
#define DATA	   O "regions/0/"
#define RELRO	   O "regions/2/"
#define BSS_TAIL   O "regions/3/"
#define HEAP	   O "regions/6/"
#define STACK	   O "regions/7/"
#define SAW	   "saw"
#define SAW_P_TO_C "\"=x. .=. ..=\""

#define USE(problem)                                                                           \
	"[{\"stage\":\"C\",\"op\":\"write-recvpid\",\"fd\":9,\"want_end\":\"c0\",\"problem\":" \
	"\"" problem "\"}]"

static const struct fault {
	const char *path, *value;
	enum outcome outcome;
	const char *assertion, *part;
} faults[] = {
	/* no shared globals */
	{DATA SAW, SAW_P_TO_C, OUTCOME_FAIL, GLOBALS, "regions shared: data (P->C)"},
	{DATA SAW, "\"=.. x=. ..=\"", OUTCOME_FAIL, GLOBALS, "regions shared: data (P<-C)"},
	{DATA SAW, "\"=.. .=x .x=\"", OUTCOME_FAIL, GLOBALS, "regions shared: data (C<->I)"},
	{STACK SAW, SAW_P_TO_C, OUTCOME_FAIL, GLOBALS, "stack (P->C)"},
	{DATA "pfn_shared", "[[\"C\",\"P\"]]", OUTCOME_FAIL, GLOBALS,
	 "data (P=C); page frames equal: data"},
	{BSS_TAIL "pfn_shared", "[[\"C\",\"I\"]]", OUTCOME_FAIL, GLOBALS, "bss-tail (C=I)"},
	{RELRO "write_errno", "{\"C\":\"EACCES\"}", OUTCOME_FAIL, GLOBALS, "VM_MAYWRITE"},
	{O "globals",
	 "[{\"reader\":\"P\",\"point\":\"load-syncfd\",\"seq\":7,\"name\":\"current_stage\","
	 "\"value\":1,\"want\":0}]",
	 OUTCOME_FAIL, GLOBALS,
	 "read 1 at load-syncfd, stored 0: the page of .data is shared with C"},
	{P "current_stage", "2", OUTCOME_FAIL, GLOBALS, "shared with I"},
	{C "syncfd", "8", OUTCOME_FAIL, GLOBALS, "shared with P"},
	{O "log/mismatches", "[{\"pid\":45,\"stage\":\"C\",\"real\":\"P\",\"msg\":\"m\"}]",
	 OUTCOME_FAIL, GLOBALS, "pid 45 is P and says that it is stage C"},
	{O "log/mismatches", "[{\"pid\":45,\"stage\":2,\"real\":0,\"msg\":\"m\"}]", OUTCOME_FAIL,
	 GLOBALS, "pid 45 is P and says that it is stage I"},
	/* valid descriptors */
	{O "uses", USE("ebadf"), OUTCOME_FAIL, DESCRIPTORS,
	 "C: write-recvpid on fd 9: EBADF (wants c0, fd 5)"},
	{O "uses", USE("eof"), OUTCOME_FAIL, DESCRIPTORS, "end of file"},
	{O "uses", USE("epipe"), OUTCOME_FAIL, DESCRIPTORS, "EPIPE"},
	{O "uses", USE("wrong-end"), OUTCOME_FAIL, DESCRIPTORS, "the wrong end"},
	{O "uses", USE("not-socket"), OUTCOME_FAIL, DESCRIPTORS, "not a socket"},
	{O "uses", USE("other\",\"errno\":\"ECONNRESET"), OUTCOME_FAIL, DESCRIPTORS, "ECONNRESET"},
	{O "uses",
	 "[{\"stage\":\"P\",\"op\":\"read-next\",\"fd\":5,\"want_end\":\"c1\",\"problem\":"
	 "\"ebadf\"}]",
	 OUTCOME_FAIL, DESCRIPTORS, "P: read-next on fd 5: EBADF (wants c1)"},
	/* no deadlock */
	{O "stop", "{\"why\":\"quiescent\",\"deadlock\":true,\"unmet\":[],\"graph\":[]}",
	 OUTCOME_HANG, "no-deadlock", "deadlock"},
	{O "stop",
	 "{\"why\":\"deadline\",\"deadlock\":false,\"unmet\":[],\"not_proved\":\"P runs\"}",
	 OUTCOME_HANG, "no-deadlock", "no deadlock is proved: P runs"},
	{O "stop",
	 "{\"why\":\"quiescent\",\"deadlock\":false,\"unmet\":[\"I:store-g0<C:load-syncfd\"]}",
	 OUTCOME_ERROR, "schedule",
	 "cannot be met: I:store-g0<C:load-syncfd: I exited with status 0"},
	{O "stop", "{\"why\":\"deadline\",\"deadlock\":false,\"unmet\":[\"C:exit<P:exit\"]}",
	 OUTCOME_ERROR, "schedule", "was not met by the deadline: C:exit<P:exit: C exited"},
	{O "stop", "{\"why\":\"quiescent\",\"deadlock\":false,\"unmet\":[]}", OUTCOME_ERROR,
	 "harness", "without a proof"},
	{O "stop", NULL, OUTCOME_ERROR, "harness", "not said why"},
	/* completion */
	{O "stop/why", "\"ended\"", OUTCOME_FAIL, COMPLETION, "the machine was not complete"},
	{P "status", "1", OUTCOME_FAIL, COMPLETION, "P exited with status 1"},
	{P "status", NULL, OUTCOME_FAIL, COMPLETION, "P exited with status -1"},
	{C "end", "\"signaled\"", OUTCOME_FAIL, COMPLETION, "C died of signal"},
	{I "end", "\"blocked\"", OUTCOME_FAIL, COMPLETION, "I did not end: blocked"},
	{I "child_of_launcher", "false", OUTCOME_FAIL, COMPLETION, "not a child of the launcher"},
	{O "words/0", NULL, OUTCOME_FAIL, COMPLETION, "C sent C>P pid where C>P 0x42 is due"},
	{O "words/1", "\"C>P pid into g0\"", OUTCOME_FAIL, COMPLETION, "into g0"},
	{O "words/5", NULL, OUTCOME_FAIL, COMPLETION, "I sent nothing more where I>P 0x45 is due"},
	{O "words/6", "\"I>P 0x45\"", OUTCOME_FAIL, COMPLETION, "where nothing is due"},
	{"params/ns", "\"user\"", OUTCOME_FAIL, COMPLETION, "C>P 0x40 is due"},
	{"params/ns", "\"net+time\"", OUTCOME_FAIL, COMPLETION, "C>P 0x46 is due"},
	{O "init_pipe/stage1_pid", "1", OUTCOME_FAIL, COMPLETION, "stage1_pid is 1"},
	{O "real/stage2_pid", "1", OUTCOME_FAIL, COMPLETION, "the process is 1"},
	{O "log/eof", "false", OUTCOME_FAIL, COMPLETION, "log pipe"},
	{O "log/bad_lines", "2", OUTCOME_FAIL, COMPLETION, "2 lines of the log"},
	{O "log/fatal", "[\"nsexec-0[4]: no\"]", OUTCOME_FAIL, COMPLETION, "nsexec-0[4]: no"},
	/* one line, and nothing that a terminal obeys */
	{O "log/fatal", "[\"a\\nb\\u001b[2J\\u009b\u00e4\"]", OUTCOME_FAIL, COMPLETION,
	 "fatal: a?b?[2J??\u00e4"},
	{O "stray", "1", OUTCOME_FAIL, COMPLETION, "1 stray"},
	{O "leaked", "[{\"stage\":\"I\",\"fd\":7,\"what\":\"c1\"}]", OUTCOME_FAIL, COMPLETION,
	 "I holds fd 7 (c1)"},
	/* the image */
	{O "seals", "7", OUTCOME_FAIL, "seals", "0x7 where 0xf was set"},
	{O "seals", "31", OUTCOME_FAIL, "seals", "0x1f where 0xf was set"},
	{"params/seals", "\"0x1f\"", OUTCOME_FAIL, "seals", "0xf where 0x1f was set"},
	/* the guest's own word */
	{O "error", "\"no memory\"", OUTCOME_ERROR, "harness", "no memory"},
	{O "error", "7", OUTCOME_ERROR, "harness", "without a text"},
	{O "unsupported", "{\"step\":\"memfd_create\",\"errno\":\"ENOSYS\"}", OUTCOME_UNSUPPORTED,
	 "unsupported", "memfd_create: ENOSYS"},
	{O "unsupported", "true", OUTCOME_ERROR, "harness", "not what"},
	{"kind", "\"frob\"", OUTCOME_ERROR, "harness", "frob"},
	{"observed", "{}", OUTCOME_ERROR, "harness", "no facts"},
	{"observed", NULL, OUTCOME_ERROR, "harness", "no facts"},
	{"observed", "[1]", OUTCOME_ERROR, "harness", "no facts"},
};

START_TEST(fault_is_found)
{
	const struct fault *f = &faults[_i];
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");

	plant(r, f->path, f->value);
	expect(r, f->outcome, f->assertion, f->part, f->path);
}
END_TEST

/* Everything that a pass rests on. Each taken away, and each of a type that makes no sense. */
static const char *const evidence[] = {
	DATA SAW,
	HEAP SAW,
	STACK SAW,
	O "regions/1",
	O "regions/4",
	O "regions/5",
	O "regions",
	O "globals",
	O "globals_checked",
	O "uses",
	O "uses_checked",
	P "current_stage",
	C "syncfd_want",
	O "stages",
	O "words",
	O "init_pipe",
	O "real",
	O "real/stage1_pid",
	O "log",
	O "log/lines",
	O "log/eof",
	O "log/bad_lines",
	O "log/fatal",
	O "log/mismatches",
	O "stray",
	O "leaked",
	O "seals",
	O "setup",
	O "exe",
	O "stages/1/end",
	RELRO SAW,
	O "init_pipe/stage2_pid",
};

START_TEST(pass_needs_evidence)
{
	static const char *const gone[] = {NULL, "{\"odd\":true}", "null"};

	for (size_t i = 0; i < sizeof(gone) / sizeof(*gone); i++) {
		_cleanup_json_ json_t *r = fixture("machine-healthy.json");

		plant(r, evidence[_i], gone[i]);
		expect(r, OUTCOME_ERROR, "harness", "could not look", evidence[_i]);
	}
}
END_TEST

static const struct fault blind_values[] = {
	{DATA SAW, "\"=?. .=. ..=\"", OUTCOME_ERROR, "harness", "C never read what P wrote"},
	{DATA SAW, "\"=.. .=. ?.=\"", OUTCOME_ERROR, "harness", "P never read what I wrote"},
	{DATA SAW, "\"=.. .=. ..\"", OUTCOME_ERROR, "harness", "C never read what P wrote"},
	{DATA SAW, "{\"P->C\":false}", OUTCOME_ERROR, "harness", "C never read what P wrote"},
	{O "uses_checked", "11", OUTCOME_ERROR, "harness", "11 of 12 uses"},
	{O "globals_checked", "0", OUTCOME_ERROR, "harness", "0 loads of globals"},
	{O "globals_checked", "47", OUTCOME_ERROR, "harness", "at least 48 are due"},
	{O "stray", "-1", OUTCOME_ERROR, "harness", "left behind"},
	{O "log/lines", "0", OUTCOME_ERROR, "harness", "log was not read"},
	{O "regions/0", "{\"name\":\"data\",\"reason\":\"r\"}", OUTCOME_ERROR, "harness",
	 "region data is not there"},
	{O "regions/3", "{\"name\":\"bss-tail\"}", OUTCOME_ERROR, "harness", "never read"},
	{O "setup/0/ok", "false", OUTCOME_ERROR, "harness", "memfd_create"},
	{O "setup/0/ok", NULL, OUTCOME_ERROR, "harness", "not known to have succeeded"},
	{O "exe", "\"/bin/nsexec-static\"", OUTCOME_ERROR, "harness", "which is no memfd"},
	{"params/seals", "\"frob\"", OUTCOME_ERROR, "harness", "not known"},
	{"params/seals", "\"0xfz\"", OUTCOME_ERROR, "harness", "not known"},
};

START_TEST(blind_is_an_error)
{
	const struct fault *f = &blind_values[_i];
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");

	plant(r, f->path, f->value);
	expect(r, f->outcome, f->assertion, f->part, f->path);
}
END_TEST

#define OVERLAY_OPEN "[{\"step\":\"overlay: open\",\"ok\":true}]"

/* What the variant is about has to be what stage 0 ran from, whatever else went well. */
static const struct {
	const char *image, *link, *exe, *setup, *part; /* part NULL: it fits */
} images[] = {
	{"file", "static", "/sealmatrix/bin/nsexec-static", "[]", NULL},
	{"file", "pie", "/data/local/tmp/nsexec-pie", "[]", NULL},
	{"file", "pie", "/sealmatrix/bin/nsexec-static", "[]", "not the ordinary file"},
	{"file", "static", "/sealmatrix/bin/nsexec-static (deleted)", "[]", "not the ordinary"},
	{"file", "static", "/memfd:/nsexec-static", "[]", "not the ordinary"},
	{"tmpfile", "static", "/tmp/#29 (deleted)", "[]", NULL},
	{"tmpfile", "static", "/tmp/nsexec.Ab3dEf (deleted)", "[]", NULL},
	{"tmpfile", "static", "/sealmatrix/bin/nsexec-static", "[]", "no nameless file"},
	{"tmpfile", "static", "/memfd:x (deleted)", "[]", "no nameless file"},
	{"tmpfile", "static", "", "[]", "no nameless file"},
	{"overlay", "dynamic", "/nsexec-dynamic", OVERLAY_OPEN, NULL},
	{"overlay", "static", "/nsexec-dynamic", OVERLAY_OPEN, "no overlay"},
	{"overlay", "static", "/sealmatrix/bin/nsexec-static", OVERLAY_OPEN, "no overlay"},
	{"overlay", "static", "/nsexec-static", "[]", "no overlay"},
	{"hologram", "static", "/nsexec-static", "[]", "nobody knows"},
};

START_TEST(each_image_is_seen_to_be_it)
{
	_cleanup_json_ json_t *r = fixture("control-clean.json");
	_cleanup_free_ char *image = xasprintf("\"%s\"", images[_i].image);
	_cleanup_free_ char *link = xasprintf("\"%s\"", images[_i].link);
	_cleanup_free_ char *exe = xasprintf("\"%s\"", images[_i].exe);

	plant(r, "params/image", image);
	plant(r, "params/link", link);
	plant(r, O "exe", exe);
	plant(r, O "setup", images[_i].setup);
	if (images[_i].part)
		expect(r, OUTCOME_ERROR, "harness", images[_i].part, images[_i].exe);
	else
		expect(r, OUTCOME_PASS, NULL, NULL, images[_i].exe);
}
END_TEST

START_TEST(missing_tail_with_a_reason_passes)
{
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");

	plant(r, BSS_TAIL SAW, NULL);
	plant(r, BSS_TAIL "reason", "\"the file ends with its page\"");
	expect(r, OUTCOME_PASS, NULL, NULL, "no bss tail");
}
END_TEST

START_TEST(page_frames_are_not_needed)
{
	_cleanup_json_ json_t *r = fixture("control-error.json");
	char path[64];

	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), O "regions/%d/pfn_shared", i);
		plant(r, path, "[]");
	}
	expect(r, OUTCOME_FAIL, GLOBALS, "regions shared: data (", "no page frames");
}
END_TEST

/* An error of the harness must not take a sharing that was seen out of the report. */
START_TEST(missing_evidence_excuses_nothing)
{
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");

	plant(r, DATA SAW, SAW_P_TO_C);
	plant(r, O "log", NULL);
	expect(r, OUTCOME_FAIL, GLOBALS, "data (P->C)", "sharing without a log");
}
END_TEST

/* Words of different stages may be noted in another order than they were sent in. */
START_TEST(order_between_stages_is_free)
{
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");

	plant(r, O "words",
	      "[\"C>P 0x42\",\"C>P pid\",\"C>P 0x45\",\"P>C 0x43\",\"I>P 0x45\",\"P>I 0x44\"]");
	expect(r, OUTCOME_PASS, NULL, NULL, "swapped words");
}
END_TEST

/* Optional seals that were really set have to be there, those that were refused do not. */
START_TEST(history_is_judged_by_its_steps)
{
	static const struct {
		const char *ok, *seals;
		enum outcome outcome;
	} rows[] = {
		{"false", "15", OUTCOME_PASS}, {"true", "31", OUTCOME_PASS},
		{"true", "15", OUTCOME_FAIL},  {"false", "31", OUTCOME_FAIL},
		{"true", "30", OUTCOME_FAIL},
	};
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");
	_cleanup_free_ char *step = xasprintf(
		"{\"step\":\"F_ADD_SEALS 0x10\",\"ok\":%s,\"optional\":true}", rows[_i].ok);

	plant(r, "params/history", "\"1.2.4\"");
	plant(r, "params/seals", "\"none\"");
	plant(r, O "setup/9", step);
	plant(r, O "seals", rows[_i].seals);
	expect(r, rows[_i].outcome, rows[_i].outcome == OUTCOME_PASS ? NULL : "seals", "", step);
}
END_TEST

/* Linux 6.3: EXEC on an executable file makes it read-only, too. */
START_TEST(implied_seals_are_fine)
{
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");

	plant(r, "params/seals", "\"0x2f\"");
	plant(r, O "setup/2", "{\"step\":\"F_ADD_SEALS 0x2f\",\"ok\":true}");
	plant(r, O "seals", "47");
	expect(r, OUTCOME_PASS, NULL, NULL, "0x2f");
	plant(r, O "seals", "63");
	expect(r, OUTCOME_PASS, NULL, NULL, "0x2f and FUTURE_WRITE");
}
END_TEST

START_TEST(controls_of_a_real_run_are_caught)
{
	_cleanup_json_ json_t *e = fixture("control-error.json");
	_cleanup_json_ json_t *h = fixture("control-hang.json");

	expect(e, OUTCOME_FAIL, GLOBALS, "regions shared: data (", "E1");
	expect(e, OUTCOME_FAIL, DESCRIPTORS, "P: read-pid on fd 5: EBADF", "E1");
	expect(h, OUTCOME_HANG, GLOBALS, "page frames equal: data", "H3");
	expect(h, OUTCOME_HANG, "no-deadlock",
	       "deadlock H3: P reads c1 and waits for c0, held by C; C reads g0", "H3");
}
END_TEST

static const struct {
	const char *p, *c, *i, *uses, *class;
} classes[] = {
	{"blocked", "blocked", "blocked", "[]", "H3"},
	{"exited", "blocked", "blocked", USE("ebadf"), "H2"},
	{"blocked", "exited", "signaled", USE("ebadf"), "H1"},
	{"blocked", "exited", "blocked", "[]", "H4"},
	{"blocked", "blocked", "exited", USE("ebadf"), "H5"},
	{"exited", "blocked", "exited", USE("ebadf"), NULL},
	{"exited", "exited", "exited",
	 "[{\"stage\":\"P\",\"problem\":\"ebadf\"},{\"stage\":\"I\",\"problem\":\"eof\"}]", "E1"},
	{"exited", "exited", "exited",
	 "[{\"stage\":\"C\",\"problem\":\"ebadf\"},{\"stage\":\"P\",\"problem\":\"eof\"}]", "E2"},
	{"exited", "signaled", "exited",
	 "[{\"stage\":\"P\",\"problem\":\"ebadf\"},{\"stage\":\"C\",\"problem\":\"epipe\"}]", "E3"},
	{"exited", "exited", "exited",
	 "[{\"stage\":\"P\",\"problem\":\"ebadf\"},{\"stage\":\"C\",\"problem\":\"other\","
	 "\"errno\":\"ECONNRESET\"}]",
	 "E3"},
	{"exited", "exited", "exited", "[{\"stage\":\"P\",\"problem\":\"eof\"}]", NULL},
};

static json_t *classed(size_t i)
{
	json_t *r = fixture("machine-healthy.json");
	const char *const ends[] = {classes[i].p, classes[i].c, classes[i].i};

	for (int s = 0; s < 3; s++) {
		_cleanup_free_ char *path = xasprintf(O "stages/%d/end", s);
		_cleanup_free_ char *end = xasprintf("\"%s\"", ends[s]);

		plant(r, path, end);
	}
	plant(r, O "uses", classes[i].uses);
	return r;
}

START_TEST(class_follows_from_the_facts)
{
	_cleanup_json_ json_t *r = classed(_i);
	_cleanup_verdict_ struct verdict v, alone;

	judge_variant(r, &alone);
	ck_assert_msg(!alone.class, "a class without shared globals");
	plant(r, DATA SAW, SAW_P_TO_C);
	judge_variant(r, &v);
	ck_assert_msg((!v.class && !classes[_i].class) ||
			      (v.class && classes[_i].class && !strcmp(v.class, classes[_i].class)),
		      "%s, wanted %s", v.class ? v.class : "none",
		      classes[_i].class ? classes[_i].class : "none");
}
END_TEST

/* Two kernels that lie about their version, and one that has none. */
START_TEST(version_decides_nothing)
{
	static const char *const releases[] = {"\"4.19.0\"", "\"5.4.1\"", "\"99\"", NULL};
	_cleanup_json_ json_t *bad = fixture("control-error.json");
	_cleanup_json_ json_t *good = fixture("machine-healthy.json");

	plant(bad, "release", releases[_i]);
	plant(good, "release", releases[_i]);
	expect(bad, OUTCOME_FAIL, GLOBALS, "regions shared", "faulty");
	expect(good, OUTCOME_PASS, NULL, NULL, "healthy");
}
END_TEST

/* Words that a guest in trouble might send. */
START_TEST(odd_stages_are_passed_over)
{
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");

	plant(r, DATA SAW, "\"x.. .x. ..x\"");
	plant(r, DATA "pfn_shared", "[[\"P\",\"P\"],[\"X\",\"C\"],[\"C\",\"X\"],[1],2]");
	plant(r, O "words/9", "7");
	expect(r, OUTCOME_PASS, NULL, NULL, "odd stages");
	plant(r, O "log/mismatches", "[{\"stage\":7,\"real\":-1}]");
	expect(r, OUTCOME_FAIL, GLOBALS, "is ? and says that it is stage ?", "odd log");
}
END_TEST

/* A value that the reader itself stored earlier says nothing about who else did. */
START_TEST(author_is_somebody_else)
{
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");
	_cleanup_verdict_ struct verdict v;

	plant(r, O "globals",
	      "[{\"reader\":\"P\",\"point\":\"exit\",\"name\":\"syncfd\",\"value\":8,\"want\":6},"
	      "{\"reader\":\"P\",\"point\":\"exit\",\"name\":\"logfd\",\"value\":5,\"want\":4}]");
	judge_variant(r, &v);
	ck_assert_uint_eq(json_array_size(v.findings), 2);
	ck_assert(!found(&v, GLOBALS, "shared with"));
}
END_TEST

/* P of the fixture sleeps reading c1. */
static const struct {
	const char *path, *value;
	bool lost;
} wakeups[] = {
	{O "sockets/1/queue", "4", true},
	{O "sockets/1/queue", "0", false},
	{O "sockets/0/queue", "4", false},		       /* nobody reads c0 */
	{O "sockets/1/queue_source", "\"accounting\"", false}, /* what the machine thinks */
	{P "end", "\"running\"", false},
	{C "end", "\"running\"", false}, /* it may be about to wake P */
	{P "blocked/syscall", "\"futex\"", false},
};

START_TEST(lost_wakeup_is_told_from_a_deadlock)
{
	static const char at_deadline[] = "{\"why\":\"deadline\",\"deadlock\":false,\"unmet\":[]}";
	_cleanup_json_ json_t *r = fixture("control-hang.json");
	_cleanup_verdict_ struct verdict v;
	bool other = strcmp(wakeups[_i].path, O "sockets/1/queue") != 0;

	plant(r, O "stop", at_deadline);
	if (other && strcmp(wakeups[_i].path, O "sockets/0/queue"))
		plant(r, O "sockets/1/queue", "4");
	plant(r, wakeups[_i].path, wakeups[_i].value);
	judge_variant(r, &v);
	ck_assert_int_eq(v.outcome, OUTCOME_HANG);
	ck_assert_msg(found(&v, "no-deadlock",
			    "a wake-up was lost: P sleeps reading c1, where 4 bytes wait") ==
			      wakeups[_i].lost,
		      "%s", wakeups[_i].path);
}
END_TEST

/* Proved in the guest: at once a hang of its own class, of a healthy machine as of any other. */
START_TEST(proved_lost_wakeup_is_its_own_class)
{
	_cleanup_json_ json_t *r = fixture(_i ? "control-hang.json" : "machine-healthy.json");

	plant(r, O "stop",
	      "{\"why\":\"quiescent\",\"deadlock\":false,\"unmet\":[\"P:exit<C:exit\"],"
	      "\"lost_wakeup\":{\"stage\":\"P\",\"end\":\"c1\",\"queue\":4,"
	      "\"queue_source\":\"sock_diag\"}}");
	plant(r, P "end", "\"blocked\"");
	expect(r, OUTCOME_HANG, "no-deadlock",
	       "a wake-up was lost: P sleeps reading c1, where 4 bytes wait (sock_diag)",
	       "lost-wakeup");
}
END_TEST

static const struct {
	const char *marked, *text;
} lost_ends[] = {
	{", \"marked\":true", "no process holds any more (the kernel knows that nothing can come"},
	{", \"marked\":false", "no process holds any more (the kernel keeps that end open)"},
	{"", "no process holds any more: the kernel's fault"},
};

START_TEST(proved_lost_eof_is_its_own_class)
{
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");
	_cleanup_verdict_ struct verdict v;
	_cleanup_free_ char *stop =
		xasprintf("{\"why\":\"quiescent\",\"deadlock\":false,\"unmet\":[\"P:exit<C:exit\"],"
			  "\"lost_eof\":{\"stage\":\"P\",\"end\":\"c1\"%s}}",
			  lost_ends[_i].marked);

	plant(r, O "stop", stop);
	plant(r, P "end", "\"blocked\"");
	judge_variant(r, &v);
	ck_assert_int_eq(v.outcome, OUTCOME_HANG);
	ck_assert_msg(v.class && !strcmp(v.class, "lost-eof"), "%s", v.class ? v.class : "none");
	ck_assert(found(&v, "no-deadlock", "an end of file was lost: P sleeps reading c1"));
	ck_assert(found(&v, "no-deadlock", lost_ends[_i].text));
}
END_TEST

START_TEST(deadline_says_where_everybody_is)
{
	_cleanup_json_ json_t *r = fixture("control-hang.json");

	plant(r, O "stop", "{\"why\":\"deadline\",\"deadlock\":false,\"unmet\":[]}");
	expect(r, OUTCOME_HANG, "no-deadlock", "P blocked in read on fd 6 (c1), C blocked in",
	       "deadline");
}
END_TEST

/* Sharing that only shows in what the stages saw last is sharing all the same. */
START_TEST(last_value_alone_gives_a_class)
{
	_cleanup_json_ json_t *r = classed(0);
	_cleanup_verdict_ struct verdict v;

	plant(r, P "current_stage", "1");
	judge_variant(r, &v);
	ck_assert_ptr_nonnull(v.class);
}
END_TEST

/* A stage that failed has not sent its words: one finding is enough. */
START_TEST(missing_words_of_a_failed_stage)
{
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");
	_cleanup_verdict_ struct verdict v;

	plant(r, I "status", "1");
	plant(r, O "words/5", NULL);
	judge_variant(r, &v);
	ck_assert_uint_eq(json_array_size(v.findings), 1);
}
END_TEST

/* A stage that read a foreign value ten times has one finding for it. */
START_TEST(repeated_loads_are_one_finding)
{
	_cleanup_json_ json_t *r = fixture("machine-healthy.json");
	_cleanup_verdict_ struct verdict v;

	for (int i = 0; i < 10; i++)
		plant(r, O "globals/99",
		      "{\"reader\":\"C\",\"point\":\"exit\",\"seq\":9,\"name\":\"syncfd\","
		      "\"value\":77,\"want\":5}");
	judge_variant(r, &v);
	ck_assert_uint_eq(json_array_size(v.findings), 1);
	ck_assert(found(&v, GLOBALS, "stored 5: the page of .data is shared"));
}
END_TEST

#define N(a) (int)(sizeof(a) / sizeof(*(a)))

TEST_SUITE(judge_machine_suite)
{
	Suite *s = suite_create("judge machine");
	TCase *tc = tcase_create("judge machine");

	tcase_add_loop_test(tc, healthy_machines_pass, 0, 2);
	tcase_add_loop_test(tc, fault_is_found, 0, N(faults));
	tcase_add_loop_test(tc, pass_needs_evidence, 0, N(evidence));
	tcase_add_loop_test(tc, blind_is_an_error, 0, N(blind_values));
	tcase_add_loop_test(tc, each_image_is_seen_to_be_it, 0, N(images));
	tcase_add_test(tc, missing_tail_with_a_reason_passes);
	tcase_add_test(tc, page_frames_are_not_needed);
	tcase_add_test(tc, missing_evidence_excuses_nothing);
	tcase_add_test(tc, order_between_stages_is_free);
	tcase_add_loop_test(tc, history_is_judged_by_its_steps, 0, 5);
	tcase_add_test(tc, implied_seals_are_fine);
	tcase_add_test(tc, controls_of_a_real_run_are_caught);
	tcase_add_loop_test(tc, class_follows_from_the_facts, 0, N(classes));
	tcase_add_loop_test(tc, version_decides_nothing, 0, 4);
	tcase_add_test(tc, repeated_loads_are_one_finding);
	tcase_add_test(tc, odd_stages_are_passed_over);
	tcase_add_test(tc, author_is_somebody_else);
	tcase_add_test(tc, deadline_says_where_everybody_is);
	tcase_add_loop_test(tc, lost_wakeup_is_told_from_a_deadlock, 0, N(wakeups));
	tcase_add_loop_test(tc, proved_lost_wakeup_is_its_own_class, 0, 2);
	tcase_add_loop_test(tc, proved_lost_eof_is_its_own_class, 0, N(lost_ends));
	tcase_add_test(tc, last_value_alone_gives_a_class);
	tcase_add_test(tc, missing_words_of_a_failed_stage);
	suite_add_tcase(s, tc);
	return s;
}
