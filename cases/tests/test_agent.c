// SPDX-License-Identifier: GPL-2.0-or-later
/* The agent as a program: a plan in, frames out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "guest_test.h"
#include "proto.h"

#define NONCE "5eed"
#define PLAN                                                                                     \
	"{\"proto\":3,\"nonce\":\"" NONCE "\",\"deadline_ms\":20000,\"cpu\":{}}\n"               \
	"{\"index\":4,\"case\":\"a\",\"variant\":\"x\",\"kind\":\"seal\",\"params\":{\"seals\":" \
	"\"0xf\"}}\n"                                                                            \
	"{\"index\":9,\"case\":\"b\",\"variant\":\"y\",\"kind\":\"odd\",\"params\":{}}\n"

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

/* Exit status of the agent; its arguments are @args, quoted for the shell. */
static int agent(const char *args)
{
	char *cmd;

	ck_assert_int_gt(asprintf(&cmd, "cd '%s' && '%s/agent' --bin '%s' %s 2>err", test_dir(),
				  test_bin_dir(), test_bin_dir(), args),
			 0);
	int status = system(cmd);

	free(cmd);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static FILE *open_result(const char *name)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%s", test_dir(), name);
	return fopen(path, "r");
}

/* The next frame, taken apart and checked as the host would. The caller owns it. */
static json_t *next_frame(FILE *f, unsigned long seq)
{
	unsigned long got_seq, len, crc;
	char *line = NULL, text[24];
	size_t cap = 0;
	int at = 0;
	ssize_t n = getline(&line, &cap, f);

	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(line[n - 1], '\n');
	ck_assert_int_eq(sscanf(line, "%lu %lu %8lx %n", &got_seq, &len, &crc, &at), 3);
	ck_assert_uint_eq(got_seq, seq);
	ck_assert_uint_eq(len, (size_t)(n - 1 - at));
	snprintf(text, sizeof(text), "%lu", seq);
	uLong want = crc32(0, (const Bytef *)NONCE, strlen(NONCE));

	want = crc32(want, (const Bytef *)text, strlen(text));
	ck_assert_uint_eq(crc, crc32(want, (const Bytef *)line + at, len));
	json_error_t end;
	json_t *frame = json_loadb(line + at, len, JSON_DISABLE_EOF_CHECK, &end);

	ck_assert_ptr_nonnull(frame);
	if ((size_t)end.position < len)
		json_object_set_new(
			frame, "facts",
			json_loadb(line + at + end.position, len - end.position, 0, NULL));
	free(line);
	return frame;
}

static void check_frames(FILE *f)
{
	static const char *const types[] = {"hello", "begin", "result", "begin", "result", "bye"};
	json_t *frame[6];
	size_t n = sizeof(types) / sizeof(*types);

	for (size_t i = 0; i < n; i++) {
		frame[i] = next_frame(f, i + 1);
		assert_text(frame[i], "type", types[i]);
	}
	ck_assert_int_eq(fgetc(f), EOF);
	assert_int(frame[0], "proto", SM_PROTO);
	assert_bool(frame[0], "features.memfd_create.ok", true);
	assert_text(frame[0], "modules.overlay", "ok");
	assert_text(frame[0], "modules.unix_diag", "No such file or directory");
	assert_int(frame[1], "index", 4);
	assert_text(frame[1], "case", "a");
	assert_text(frame[2], "variant", "x");
	ck_assert_int_ge(json_integer_value(test_member(frame[2], "guest_us")), 1);
	assert_text(frame[2], "facts.ops.write.errno", "EPERM");
	assert_int(frame[2], "facts.ops.exec-get.value", 0xf);
	assert_int(frame[4], "index", 9);
	assert_text(frame[4], "facts.error", "this agent has no case of that kind");
	assert_int(frame[5], "ran", 2);
	for (size_t i = 0; i < n; i++)
		json_decref(frame[i]);
}

static void prepare(void)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/plan", test_dir());
	write_file(path, PLAN);
	snprintf(path, sizeof(path), "%s/modules", test_dir());
	write_file(path, "overlay ok\nunix_diag No such file or directory\n");
}

START_TEST(two_variants_to_a_file)
{
	prepare();
	ck_assert_int_eq(agent("--plan plan --modules modules --out out"), 0);
	FILE *f = open_result("out");

	check_frames(f);
	fclose(f);
	f = open_result("plan");
	ck_assert_msg(f != NULL, "natively, the plan stays where it is");
	fclose(f);
}
END_TEST

START_TEST(two_variants_to_stdout)
{
	prepare();
	ck_assert_int_eq(agent("--plan plan --modules modules --out - >piped"), 0);
	FILE *f = open_result("piped");

	check_frames(f);
	fclose(f);
}
END_TEST

static const struct {
	const char *args, *says;
	int status;
} wrong[] = {
	{"", "say --out FILE or --channel TTY", 2},
	{"--out a --channel b", "say --out FILE or --channel TTY", 2},
	{"--out a surplus", "say --out FILE or --channel TTY", 2},
	{"--nonsense", "--nonsense", 2},
	{"--end-machine maybe", "say done or broken", 2},
	{"--plan missing --out out", "plan missing: open: No such file or directory", 1},
	{"--plan plan --out missing/out", "open missing/out: No such file or directory", 1},
	{"--plan plan --out /dev/full", "No space left on device", 1},
	{"--plan plan --channel /dev/null", "--channel and --end-machine are for init", 2},
	{"--end-machine done", "--channel and --end-machine are for init", 2},
};

START_TEST(wrong_use_is_told)
{
	char text[512] = "";

	prepare();
	ck_assert_int_eq(agent(wrong[_i].args), wrong[_i].status);
	FILE *f = open_result("err");

	ck_assert_int_gt(fread(text, 1, sizeof(text) - 1, f), 0);
	fclose(f);
	ck_assert_msg(strstr(text, wrong[_i].says), "says \"%s\"", text);
}
END_TEST

TEST_SUITE(agent_program)
{
	Suite *s = suite_create("agent");
	TCase *t = tcase_create("agent");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, two_variants_to_a_file);
	tcase_add_test(t, two_variants_to_stdout);
	tcase_add_loop_test(t, wrong_use_is_told, 0, sizeof(wrong) / sizeof(*wrong));
	suite_add_tcase(s, t);
	return s;
}
