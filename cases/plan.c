// SPDX-License-Identifier: GPL-2.0-or-later
#include "plan.h"

#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "proto.h"

void plan_free(struct plan *plan)
{
	explicit_bzero(plan->nonce, sizeof(plan->nonce));
	json_decref(plan->variants);
	plan->variants = NULL;
}

static int take_header(struct plan *plan, const json_t *line, char *why, size_t why_len)
{
	json_t *nonce = json_object_get(line, "nonce");
	json_int_t deadline = json_integer_value(json_object_get(line, "deadline_ms"));
	json_int_t proto = json_integer_value(json_object_get(line, "proto"));
	size_t len = json_string_length(nonce);

	if (proto != SM_PROTO)
		snprintf(why, why_len, "protocol %lld, this agent speaks %d", (long long)proto,
			 SM_PROTO);
	else if (!len || len >= sizeof(plan->nonce))
		snprintf(why, why_len, "header needs a nonce of 1 to %zu characters",
			 sizeof(plan->nonce) - 1);
	else if (deadline < 1 || deadline > 3600000)
		snprintf(why, why_len, "header needs deadline_ms between 1 and 3600000");
	else {
		memcpy(plan->nonce, json_string_value(nonce), len + 1);
		plan->deadline_ms = deadline;
		plan->probe = !json_is_false(json_object_get(line, "probe"));
		plan->by_turns = json_is_true(json_object_get(line, "by_turns"));
		plan->packed = json_is_true(json_object_get(line, "packed"));
		return 0;
	}
	return -1;
}

static int take_variant(struct plan *plan, json_t *line, char *why, size_t why_len)
{
	static const struct {
		const char *name;
		json_type type;
	} members[] = {
		{"index", JSON_INTEGER}, {"case", JSON_STRING},	  {"variant", JSON_STRING},
		{"kind", JSON_STRING},	 {"params", JSON_OBJECT},
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		const json_t *m = json_object_get(line, members[i].name);

		if (!m || json_typeof(m) != members[i].type) {
			snprintf(why, why_len, "\"%s\" is missing or of the wrong type",
				 members[i].name);
			return -1;
		}
	}
	return json_array_append(plan->variants, line);
}

static int take_line(struct plan *plan, const char *text, size_t len, size_t nr, char *why,
		     size_t why_len)
{
	json_error_t jerr;
	_cleanup_json_ json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, &jerr);
	char what[200];
	int ret;

	if (!line) {
		snprintf(why, why_len, "line %zu: %s", nr, jerr.text);
		return -1;
	}
	ret = nr == 1 ? take_header(plan, line, what, sizeof(what))
		      : take_variant(plan, line, what, sizeof(what));
	if (ret < 0)
		snprintf(why, why_len, "line %zu: %s", nr, what);
	return ret;
}

/* The whole file, in a buffer of one byte more. */
static char *read_whole(FILE *f, size_t *len, char *why, size_t why_len)
{
	struct stat st;
	char *text = NULL;

	if (fstat(fileno(f), &st) < 0)
		snprintf(why, why_len, "stat: %s", strerror(errno));
	else if (st.st_size > PLAN_MAX)
		snprintf(why, why_len, "longer than %ld bytes", PLAN_MAX);
	else if (!(text = calloc(1, st.st_size + 1)))
		snprintf(why, why_len, "out of memory");
	else
		*len = fread(text, 1, st.st_size, f);
	return text;
}

/* jansson's own copies of the nonce must not stay in memory that the cases inherit. */
static void wipe_and_free(void *p)
{
	if (p)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

static int take_lines(struct plan *plan, const char *text, size_t len, char *why, size_t why_len)
{
	size_t nr = 0;
	int ret = 0;

	for (const char *p = text, *end; !ret && p < text + len; p = end + 1) {
		end = memchr(p, '\n', text + len - p);
		nr++;
		if (!end) {
			snprintf(why, why_len, "line %zu: cut off", nr);
			return -1;
		}
		ret = take_line(plan, p, end - p, nr, why, why_len);
	}
	if (nr)
		return ret;
	snprintf(why, why_len, "empty");
	return -1;
}

int plan_parse(char *text, size_t len, struct plan *plan, char *why, size_t why_len)
{
	json_malloc_t old_malloc;
	json_free_t old_free;
	int ret;

	*plan = (struct plan){.variants = json_array()};
	json_get_alloc_funcs(&old_malloc, &old_free);
	json_set_alloc_funcs(malloc, wipe_and_free);
	ret = take_lines(plan, text, len, why, why_len);
	if (ret < 0)
		plan_free(plan);
	json_set_alloc_funcs(old_malloc, old_free);
	explicit_bzero(text, len);
	return ret;
}

int plan_read(const char *path, struct plan *plan, char *why, size_t why_len)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	*plan = (struct plan){0};
	if (!f) {
		snprintf(why, why_len, "open: %s", strerror(errno));
		return -1;
	}
	setbuf(f, NULL); /* the stream's buffer would keep a copy of the nonce */
	text = read_whole(f, &len, why, why_len);
	return text ? plan_parse(text, len, plan, why, why_len) : -1;
}
