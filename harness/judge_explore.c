// SPDX-License-Identifier: GPL-2.0-or-later
/* An exploration's facts: which classes there are among its outcomes, and that there is but one. */
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge_internal.h"
#include "xalloc.h"

#define COMPLETE "complete"

static bool is(const json_t *o, const char *key, const char *value)
{
	return !strcmp(jstr(o, key, ""), value);
}

static bool is_complete(const json_t *outcome)
{
	const json_t *stages = json_object_get(outcome, "stages");
	const json_t *failures = json_object_get(outcome, "failures");
	json_t *s;
	size_t i;

	json_array_foreach (stages, i, s)
		if (!is(s, "end", "exited") || jint(s, "status", -1))
			return false;
	return i == NSTAGES && json_is_array(failures) && !json_array_size(failures) &&
	       is(json_object_get(outcome, "stop"), "why", "complete");
}

/* "P, I": the stages that did not end. Caller frees. */
static char *left_text(const json_t *outcome)
{
	char *text = xstrdup("");
	json_t *s;
	size_t i;

	json_array_foreach (json_object_get(outcome, "stages"), i, s) {
		if (!is(s, "end", "blocked") && !is(s, "end", "running"))
			continue;
		char *more = xasprintf("%s%s%s", text, *text ? ", " : "", jstr(s, "stage", "?"));

		free(text);
		text = more;
	}
	return text;
}

/* The kernel's own fault, with a proof, whatever the stages did; or NULL. */
static const char *lost(const json_t *outcome)
{
	const json_t *stop = json_object_get(outcome, "stop");

	return json_object_get(stop, "lost_wakeup") ? CLASS_LOST_WAKEUP
	       : json_object_get(stop, "lost_eof")  ? CLASS_LOST_EOF
						    : NULL;
}

/* The class by the same rules as a single run's; caller frees. */
static char *class_of(const json_t *outcome)
{
	_cleanup_json_ json_t *as_record = json_pack("{s:{s:O, s:O}}", "observed", "stages",
						     json_object_get(outcome, "stages"), "uses",
						     json_object_get(outcome, "failures"));
	const char *class = lost(outcome);

	if (!class && as_record)
		class = machine_class(as_record);

	if (class)
		return xstrdup(class);
	if (is_complete(outcome))
		return xstrdup(COMPLETE);
	_cleanup_free_ char *left = left_text(outcome);

	return *left ? xasprintf("hang of %s", left) : xstrdup("other error");
}

static json_t *find_class(json_t *classes, const char *name)
{
	json_t *c;
	size_t i;

	json_array_foreach (classes, i, c)
		if (is(c, "class", name))
			return c;
	c = json_pack("{s:s, s:i, s:i}", "class", name, "outcomes", 0, "executions", 0);
	json_array_append_new(classes, c);
	return c;
}

static void add(json_t *c, const char *key, json_int_t n)
{
	json_object_set_new(c, key, json_integer(jint(c, key, 0) + n));
}

static void add_outcome(json_t *classes, const json_t *outcome)
{
	_cleanup_free_ char *name = class_of(outcome);
	json_t *c = find_class(classes, name);
	const char *witness = jstr(outcome, "witness", NULL);
	const char *old = jstr(c, "witness", NULL);
	_cleanup_free_ char *left = left_text(outcome);

	add(c, "outcomes", 1);
	add(c, "executions", jint(outcome, "count", 0));
	if (*left)
		json_object_set_new(c, "left", json_string(left));
	if (*left && (lost(outcome) || jbool(json_object_get(outcome, "stop"), "deadlock", 0) == 1))
		add(c, "proved", 1);
	if (witness && (!old || strlen(witness) < strlen(old)))
		json_object_set_new(c, "witness", json_string(witness));
}

static void judge_class(const json_t *c, json_int_t executions, struct verdict *v)
{
	const char *name = jstr(c, "class", "?"), *left = jstr(c, "left", NULL);
	bool proved = jint(c, "proved", 0) == jint(c, "outcomes", -1);
	bool kernel = !strcmp(name, CLASS_LOST_WAKEUP) || !strcmp(name, CLASS_LOST_EOF);

	if (!strcmp(name, COMPLETE))
		return;
	verdict_add(v, left ? OUTCOME_HANG : OUTCOME_FAIL, left ? A_DEADLOCK : A_COMPLETION,
		    "%s in %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " executions%s%s%s",
		    name, jint(c, "executions", 0), executions, left ? ": left for ever: " : "",
		    left ? left : "",
		    !left    ? ""
		    : kernel ? " (the kernel's fault, proved each time)"
		    : proved ? " (deadlock, proved each time)"
			     : " (not each time with a proof)");
}

/* Executions that were not made, or outcomes of which nobody knows how often they came. */
static void judge_whole(const json_t *record, json_int_t counted, struct verdict *v)
{
	const json_t *facts = json_object_get(record, "observed");
	json_int_t executions = jint(facts, "executions", 0);

	if (jbool(facts, "whole", 0) != 1)
		verdict_add(v, OUTCOME_ERROR, "harness",
			    "the exploration is not whole, %" JSON_INTEGER_FORMAT
			    " executions were made: %s",
			    executions, jstr(facts, "stopped", "it does not say why"));
	if (executions < 1 || counted != executions)
		verdict_blind(
			v,
			"%" JSON_INTEGER_FORMAT
			" executions were made, and the outcomes speak of %" JSON_INTEGER_FORMAT,
			executions, counted);
	if (!json_is_integer(json_object_get(facts, "foreign")))
		verdict_blind(v,
			      "whether any load returned what another stage stored is not known");
}

void judge_explore(const json_t *record, struct verdict *v)
{
	const json_t *facts = json_object_get(record, "observed");
	json_int_t executions = jint(facts, "executions", 0), counted = 0;
	json_int_t foreign = jint(facts, "foreign", 0);
	json_t *o, *c;
	size_t i;

	if (foreign > 0)
		verdict_add(v, OUTCOME_FAIL, A_GLOBALS,
			    "in %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
			    " executions a stage loaded what another one had stored",
			    foreign, executions);
	v->classes = json_array();
	json_array_foreach (json_object_get(facts, "outcomes"), i, o) {
		add_outcome(v->classes, o);
		counted += jint(o, "count", 0);
	}
	json_array_foreach (v->classes, i, c)
		judge_class(c, executions, v);
	judge_image(record, v);
	judge_whole(record, counted, v);
	if (v->outcome == OUTCOME_PASS && json_array_size(json_object_get(facts, "outcomes")) > 1)
		verdict_add(v, OUTCOME_FAIL, A_COMPLETION, "more than one terminal outcome");
}
