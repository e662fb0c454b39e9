// SPDX-License-Identifier: GPL-2.0-or-later
/* Case "explore": all interleavings of a stage machine, and what each comes to. */
#include "explore.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define EXECUTIONS_MAX 100000
#define OUTCOMES_MAX   160
#define ONE_MS	       10000 /* guest time for the end of one execution */
#define TELL_EACH      50

struct explorer {
	const struct case_env *env;
	const json_t *params;
	json_t *facts, *outcomes;
	struct path path;
	long executions, redundant, operations, foreign;
	int longest;
};

/* The entry of an outcome like @facts, or a new one. */
static json_t *find_outcome(struct explorer *x, const json_t *outcome)
{
	json_t *known;
	size_t i;

	json_array_foreach (x->outcomes, i, known)
		if (json_equal(json_object_get(known, "stages"),
			       json_object_get(outcome, "stages")) &&
		    json_equal(json_object_get(known, "failures"),
			       json_object_get(outcome, "failures")) &&
		    json_equal(json_object_get(known, "stop"), json_object_get(outcome, "stop")))
			return known;
	if (i == OUTCOMES_MAX)
		return NULL;
	known = json_copy((json_t *)outcome);
	json_array_append_new(x->outcomes, known);
	return known;
}

static int count(struct explorer *x, const struct execution_facts *e)
{
	json_t *o = find_outcome(x, e->outcome);
	json_int_t n = json_integer_value(json_object_get(o, "count"));

	if (!o)
		return -1;
	json_object_set_new(o, "count", json_integer(n + 1));
	/* The shortest is the easiest to read. */
	const char *old = json_string_value(json_object_get(o, "witness"));

	if (e->witness && (!old || strlen(e->witness) < strlen(old)))
		json_object_set_new(o, "witness", json_string(e->witness));
	return 0;
}

/* Why it has to stop here, or NULL. */
static const char *bound(const struct explorer *x, long deadline)
{
	if (x->executions >= EXECUTIONS_MAX)
		return "more executions than the bound allows";
	return now_ms() > deadline ? "the deadline passed" : NULL;
}

/* One execution; NULL to go on, or why not. "" when there is an error in the facts. */
static const char *execute(struct explorer *x, const struct case_env *env)
{
	struct execution_facts e;
	enum execution how = explore_execute(env, x->params, &x->path, &e, x->facts);
	const char *stop = NULL;

	x->operations += x->path.events;
	if (x->path.events > x->longest)
		x->longest = x->path.events;
	if (how == EXEC_FAILED)
		stop = "";
	x->executions += how == EXEC_COMPLETE;
	x->redundant += how == EXEC_REDUNDANT;
	x->foreign += e.foreign;
	if (how == EXEC_COMPLETE && count(x, &e) < 0)
		stop = "more outcomes than are kept apart";
	json_decref(e.outcome);
	free(e.witness);
	return stop;
}

static const char *explore(struct explorer *x)
{
	int64_t deadline = now_ms() + x->env->deadline_ms;
	struct case_env env = *x->env;
	const char *stop = NULL;
	long runs = 0;

	env.deadline_ms = ONE_MS;
	path_begin(&x->path);
	do {
		stop = execute(x, &env);
		if (++runs % TELL_EACH == 0)
			case_progress(x->env, "%ld executions, %zu outcomes", x->executions,
				      json_array_size(x->outcomes));
		if (!stop && path_backtrack(&x->path))
			stop = bound(x, deadline);
		else
			return stop;
	} while (!stop);
	return stop;
}

void case_explore(const struct case_env *env, const json_t *params, json_t *facts)
{
	struct explorer *x = calloc(1, sizeof(*x));
	const char *stop;

	if (!x) {
		fact_error(facts, "exploration: out of memory");
		return;
	}
	*x = (struct explorer){
		.env = env, .params = params, .facts = facts, .outcomes = json_array()};
	stop = explore(x);
	fact_put(facts, "executions", json_integer(x->executions));
	fact_put(facts, "redundant", json_integer(x->redundant));
	fact_put(facts, "operations", json_integer(x->operations));
	fact_put(facts, "longest", json_integer(x->longest));
	fact_put(facts, "foreign", json_integer(x->foreign));
	fact_put(facts, "whole", json_boolean(!stop));
	if (stop && *stop)
		fact_put(facts, "stopped", json_string(stop));
	fact_put(facts, "outcomes", x->outcomes);
	free(x);
}
