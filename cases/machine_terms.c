// SPDX-License-Identifier: GPL-2.0-or-later
/* The terms that the facts are written in. */
#include <stdio.h>

#include "machine.h"

void fact_put(json_t *o, const char *key, json_t *value)
{
	json_object_set_new(o, key, value);
}

void fact_put_errno(json_t *o, int errnum)
{
	if (errnum)
		fact_put(o, "errno", json_string(errno_name(errnum)));
}

json_t *stage_set(unsigned mask)
{
	json_t *a = json_array();

	for (int s = 0; s < STAGES; s++) {
		if (mask & 1u << s)
			json_array_append_new(a, json_string(stage_names[s]));
	}
	return a;
}

const char *constraint_text(const struct ctl_constraint *c, char *buf, size_t size)
{
	char nth[2][12] = {"", ""};

	if (c->before_nth > 1)
		snprintf(nth[0], sizeof(nth[0]), "#%u", c->before_nth);
	if (c->after_nth > 1)
		snprintf(nth[1], sizeof(nth[1]), "#%u", c->after_nth);
	snprintf(buf, size, "%s:%s%s<%s:%s%s", stage_names[c->before_stage],
		 point_info[c->before_point].name, nth[0], stage_names[c->after_stage],
		 point_info[c->after_point].name, nth[1]);
	return buf;
}

/* The end that P made under that number. */
enum end number_end(const struct control *ctl, int fd)
{
	for (int e = 0; e < ENDS; e++) {
		if (ctl->end_ino[e] && ctl->end_fd[e] == fd)
			return (enum end)e;
	}
	return END_NONE;
}

const char *number_name(const struct control *ctl, int fd)
{
	enum end e = number_end(ctl, fd);

	return e == END_NONE ? "other" : end_names[e];
}
