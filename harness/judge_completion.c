// SPDX-License-Identifier: GPL-2.0-or-later
/* Completion: every stage at its end, every word sent, both pids right, nothing left behind. */
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge_internal.h"
#include "xalloc.h"

/* The protocol's words, in order; what a namespace adds to a plain container's is marked by it. */
static const struct word {
	const char *text, *ns; /* ns NULL: always */
} protocol[] = {
	{"C>P 0x40", "user"}, {"P>C 0x41", "user"}, {"C>P 0x46", "time"}, {"P>C 0x47", "time"},
	{"C>P 0x42", NULL},   {"C>P pid", NULL},    {"P>C 0x43", NULL},	  {"C>P 0x45", NULL},
	{"P>I 0x44", NULL},   {"I>P 0x45", NULL},
};

#define NWORDS (sizeof(protocol) / sizeof(*protocol))

/* Whether "user+time" names @ns. */
static bool has_ns(const json_t *record, const char *ns)
{
	_cleanup_strv_ struct strv names = {0};

	strv_split(&names, param(record, "ns", "plain"), "+");
	return strv_contains(&names, ns);
}

static bool is_sent(const json_t *record, const struct word *w)
{
	return !w->ns || has_ns(record, w->ns);
}

json_int_t protocol_uses(const json_t *record)
{
	json_int_t words = 0;

	for (size_t i = 0; i < NWORDS; i++)
		words += is_sent(record, &protocol[i]);
	return 2 * words; /* one end writes, one reads */
}

static void judge_end(const json_t *record, int s, struct verdict *v)
{
	const json_t *stage = stage_facts(record, s);
	const char *end = jstr(stage, "end", NULL);
	json_int_t status = jint(stage, "status", -1);

	if (jbool(stage, "child_of_launcher", 1) == 0)
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION,
			    "%s is not a child of the launcher: CLONE_PARENT gave another parent",
			    stage_names[s]);
	if (!end)
		verdict_blind(v, "how %s ended is not known", stage_names[s]);
	else if (!strcmp(end, "signaled"))
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION,
			    "%s died of signal %" JSON_INTEGER_FORMAT "%s%s", stage_names[s],
			    jint(stage, "signal", -1),
			    jstr(stage, "killed_by", NULL) ? ", sent by " : "",
			    jstr(stage, "killed_by", ""));
	else if (strcmp(end, "exited"))
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION, "%s did not end: %s", stage_names[s],
			    end);
	else if (status)
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION,
			    "%s exited with status %" JSON_INTEGER_FORMAT, stage_names[s], status);
}

/* The next word in @words, from *at on, that @sender sent; NULL at the end. */
static const char *next_word(const json_t *words, char sender, size_t *at)
{
	while (*at < json_array_size(words)) {
		const char *text = json_string_value(json_array_get(words, (*at)++));

		if (text && text[0] == sender)
			return text;
	}
	return NULL;
}

static bool ended_well(const json_t *stage)
{
	return !strcmp(jstr(stage, "end", ""), "exited") && jint(stage, "status", -1) == 0;
}

/*
 * What one stage sent. The order between stages is not compared: a word is noted after its write(),
 * when the reader may already have answered; each reader has checked that it got the right one.
 */
static void judge_sender(const json_t *record, int stage, struct verdict *v)
{
	const json_t *words = fact(record, "words");
	char sender = stage_names[stage][0];
	const char *got;
	size_t at = 0;

	for (size_t i = 0; i < NWORDS; i++) {
		if (protocol[i].text[0] != sender || !is_sent(record, &protocol[i]))
			continue;
		got = next_word(words, sender, &at);
		if (got && !strcmp(got, protocol[i].text))
			continue;
		/* One that died early is told of elsewhere. */
		if (got || ended_well(stage_facts(record, stage)))
			verdict_add(v, OUTCOME_FAIL, A_COMPLETION, "%s sent %s where %s is due",
				    stage_names[stage], got ? got : "nothing more",
				    protocol[i].text);
		return;
	}
	got = next_word(words, sender, &at);
	if (got)
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION, "%s sent %s where nothing is due",
			    stage_names[stage], got);
}

static void judge_words(const json_t *record, struct verdict *v)
{
	if (!json_is_array(fact(record, "words"))) {
		verdict_blind(v, "the words are not known");
		return;
	}
	for (int s = 0; s < NSTAGES; s++)
		judge_sender(record, s, v);
}

static void judge_pids(const json_t *record, struct verdict *v)
{
	static const char *const keys[] = {"stage1_pid", "stage2_pid"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		const json_t *said = json_object_get(fact(record, "init_pipe"), keys[i]);
		const json_t *real = json_object_get(fact(record, "real"), keys[i]);

		if (!json_is_integer(said) || !json_is_integer(real))
			verdict_blind(v, "%s was not compared with the process", keys[i]);
		else if (!json_equal(said, real))
			verdict_add(v, OUTCOME_FAIL, A_COMPLETION,
				    "%s is %" JSON_INTEGER_FORMAT
				    " on the init pipe, the process is %" JSON_INTEGER_FORMAT,
				    keys[i], json_integer_value(said), json_integer_value(real));
	}
}

static void judge_log_end(const json_t *record, struct verdict *v)
{
	const json_t *log = fact(record, "log");
	const json_t *fatal = json_array_get(json_object_get(log, "fatal"), 0);
	json_int_t bad = jint(log, "bad_lines", -1);

	if (json_is_string(fatal))
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION, "fatal: %s", json_string_value(fatal));
	if (jbool(log, "eof", -1) == 0)
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION, "the log pipe has not reached its end");
	if (bad > 0)
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION,
			    "%" JSON_INTEGER_FORMAT " lines of the log are none of the machine's",
			    bad);
	if (jint(log, "lines", 0) <= 0 || bad < 0 || jbool(log, "eof", -1) < 0 ||
	    !json_is_array(json_object_get(log, "fatal")))
		verdict_blind(v, "the log was not read");
}

static void judge_left_over(const json_t *record, struct verdict *v)
{
	const json_t *stray = fact(record, "stray"), *leaked = fact(record, "leaked");
	json_t *fd;
	size_t i;

	if (json_integer_value(stray) > 0)
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION,
			    "%" JSON_INTEGER_FORMAT " stray processes", json_integer_value(stray));
	json_array_foreach (leaked, i, fd)
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION,
			    "%s holds fd %" JSON_INTEGER_FORMAT " (%s) beyond what it should",
			    jstr(fd, "stage", "?"), jint(fd, "fd", -1), jstr(fd, "what", "?"));
	if (!json_is_integer(stray) || json_integer_value(stray) < 0 || !json_is_array(leaked))
		verdict_blind(v, "nobody looked for what was left behind");
}

/* A stage that failed has a finding of its own. */
static void judge_ended(const json_t *record, struct verdict *v)
{
	if (v->outcome == OUTCOME_PASS && !strcmp(jstr(fact(record, "stop"), "why", ""), "ended"))
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION,
			    "all stages ended well, and yet the machine was not complete");
}

void judge_completion(const json_t *record, struct verdict *v)
{
	for (int s = 0; s < NSTAGES; s++)
		judge_end(record, s, v);
	judge_words(record, v);
	judge_pids(record, v);
	judge_log_end(record, v);
	judge_left_over(record, v);
	judge_ended(record, v);
}
