// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The stage machine's facts: valid sync descriptors, and with judge_globals.c no shared globals,
 * judge_stop.c no deadlock, judge_completion.c completion. What a machine that failed no longer
 * shows is no finding of its own; what one that passed does not show forbids the pass.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "json_util.h"
#include "judge_internal.h"
#include "xalloc.h"

#define A_DESCRIPTORS "valid-descriptors"

/* --- the image -------------------------------------------------------------------------------- */

/* All seals that a step of the setup says it has set. */
static unsigned seals_set(const json_t *setup)
{
	static const char step[] = "F_ADD_SEALS ";
	unsigned set = 0;
	json_t *s;
	size_t i;

	json_array_foreach (setup, i, s) {
		const char *text = jstr(s, "step", "");

		if (!strncmp(text, step, strlen(step)) && jbool(s, "ok", 0) == 1)
			set |= (unsigned)strtoul(text + strlen(step), NULL, 0);
	}
	return set;
}

static const json_t *find_step(const json_t *setup, const char *step)
{
	json_t *s;
	size_t i;

	json_array_foreach (setup, i, s)
		if (!strcmp(jstr(s, "step", ""), step))
			return s;
	return NULL;
}

/* The overlay is never mounted anywhere: its root is all there is of a path. */
static bool is_overlay(const json_t *record, const char *exe, const char *name)
{
	return jbool(find_step(fact(record, "setup"), "overlay: open"), "ok", 0) == 1 &&
	       exe[0] == '/' && !strcmp(exe + 1, name);
}

static bool is_nameless(const char *exe)
{
	return ends_with(exe, " (deleted)"); /* proc(5), /proc/PID/exe */
}

static bool is_memfd(const char *exe)
{
	return !strncmp(exe, "/memfd:", strlen("/memfd:"));
}

/* Why @exe is not what the variant is about, or NULL. */
static const char *exe_wrong(const json_t *record, const char *exe)
{
	const char *image = param(record, "image", "memfd"), *slash = strrchr(exe, '/');
	_cleanup_free_ char *name = xasprintf("nsexec-%s", param(record, "link", "static"));

	if (!strcmp(image, "memfd"))
		return is_memfd(exe) ? NULL : "which is no memfd";
	if (!strcmp(image, "tmpfile"))
		return is_nameless(exe) && !is_memfd(exe) ? NULL : "which is no nameless file";
	if (!strcmp(image, "overlay"))
		return is_overlay(record, exe, name) ? NULL : "which is no overlay";
	if (!strcmp(image, "file"))
		return slash && !is_memfd(exe) && !strcmp(slash + 1, name)
			       ? NULL
			       : "which is not the ordinary file";
	return "and nobody knows how to tell that image";
}

/* A step that failed and need not have succeeded changes what was tested. */
static void judge_setup(const json_t *setup, struct verdict *v)
{
	json_t *s;
	size_t i;

	json_array_foreach (setup, i, s)
		if (jbool(s, "ok", -1) != 1 && jbool(s, "optional", 0) != 1)
			verdict_blind(v, "%s: %s", jstr(s, "step", "a step of the setup"),
				      jstr(s, "errno", "not known to have succeeded"));
	if (!json_is_array(setup))
		verdict_blind(v, "how the image was made is not known");
}

/* runc's releases all end with these; what else they set is optional. */
#define SEALS_MANDATORY (SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_WRITE)

void judge_image(const json_t *record, struct verdict *v)
{
	const char *exe = jstr(json_object_get(record, "observed"), "exe", NULL);
	const json_t *setup = fact(record, "setup");
	const char *wrong = exe ? exe_wrong(record, exe) : NULL;
	unsigned asked, effective;

	if (!exe)
		verdict_blind(v, "what stage 0 runs from is not known");
	else if (wrong)
		verdict_blind(v, "stage 0 runs from %s, %s", exe, wrong);
	judge_setup(setup, v);
	if (strcmp(param(record, "image", "memfd"), "memfd") || !json_is_array(setup))
		return;
	if (!param_seals(record, &asked)) {
		verdict_blind(v, "which seals were set is not known");
		return;
	}
	if (strcmp(param(record, "history", "direct"), "direct"))
		asked = SEALS_MANDATORY;
	judge_seals(record, asked | seals_set(setup), &effective, v);
}

/* --- valid descriptors ------------------------------------------------------------------------ */

static const struct {
	const char *problem, *text;
} problems[] = {
	{"ebadf", "EBADF"},
	{"eof", "end of file"},
	{"epipe", "EPIPE"},
	{"wrong-end", "open, but the wrong end"},
	{"not-socket", "open, but not a socket"},
};

static const char *problem_text(const json_t *use)
{
	const char *problem = jstr(use, "problem", "other");

	for (size_t i = 0; i < sizeof(problems) / sizeof(*problems); i++)
		if (!strcmp(problems[i].problem, problem))
			return problems[i].text;
	return jstr(use, "errno", "a short read or write");
}

/* "c0, fd 3": the end that a use wants, and its number while the stage still wants it. */
static char *wanted_text(const json_t *record, const json_t *use)
{
	const json_t *stage = stage_facts(record, stage_index(jstr(use, "stage", "")));
	const char *end = jstr(use, "want_end", "no end yet");
	json_int_t fd = jint(stage, "syncfd_want", -1);

	if (fd < 0 || strcmp(jstr(stage, "syncfd_want_end", ""), end))
		return xstrdup(end);
	return xasprintf("%s, fd %" JSON_INTEGER_FORMAT, end, fd);
}

static void judge_descriptors(const json_t *record, struct verdict *v)
{
	const json_t *uses = fact(record, "uses");
	json_int_t checked = json_integer_value(fact(record, "uses_checked"));
	json_int_t due = protocol_uses(record);
	json_t *u;
	size_t i;

	json_array_foreach (uses, i, u) {
		_cleanup_free_ char *want = wanted_text(record, u);

		verdict_add(v, OUTCOME_FAIL, A_DESCRIPTORS,
			    "%s: %s on fd %" JSON_INTEGER_FORMAT ": %s (wants %s)",
			    jstr(u, "stage", "?"), jstr(u, "op", "?"), jint(u, "fd", -1),
			    problem_text(u), want);
	}
	if (!json_is_array(uses) || checked < due)
		verdict_blind(v,
			      "%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
			      " uses of a descriptor were checked",
			      checked, due);
}

void judge_machine(const json_t *record, struct verdict *v)
{
	bool shared = judge_globals(record, v);

	/* The classes are about machines whose globals are shared, and about no others. */
	if (shared)
		v->class = machine_class(record);
	judge_image(record, v);
	judge_descriptors(record, v);
	judge_stop(record, v);
	judge_completion(record, v);
}
