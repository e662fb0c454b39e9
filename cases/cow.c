// SPDX-License-Identifier: GPL-2.0-or-later
/* Is a private mapping of a sealed memfd private? (facts of kind "cow") */
#include "cow.h"

#include <string.h>

#include "case.h"
#include "cleanup.h"
#include "memfd.h"

static const struct probe {
	const char *name;
	int prot;
	void (*fn)(char *map, struct observed *o); /* NULL: the one before it tells this too */
} probes[] = {
	{"vmflags", PROT_READ | PROT_WRITE, cow_vmflags},
	{"mprotect", PROT_READ, cow_mprotect},
	{"proc-mem", PROT_READ | PROT_EXEC, cow_proc_mem},
	{"fork-write", PROT_READ | PROT_WRITE, cow_fork},
	{"pfn", 0, NULL},
};

/* A probe tells something only next to the same probe where no seal can matter. */
enum { SEALED, UNSEALED, ANON, TARGETS };

static const char *const target_names[TARGETS] = {"sealed", "unsealed", "anon"};

struct attempt {
	const struct probe *probe;
	int fd; /* -1: anonymous memory */
};

static void attempt_run(const void *arg, struct observed *o)
{
	const struct attempt *a = arg;
	int flags = MAP_PRIVATE | (a->fd < 0 ? MAP_ANONYMOUS : 0);
	char *map = mmap(NULL, memfd_size(), a->probe->prot, flags, a->fd, 0);

	if (map == MAP_FAILED) {
		observed_errno(o, errno);
		return;
	}
	a->probe->fn(map, o);
	munmap(map, memfd_size());
}

enum { PROBES = sizeof(probes) / sizeof(*probes) };

static void probe_all(const int fds[TARGETS], json_t *facts)
{
	struct attempt attempts[PROBES * TARGETS];
	struct observe_job jobs[PROBES * TARGETS] = {0};
	json_t *results = json_object();
	int ret;

	for (int i = 0; i < PROBES * TARGETS; i++) {
		attempts[i] = (struct attempt){.probe = &probes[i % PROBES], .fd = fds[i / PROBES]};
		jobs[i] = (struct observe_job){
			.fn = attempts[i].probe->fn ? attempt_run : NULL,
			.arg = &attempts[i],
		};
	}
	ret = observe_in_child(jobs, PROBES * TARGETS);
	if (ret < 0)
		fact_error(facts, "a child for the probes: %s", strerror(-ret));
	for (int p = 0; p < PROBES; p++) {
		json_t *r = json_object();

		for (int t = 0; t < TARGETS; t++)
			json_object_set_new(r, target_names[t],
					    observed_json(&jobs[t * PROBES + p].o));
		json_object_set_new(results, probes[p].name, r);
	}
	json_object_set_new(facts, "probes", results);
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

	const int fds[TARGETS] = {[SEALED] = sealed, [UNSEALED] = unsealed, [ANON] = -1};

	probe_all(fds, facts);
}
