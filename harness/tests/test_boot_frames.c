// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames that are well-formed and still make no sense: nothing of such a boot may be believed. */
#include <stdio.h>
#include <string.h>

#include "boot_internal.h"
#include "cleanup.h"
#include "json_util.h"
#include "test.h"
#include "xalloc.h"

#define HELLO "{\"type\":\"hello\",\"proto\":3,\"release\":\"6.1.0\"}"
#define BEGIN "{\"type\":\"begin\",\"index\":0,\"case\":\"c\",\"variant\":\"v\"}"
#define RESULT                                                                                 \
	"{\"type\":\"result\",\"index\":0,\"case\":\"c\",\"variant\":\"v\",\"guest_us\":1500," \
	"\"facts\":{\"x\":1}}"
#define PROGRESS "{\"type\":\"progress\",\"text\":\"half of it\"}"
#define BYE	 "{\"type\":\"bye\",\"ran\":1}"

/* As on the command line. */
static const char *program = "sealmatrix", *kernel = "k";

static bool todo[1];
static char *written;
static size_t written_len;

/* Feed frames to a boot of one planned variant; the protocol's complaint, or "". */
static const char *feed(struct boot *b, const char *const frames[])
{
	static struct variant v = {
		.case_name = (char *)"c", .name = (char *)"v", .kind = (char *)"cow"};
	static struct variants vs = {.v = &v, .n = 1};
	static struct kernel k = {.name = (char *)"k", .arch = (char *)"x86_64"};
	static struct boot_opts o;
	static struct shared shared;
	static struct job job = {.todo = todo, .controls = true};
	static struct session s = {.k = &k, .o = &o, .shared = &shared, .planned = 1};

	todo[0] = true;
	o = (struct boot_opts){.variants = &vs, .program = program, .kernel_word = kernel};
	_cleanup_json_ json_t *params = json_object();

	v.params = params;
	s.records = open_memstream(&written, &written_len);
	*b = (struct boot){.s = &s, .job = &job, .nr = 1, .running = -1, .planned = 1};
	for (size_t i = 0; frames[i]; i++) {
		_cleanup_json_ json_t *f = json_loads(frames[i], 0, NULL);

		ck_assert_ptr_nonnull(f);
		boot_frame(b, f);
	}
	fclose(s.records);
	return b->protocol.msg;
}

/* What a boot has collected; its session is the test's. */
static void boot_release(struct boot *b)
{
	json_decref(b->hello);
	free(b->fatal);
	free(written);
	written = NULL;
}
#define _cleanup_boot_ _cleanup_(boot_release)

#define FEED(b, ...)   feed(b, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(good_course_gives_a_record)
{
	_cleanup_boot_ struct boot b = {0};

	ck_assert_str_eq(FEED(&b, HELLO, BEGIN, PROGRESS, RESULT, BYE), "");
	_cleanup_json_ json_t *r = json_loads(written, 0, NULL);

	ck_assert_str_eq(jstr(r, "id", ""), "k/c/v");
	ck_assert_str_eq(jstr(r, "state", ""), "ran");
	ck_assert_str_eq(jstr(r, "release", ""), "6.1.0");
	ck_assert_str_eq(jstr(r, "repeat", ""), "sealmatrix run k --only c/v");
	ck_assert(json_number_value(json_object_get(r, "guest_ms")) == 1.5);
	ck_assert_int_eq(jint(json_object_get(r, "observed"), "x", 0), 1);
	ck_assert(b.bye);
	ck_assert_uint_eq(b.ran, 1);
	ck_assert(!todo[0]);
}
END_TEST

START_TEST(repeat_is_a_line_for_the_shell)
{
	_cleanup_boot_ struct boot b = {0};

	program = "/my tools/sealmatrix";
	kernel = "./it's [old]/bzImage";
	ck_assert_str_eq(FEED(&b, HELLO, BEGIN, RESULT, BYE), "");
	_cleanup_json_ json_t *r = json_loads(written, 0, NULL);

	ck_assert_str_eq(jstr(r, "repeat", ""),
			 "'/my tools/sealmatrix' run './it'\\''s [old]/bzImage' --only c/v");
}
END_TEST

static const struct {
	const char *what;
	const char *frames[6];
} bad[] = {
	{"record before hello", {BEGIN}},
	{"hello twice", {HELLO, HELLO}},
	{"other protocol", {"{\"type\":\"hello\",\"proto\":1}"}},
	{"result without begin", {HELLO, RESULT}},
	{"result twice", {HELLO, BEGIN, RESULT, RESULT}},
	{"begin within another", {HELLO, BEGIN, BEGIN}},
	{"unplanned index",
	 {HELLO, "{\"type\":\"begin\",\"index\":1,\"case\":\"c\",\"variant\":\"v\"}"}},
	{"another variant's name",
	 {HELLO, "{\"type\":\"begin\",\"index\":0,\"case\":\"c\",\"variant\":\"w\"}"}},
	{"no facts",
	 {HELLO, BEGIN, "{\"type\":\"result\",\"index\":0,\"case\":\"c\",\"variant\":\"v\"}"}},
	{"more ran than was reported", {HELLO, BEGIN, RESULT, "{\"type\":\"bye\",\"ran\":2}"}},
	{"progress of nothing", {HELLO, PROGRESS}},
	{"unknown type", {HELLO, "{\"type\":\"verdict\"}"}},
};

START_TEST(nonsense_is_a_protocol_error)
{
	_cleanup_boot_ struct boot b = {0};

	ck_assert_msg(*feed(&b, bad[_i].frames), "accepted: %s", bad[_i].what);
}
END_TEST

TEST_SUITE(boot_frames)
{
	Suite *s = suite_create("boot frames");
	TCase *tc = tcase_create("boot frames");

	tcase_add_test(tc, good_course_gives_a_record);
	tcase_add_test(tc, repeat_is_a_line_for_the_shell);
	tcase_add_loop_test(tc, nonsense_is_a_protocol_error, 0, sizeof(bad) / sizeof(*bad));
	suite_add_tcase(s, tc);
	return s;
}
