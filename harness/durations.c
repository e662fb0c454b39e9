// SPDX-License-Identifier: GPL-2.0-or-later
#include "durations.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "cleanup.h"
#include "json_util.h"
#include "publish.h"
#include "xalloc.h"

#define FORMAT	 "durations 1" /* to be changed with what is measured */
#define FILE_MAX (1 << 20)
#define JOBS_MAX 1024			/* of one kernel: some suites, each variant by itself */
#define MS_MAX	 (7 * 24 * 3600 * 1000) /* whatever says more has never been measured */

/* The same variants with the same parameters, by the digest of both. Rounds are alike. */
static void name_of(const struct variants *vs, const struct job *job, char name[SHA256_HEX])
{
	struct hash_key *k = hash_key_new();

	for (size_t i = 0; i < vs->n; i++) {
		if (!job->todo[i])
			continue;
		_cleanup_free_ char *params = json_dumps(vs->v[i].params, JSON_COMPACT);

		hash_key_add(k, vs->v[i].case_name);
		hash_key_add(k, vs->v[i].name);
		hash_key_add(k, params ? params : "");
	}
	hash_key_end(k, name);
	name[16] = '\0';
}

/* 0: not known. What is no duration was written by nobody here. */
static unsigned duration(const struct durations *d, const char *name)
{
	json_int_t ms = jint(d->jobs, name, 0);

	return ms > 0 && ms <= MS_MAX ? ms : 0;
}

void durations_load(const char *key, struct durations *d)
{
	_cleanup_free_ char *text = NULL, *file = xasprintf("%s.json", key);
	_cleanup_json_ json_t *o = NULL;
	struct err ignored = ERR_INIT;

	*d = (struct durations){.path = cache_path("durations", file)};
	if (d->path && read_file(d->path, FILE_MAX, &text, NULL, &ignored) == 0)
		o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	json_t *jobs = json_object_get(o, "jobs");

	d->jobs = !strcmp(jstr(o, "format", ""), FORMAT) && json_is_object(jobs) ? json_incref(jobs)
										 : json_object();
}

void durations_free(struct durations *d)
{
	free(d->path);
	json_decref(d->jobs);
}

void durations_apply(const struct durations *d, const struct variants *vs, struct job *jobs,
		     size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char name[SHA256_HEX];

		name_of(vs, &jobs[i], name);
		jobs[i].cost_ms = duration(d, name) ?: jobs[i].cost_ms;
	}
}

void durations_note(struct durations *d, const struct variants *vs, const struct job *job,
		    double ms)
{
	char name[SHA256_HEX];

	if (!d->path || !(ms < MS_MAX))
		return;
	name_of(vs, job, name);
	/* An object keeps its members in the order in which they came. */
	json_object_del(d->jobs, name);
	json_object_set_new(d->jobs, name, json_integer(ms < 1 ? 1 : (json_int_t)ms));
}

int durations_save(const struct durations *d, struct err *err)
{
	_cleanup_json_ json_t *kept = json_object();
	size_t skip = json_object_size(d->jobs);
	const char *name;
	json_t *ms;

	if (!d->path)
		return 0;
	skip = skip > JOBS_MAX ? skip - JOBS_MAX : 0;
	json_object_foreach (d->jobs, name, ms) {
		if (skip)
			skip--;
		else if (duration(d, name))
			json_object_set(kept, name, ms);
	}
	_cleanup_json_ json_t *o = json_pack("{s:s, s:O}", "format", FORMAT, "jobs", kept);
	_cleanup_free_ char *text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;

	return text ? publish_buffer(d->path, text, strlen(text), err) : 0;
}
