// SPDX-License-Identifier: GPL-2.0-or-later
/* Is a private mapping of a sealed memfd private? (facts of kind "cow") */
#include "cow.h"

#include <string.h>

#include "case.h"
#include "cleanup.h"
#include "memfd.h"

static const struct probe {
	int prot;
	cow_fn *fn;
	const char *names[2]; /* of what it tells of each mapping */
} probes[] = {
	{PROT_READ | PROT_WRITE, cow_vmflags, {"vmflags"}},
	{PROT_READ, cow_mprotect, {"mprotect"}},
	{PROT_READ | PROT_EXEC, cow_proc_mem, {"proc-mem"}},
	{PROT_READ | PROT_WRITE, cow_fork, {"fork-write", "pfn"}},
};

/* A probe tells something only next to the same probe where no seal can matter. */
enum { SEALED, UNSEALED, ANON, TARGETS = COW_MAPS };

static const char *const target_names[TARGETS] = {"sealed", "unsealed", "anon"};

struct attempt {
	const struct probe *probe;
	const int *fds; /* -1: anonymous memory */
	size_t n;
};

static void attempt_run(const void *arg, struct observed o[])
{
	const struct attempt *a = arg;
	char *maps[TARGETS];
	bool made = true;

	for (size_t i = 0; i < a->n; i++) {
		int flags = MAP_PRIVATE | (a->fds[i] < 0 ? MAP_ANONYMOUS : 0);

		maps[i] = mmap(NULL, memfd_size(), a->probe->prot, flags, a->fds[i], 0);
		if (maps[i] != MAP_FAILED)
			continue;
		observed_errno(&o[i], errno);
		o[i].absent = a->n > 1; /* nor are the others */
		made = false;
	}
	if (made)
		a->probe->fn(maps, a->n, o);
	for (size_t i = 0; i < a->n; i++)
		if (maps[i] != MAP_FAILED)
			munmap(maps[i], memfd_size());
}

enum { PROBES = sizeof(probes) / sizeof(*probes), NAMES = 2 };

typedef struct observed observed_of[NAMES][TARGETS];

static size_t n_names(const struct probe *p)
{
	return p->names[1] ? 2 : 1;
}

/* Something came between that may concern one of the targets only: then each is tried alone. */
static bool is_disturbed(const struct observe_job *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (jobs[i].o.signal || jobs[i].o.absent)
			return true;
	return false;
}

static int probe_alone(const struct probe *p, const int fds[TARGETS], observed_of o)
{
	struct observe_job jobs[TARGETS * NAMES] = {0};
	struct attempt attempts[TARGETS];
	size_t names = n_names(p);

	for (size_t t = 0; t < TARGETS; t++) {
		attempts[t] = (struct attempt){.probe = p, .fds = &fds[t], .n = 1};
		jobs[t * names].fn = attempt_run;
		jobs[t * names].arg = &attempts[t];
	}
	int ret = observe_in_child(jobs, TARGETS * names);

	for (size_t i = 0; i < TARGETS * names; i++)
		o[i % names][i / names] = jobs[i].o;
	return ret;
}

static int probe_all(const int fds[TARGETS], observed_of o[PROBES])
{
	struct observe_job jobs[PROBES * NAMES * TARGETS] = {0}, *job = jobs;
	struct attempt attempts[PROBES];

	for (size_t p = 0; p < PROBES; p++) {
		attempts[p] = (struct attempt){.probe = &probes[p], .fds = fds, .n = TARGETS};
		job->fn = attempt_run;
		job->arg = &attempts[p];
		job += n_names(&probes[p]) * TARGETS;
	}
	int ret = observe_in_child(jobs, (size_t)(job - jobs));

	job = jobs;
	for (size_t p = 0; p < PROBES && !ret; p++) {
		size_t n = n_names(&probes[p]) * TARGETS;

		for (size_t i = 0; i < n; i++)
			o[p][i / TARGETS][i % TARGETS] = job[i].o;
		if (is_disturbed(job, n))
			ret = probe_alone(&probes[p], fds, o[p]);
		job += n;
	}
	return ret;
}

static void report(const observed_of o[PROBES], json_t *facts)
{
	json_t *results = json_object();

	for (size_t p = 0; p < PROBES; p++) {
		for (size_t name = 0; name < n_names(&probes[p]); name++) {
			json_t *r = json_object();

			for (int t = 0; t < TARGETS; t++)
				json_object_set_new(r, target_names[t],
						    observed_json(&o[p][name][t]));
			json_object_set_new(results, probes[p].names[name], r);
		}
	}
	json_object_set_new(facts, "probes", results);
}

void cow_probe(const int fds[COW_MAPS], json_t *facts)
{
	observed_of o[PROBES] = {0};
	int ret = probe_all(fds, o);

	if (ret < 0)
		fact_error(facts, "a child for the probes: %s", strerror(-ret));
	report(o, facts);
}

void case_cow(const struct case_env *env, const json_t *params, json_t *facts)
{
	_cleanup_close_ int sealed = -1, unsealed = -1;
	int seals, ret;

	(void)env;
	if (memfd_seals_param(params, &seals, facts) < 0)
		return;
	sealed = memfd_new();
	unsealed = sealed < 0 ? sealed : memfd_new();
	if (unsealed < 0) {
		memfd_fact_new(facts, unsealed);
		return;
	}
	ret = memfd_seal(sealed, seals);
	if (ret < 0) {
		memfd_fact_seal(facts, seals, ret);
		return;
	}
	json_object_set_new(facts, "seals", json_integer(fcntl(sealed, F_GET_SEALS)));

	cow_probe((const int[TARGETS]){[SEALED] = sealed, [UNSEALED] = unsealed, [ANON] = -1},
		  facts);
}
