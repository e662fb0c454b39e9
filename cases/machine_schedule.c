// SPDX-License-Identifier: GPL-2.0-or-later
/* Schedules, in the format of schedule.h, onto the control page. */
#include <ctype.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "schedule.h"

struct schedule {
	const char *name;
	const char *list[3]; /* by the exchanges before I exists */
};

static const struct schedule schedules[] = {
#define SCHEDULE_INFO(name, plain, one, two) {name, {plain, one, two}},
	NSEXEC_SCHEDULES(SCHEDULE_INFO)
#undef SCHEDULE_INFO
};

static const char *named(const struct schedule *s, const struct machine_params *p)
{
	return s->list[!!(p->clone_flags & CLONE_NEWUSER) + p->time_offsets];
}

/* "S:point#N" up to @len; 0 or -1. */
static int parse_point(const char *s, size_t len, uint8_t *stage, uint8_t *point, uint16_t *nth)
{
	const char *hash;
	size_t name_len;
	enum point pt;

	while (len && isspace((unsigned char)*s))
		s++, len--;
	while (len && isspace((unsigned char)s[len - 1]))
		len--;
	if (len < 3 || s[1] != ':')
		return -1;
	for (*stage = 0; *stage < STAGES && *stage_names[*stage] != s[0]; (*stage)++)
		;
	s += 2;
	len -= 2;
	hash = memchr(s, '#', len);
	name_len = hash ? (size_t)(hash - s) : len;
	pt = point_find(s, name_len);
	if (*stage == STAGES || pt == POINTS || !(point_info[pt].stages & 1u << *stage))
		return -1;
	*point = (uint8_t)pt;
	*nth = 1;
	if (hash) {
		char *end;
		long n = strtol(hash + 1, &end, 10);

		if (end != s + len || n < 1 || n > SM_NTH_MAX)
			return -1;
		*nth = (uint16_t)n;
	}
	return 0;
}

static int parse_constraint(const char *s, size_t len, struct ctl_constraint *c)
{
	const char *lt = memchr(s, '<', len);

	if (!lt)
		return -1;
	if (parse_point(s, (size_t)(lt - s), &c->before_stage, &c->before_point, &c->before_nth) <
	    0)
		return -1;
	return parse_point(lt + 1, len - (size_t)(lt + 1 - s), &c->after_stage, &c->after_point,
			   &c->after_nth);
}

int schedule_set(struct control *ctl, const struct machine_params *p, json_t *facts)
{
	const char *list = p->schedule;

	if (!strcmp(list, "free"))
		return 0;
	for (size_t i = 0; i < sizeof(schedules) / sizeof(*schedules); i++) {
		if (strcmp(schedules[i].name, p->schedule))
			continue;
		list = named(&schedules[i], p);
		if (!list) {
			fact_error(facts, "schedule %s cannot happen with these namespaces",
				   p->schedule);
			return -1;
		}
	}
	for (const char *s = list; *s;) {
		size_t len = strcspn(s, ",");

		if (ctl->n_constraints >= CTL_CONSTRAINTS) {
			fact_error(facts, "schedule: more than %d constraints", CTL_CONSTRAINTS);
			return -1;
		}
		if (parse_constraint(s, len, &ctl->constraint[ctl->n_constraints]) < 0) {
			fact_error(facts, "schedule: bad constraint \"%.*s\"", (int)len, s);
			return -1;
		}
		ctl->n_constraints++;
		s += len + (s[len] == ',');
	}
	return 0;
}
