// SPDX-License-Identifier: GPL-2.0-or-later
#include "schedule_check.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "near.h"
#include "schedule_internal.h"
#include "xalloc.h"

#define EXAMPLE "I:store-g0<C:load-syncfd"

const char *const sched_stage_names[SCHED_STAGES] = {"P", "C", "I"};

const char *const sched_point_names[SCHED_POINTS] = {
#define POINT_NAME(id, name, stages, word) name,
	NSEXEC_POINTS(POINT_NAME)
#undef POINT_NAME
};

static const unsigned point_stages[SCHED_POINTS] = {
#define POINT_STAGES(id, name, stages, word) stages,
	NSEXEC_POINTS(POINT_STAGES)
#undef POINT_STAGES
};

static const struct {
	const char *name;
	const char *list[3]; /* by the exchanges before I exists */
} schedules[] = {
#define SCHEDULE_INFO(name, plain, one, two) {name, {plain, one, two}},
	NSEXEC_SCHEDULES(SCHEDULE_INFO)
#undef SCHEDULE_INFO
};

#define NSCHEDULES (sizeof(schedules) / sizeof(*schedules))

static const struct {
	unsigned with;
	const char *text;
} parts[] = {
	{WITH_USER, "a new user namespace"},
	{WITH_TIME, "time offsets"},
	{WITH_JOIN, "a namespace to join"},
};

/* What is being checked, for the messages. */
struct check {
	const char *constraint; /* as the user wrote it, trimmed */
	unsigned with;
	struct err *err;
};

static char *trimmed(const char *s, size_t len)
{
	while (len && isspace((unsigned char)*s))
		s++, len--;
	while (len && isspace((unsigned char)s[len - 1]))
		len--;
	return xstrndup(s, len);
}

static int bad(const struct check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int bad(const struct check *c, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = xstrdup("out of memory");
	va_end(ap);
	return err_set(c->err, ERR_USER, 0, "schedule: constraint '%s': %s", c->constraint, text);
}

static int parse_stage(const struct check *c, const char *word, enum sched_stage *stage)
{
	for (*stage = 0; *stage < SCHED_STAGES; (*stage)++)
		if (!strcmp(sched_stage_names[*stage], word))
			return 0;
	return bad(c, "there is no stage '%s'; the stages are P, C and I", word);
}

static int unknown_point(const struct check *c, const char *word)
{
	_cleanup_strv_ struct strv names = {0};

	for (int p = 0; p < SCHED_POINTS; p++)
		strv_add(&names, sched_point_names[p]);
	_cleanup_free_ char *near = near_matches(word, &names);

	return bad(c, "there is no point '%s'%s%s%s", word, near ? ", did you mean " : "",
		   near ? near : "", near ? "?" : "");
}

static int wrong_stage(const struct check *c, const struct passing *p)
{
	_cleanup_strv_ struct strv own = {0};
	const char *word = sched_point_names[p->point];

	for (int i = 0; i < SCHED_POINTS; i++)
		if (point_stages[i] & 1u << p->stage)
			strv_add(&own, sched_point_names[i]);
	_cleanup_free_ char *near = near_matches(word, &own);

	return bad(c, "stage %s never passes %s%s%s%s", sched_stage_names[p->stage], word,
		   near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

/* Not in this variant, or not so often. */
static int check_count(const struct check *c, const struct passing *p)
{
	const char *stage = sched_stage_names[p->stage], *point = sched_point_names[p->point];
	int n = order_count(p->stage, p->point, c->with);

	if (n < 0 || p->nth <= n)
		return 0;
	for (size_t i = 0; !n && i < sizeof(parts) / sizeof(*parts); i++)
		if (order_count(p->stage, p->point, parts[i].with))
			return bad(c, "stage %s passes %s only with %s", stage, point,
				   parts[i].text);
	return bad(c, "stage %s passes %s %d time%s here, never %d", stage, point, n,
		   n == 1 ? "" : "s", p->nth);
}

static int parse_nth(const struct check *c, const char *word, int *nth)
{
	char *end;
	long n = strtol(word, &end, 10);

	if (!isdigit((unsigned char)*word) || *end || n < 1 || n > SM_NTH_MAX)
		return bad(c, "'#%s': passings are counted from 1 to %d", word, SM_NTH_MAX);
	*nth = (int)n;
	return 0;
}

/* "STAGE:POINT#N". */
static int parse_passing(const struct check *c, const char *text, size_t len, struct passing *p)
{
	_cleanup_free_ char *word = trimmed(text, len);
	char *colon = strchr(word, ':'), *hash = strchr(word, '#');
	int ret;

	if (!colon || (hash && hash < colon))
		return bad(c, "'%s' is no STAGE:POINT; a constraint looks like " EXAMPLE, word);
	*colon = '\0';
	p->nth = 1;
	if (hash)
		*hash = '\0';
	ret = parse_stage(c, word, &p->stage);
	if (!ret && hash)
		ret = parse_nth(c, hash + 1, &p->nth);
	if (ret < 0)
		return ret;
	for (p->point = 0; p->point < SCHED_POINTS; p->point++)
		if (!strcmp(sched_point_names[p->point], colon + 1))
			break;
	if (p->point == SCHED_POINTS)
		return unknown_point(c, colon + 1);
	if (!(point_stages[p->point] & 1u << p->stage))
		return wrong_stage(c, p);
	return check_count(c, p);
}

static int parse_constraint(const struct check *c, struct order *o)
{
	const char *lt = strchr(c->constraint, '<');
	int ret;

	if (!lt || strchr(lt + 1, '<'))
		return bad(c, "one '<' is needed; a constraint looks like " EXAMPLE);
	ret = parse_passing(c, c->constraint, (size_t)(lt - c->constraint), &o->before);
	return ret < 0 ? ret : parse_passing(c, lt + 1, strlen(lt + 1), &o->after);
}

static void print_passing(FILE *out, const struct passing *p)
{
	fprintf(out, "%s:%s", sched_stage_names[p->stage], sched_point_names[p->point]);
	if (p->nth > 1)
		fprintf(out, "#%d", p->nth);
}

/* Without blanks, and no "#1". Caller frees. */
static char *list_text(const struct order *v, size_t n)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (i)
			fputc(',', out);
		print_passing(out, &v[i].before);
		fputc('<', out);
		print_passing(out, &v[i].after);
	}
	fclose(out);
	return text;
}

static int circle(const struct order *v, size_t at, const bool *used, unsigned with,
		  struct err *err)
{
	_cleanup_free_ char *last = list_text(&v[at], 1), *others = xstrdup("");
	const struct check c = {.constraint = last, .with = with, .err = err};

	for (size_t i = 0; i < at; i++) {
		if (!used[i])
			continue;
		_cleanup_free_ char *one = list_text(&v[i], 1);
		char *more = xasprintf("%s%s'%s'", others, *others ? ", " : "", one);

		free(others);
		others = more;
	}
	if (!*others)
		return bad(&c, "the protocol itself has the opposite order");
	return bad(&c, "it closes a circle with %s and the protocol's own order", others);
}

static int check_circle(const struct order *v, size_t n, unsigned with, struct err *err)
{
	_cleanup_free_ bool *used = xcalloc(n + 1, sizeof(*used));
	int at = order_circle(v, n, with, used);

	return at < 0 ? 0 : circle(v, (size_t)at, used, with, err);
}

static int check_list(const char *text, unsigned with, char **list, struct err *err)
{
	_cleanup_free_ struct order *v = xcalloc(SM_CONSTRAINTS, sizeof(*v));
	size_t n = 0;
	int ret = 0;

	for (const char *s = text; !ret;) {
		size_t len = strcspn(s, ",");
		_cleanup_free_ char *one = trimmed(s, len);
		const struct check c = {.constraint = one, .with = with, .err = err};

		if (n == SM_CONSTRAINTS)
			return err_set(err, ERR_USER, 0, "schedule: more than %d constraints",
				       SM_CONSTRAINTS);
		ret = parse_constraint(&c, &v[n++]);
		if (!s[len])
			break;
		s += len + 1;
	}
	if (!ret)
		ret = check_circle(v, n, with, err);
	if (!ret)
		*list = list_text(v, n);
	return ret;
}

static int check_name(const char *name, unsigned with, const char *ns, char **list, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};
	int exchanges = !!(with & WITH_USER) + !!(with & WITH_TIME);

	*list = xstrdup(name);
	if (!strcmp(name, "free"))
		return 0;
	strv_add(&names, "free");
	for (size_t i = 0; i < NSCHEDULES; i++) {
		if (!strcmp(schedules[i].name, name) && schedules[i].list[exchanges])
			return 0;
		if (!strcmp(schedules[i].name, name))
			return err_set(err, ERR_USER, 0,
				       "schedule %s cannot happen with namespaces %s: choose other "
				       "variants with --only",
				       name, ns);
		strv_add(&names, schedules[i].name);
	}
	_cleanup_free_ char *near = near_matches(name, &names);

	return err_set(err, ERR_USER, 0,
		       "no schedule is called '%s'%s%s%s: there are free, H1 to H5 and E1 to E3, "
		       "and lists like " EXAMPLE,
		       name, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static unsigned parts_of(const char *ns, const char *join)
{
	_cleanup_strv_ struct strv names = {0};
	unsigned with = strcmp(join, "none") ? WITH_JOIN : 0;

	strv_split(&names, ns, "+");
	with |= strv_contains(&names, "user") ? WITH_USER : 0;
	with |= strv_contains(&names, "time") ? WITH_TIME : 0;
	return with;
}

int schedule_check(const char *text, const char *ns, const char *join, char **list, struct err *err)
{
	_cleanup_free_ char *words = trimmed(text, strlen(text));
	unsigned with = parts_of(ns, join);
	int ret;

	*list = NULL;
	if (!*words)
		return err_set(err, ERR_USER, 0,
			       "schedule: nothing is given; a list looks like " EXAMPLE);
	ret = strpbrk(words, "<,:#") ? check_list(words, with, list, err)
				     : check_name(words, with, ns, list, err);
	if (ret < 0) {
		free(*list);
		*list = NULL;
	}
	return ret;
}

int schedule_point(const char *text, const char *ns, const char *join, struct schedule_point *p,
		   struct err *err)
{
	const struct check c = {text, parts_of(ns, join), err};
	struct passing pass;
	int ret = parse_passing(&c, text, strlen(text), &pass);

	if (ret < 0)
		return ret;
	*p = (struct schedule_point){pass.stage, pass.point, pass.nth,
				     sched_stage_names[pass.stage], sched_point_names[pass.point]};
	return 0;
}
