// SPDX-License-Identifier: GPL-2.0-or-later
#include "boot_jobs.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

/* On an idle host, under emulation. */
#define BOOT_MS	   1300
#define RESTORE_MS 150
#define VARIANT_MS 30

int isolation_from(const char *name)
{
	static const char *const names[] = {
		[ISOLATION_AUTO] = "auto",
		[ISOLATION_BOOT] = "boot",
		[ISOLATION_GROUP] = "group",
		[ISOLATION_VARIANT] = "variant",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return (int)i;
	return -1;
}

unsigned job_cost(size_t variants, bool restored)
{
	return (restored ? RESTORE_MS : BOOT_MS) + variants * VARIANT_MS;
}

static bool is_control(const struct variant *v)
{
	return v->control != CONTROL_NONE;
}

/*
 * A stage machine may panic its kernel, hang it or leave it damaged; the probes of seals and
 * copy-on-write are many and short. To boot for each would cost more than it is worth.
 */
static enum isolation isolation_of(const struct variant *v, enum isolation how, bool restored)
{
	if (how != ISOLATION_AUTO)
		return how;
	if (!restored)
		return ISOLATION_BOOT;
	return strcmp(v->kind, "machine") ? ISOLATION_GROUP : ISOLATION_VARIANT;
}

struct plan {
	struct job *v;
	size_t n;
};

static struct job *add(struct plan *p, size_t variants)
{
	p->v = xreallocarray(p->v, p->n + 1, sizeof(*p->v));
	p->v[p->n] = (struct job){.todo = xcalloc(variants, sizeof(bool))};
	return &p->v[p->n++];
}

static void add_controls(const struct variants *vs, struct job *job)
{
	job->controls = true;
	for (size_t i = 0; i < vs->n; i++)
		job->todo[i] |= is_control(&vs->v[i]);
}

static struct job *find(const struct plan *p, const struct variants *vs, size_t variant,
			enum isolation how, bool restored)
{
	const struct variant *v = &vs->v[variant];

	how = isolation_of(v, how, restored);
	/* There may be thousands. */
	if (how == ISOLATION_VARIANT)
		return NULL;
	for (size_t j = 0; j < p->n; j++)
		for (size_t i = 0; i < variant; i++)
			if (p->v[j].todo[i] && !is_control(&vs->v[i]) &&
			    (how == ISOLATION_BOOT || !strcmp(vs->v[i].case_name, v->case_name)))
				return &p->v[j];
	return NULL;
}

size_t jobs_plan(const struct variants *vs, enum isolation how, bool restored, struct job **jobs)
{
	struct plan p = {0};
	/* One machine that runs everything carries the controls as a boot does. */
	bool apart = restored && how != ISOLATION_BOOT;

	if (apart)
		add_controls(vs, add(&p, vs->n));
	for (size_t i = 0; i < vs->n; i++) {
		if (is_control(&vs->v[i]))
			continue;
		struct job *job = find(&p, vs, i, how, restored) ?: add(&p, vs->n);

		job->todo[i] = true;
	}
	/* No variants but the controls. */
	if (!p.n)
		add(&p, vs->n);
	for (size_t j = 0; j < p.n; j++) {
		size_t n = 0;

		if (!apart)
			add_controls(vs, &p.v[j]);
		for (size_t i = 0; i < vs->n; i++)
			n += p.v[j].todo[i];
		p.v[j].cost_ms = job_cost(n, restored);
	}
	*jobs = p.v;
	return p.n;
}

void jobs_free(struct job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(jobs[i].todo);
	free(jobs);
}
