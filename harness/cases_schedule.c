// SPDX-License-Identifier: GPL-2.0-or-later
/* Schedules from the command line, for variants that were chosen before. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "cleanup.h"
#include "json_util.h"
#include "schedule_check.h"

static bool is_machine(const struct variant *v)
{
	return v->control == CONTROL_NONE && !strcmp(v->kind, "machine");
}

static int own_schedule(const struct variant *v, struct err *err)
{
	const char *own = jstr(v->params, "schedule", "free");

	if (!strcmp(own, "free"))
		return 0;
	return err_set(err, ERR_USER, 0,
		       "it has a schedule of its own, %s: choose other variants with --only", own);
}

static int no_machine(struct err *err)
{
	return err_set(err, ERR_USER, 0,
		       "a schedule is for stage machines, and none of the chosen variants is one");
}

static int set_schedule(struct variant *v, const char *schedule, struct err *err)
{
	_cleanup_free_ char *list = NULL;
	int ret = own_schedule(v, err);

	if (!ret)
		ret = schedule_check(schedule, jstr(v->params, "ns", "plain"),
				     jstr(v->params, "join", "none"), &list, err);
	if (ret < 0) {
		err_context(err, "%s/%s", v->case_name, v->name);
		return ret;
	}
	json_object_set_new(v->params, "schedule", json_string(list));
	free(v->asked);
	v->asked = xasprintf("--schedule '%s'", list);
	return 0;
}

static int set_explore(struct variant *v, const char *unused, struct err *err)
{
	int ret = own_schedule(v, err);

	(void)unused;
	if (ret < 0) {
		err_context(err, "%s/%s", v->case_name, v->name);
		return ret;
	}
	free(v->kind);
	v->kind = xstrdup("explore");
	free(v->asked);
	v->asked = xstrdup("--schedules all");
	return 0;
}

static int each_machine(struct variants *vs,
			int (*set)(struct variant *v, const char *arg, struct err *err),
			const char *arg, struct err *err)
{
	size_t n = 0;
	int ret = 0;

	for (size_t i = 0; !ret && i < vs->n; i++) {
		if (!is_machine(&vs->v[i]))
			continue;
		ret = set(&vs->v[i], arg, err);
		n++;
	}
	return ret || n ? ret : no_machine(err);
}

int cases_schedule(struct variants *vs, const char *schedule, struct err *err)
{
	return each_machine(vs, set_schedule, schedule, err);
}

int cases_explore(struct variants *vs, struct err *err)
{
	return each_machine(vs, set_explore, NULL, err);
}
