// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "json_util.h"
#include "lock.h"
#include "matrix.h"
#include "pool.h"
#include "progress.h"
#include "provider.h"

static char *join_tags(const struct strv *tags)
{
	char *s = xstrdup("");

	for (size_t i = 0; i < tags->n; i++) {
		char *more = xasprintf("%s%s%s", s, i ? "," : "", tags->v[i]);

		free(s);
		s = more;
	}
	return s;
}

static int list_one(const struct kernel_spec *spec, json_t *all, struct err *err)
{
	_cleanup_free_ char *about = NULL, *tags = join_tags(&spec->tags);
	int cached = 0, ret = kernel_describe(spec, &about, &cached, err);

	if (ret < 0)
		return ret;
	if (!all) {
		printf("%-12s %-7s %-8s %-7s %s\n", spec->name, spec->provider,
		       spec->series ? spec->series : "-", cached ? "cached" : "-", about);
		printf("%-12s   tags: %s\n", "", *tags ? tags : "none");
		return 0;
	}
	return json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:s?, s:s, s:b, s:s}", "name",
						    spec->name, "provider", spec->provider, "arch",
						    spec->arch, "series", spec->series, "tags",
						    tags, "cached", cached, "about", about));
}

/* Where it is, once fetch_all() has put it there. */
static int get_one(const struct kernel_spec *spec, json_t *all, struct err *err)
{
	_cleanup_kernel_ struct kernel k = {0};
	int ret = kernel_get(spec, NULL, &k, err);

	if (ret < 0)
		return ret;
	if (!all) {
		printf("%-12s %s\n             image %s\n             sha256 %s\n", k.name,
		       k.origin ? k.origin : "", k.image, k.sha256);
		return 0;
	}
	return json_array_append_new(all,
				     json_pack("{s:s, s:s?, s:s?, s:s, s:s?, s:s}", "name", k.name,
					       "release", k.release, "origin", k.origin, "image",
					       k.image, "modules", k.modules, "sha256", k.sha256));
}

struct fetch {
	const struct matrix *m;
	const size_t *sel;
};

static int fetch_one(size_t i, struct progress *pg, int slots, void *arg)
{
	const struct fetch *f = arg;
	_cleanup_kernel_ struct kernel k = {0};
	struct err err = ERR_INIT;

	(void)slots; /* no machine is needed */
	if (kernel_get(&f->m->v[f->sel[i]], pg, &k, &err) == 0)
		return 0;
	progress_note(pg, "%s", err.msg);
	return STATUS_INFRA;
}

/* All at once, with progress; a kernel that cannot be had is dropped from @sel, and -EIO told. */
static int fetch_all(const struct matrix *m, size_t *sel, size_t *nsel, struct err *err)
{
	_cleanup_free_ struct pool_item *items = xcalloc(*nsel, sizeof(*items));
	_cleanup_free_ const char **names = xcalloc(*nsel, sizeof(*names));
	struct fetch f = {m, sel};
	size_t kept = 0;

	for (size_t i = 0; i < *nsel; i++)
		items[i].name = names[i] = m->v[sel[i]].name;
	struct display *display = display_new(stderr, names, *nsel);
	int ret = pool_run(items, *nsel, 0, fetch_one, &f, display, err);

	display_free(display);
	for (size_t i = 0; i < *nsel; i++)
		if (items[i].status == 0)
			sel[kept++] = sel[i];
	if (!ret && kept < *nsel)
		ret = err_set(err, ERR_INFRA, 0, "%zu of %zu kernels could not be had, see above",
			      *nsel - kept, *nsel);
	*nsel = kept;
	return ret;
}

static int drop_locks(const struct matrix *m, const size_t *sel, size_t nsel, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < nsel; i++)
		ret = lock_drop(&m->v[sel[i]], err);
	return ret;
}

typedef int kernel_fn(const struct kernel_spec *spec, json_t *all, struct err *err);

/*
 * Do @fn for the kernels named; one that cannot be had does not keep the others from being fetched.
 * The first failure decides what is returned.
 */
static int for_kernels(kernel_fn *fn, struct matrix *m, const size_t *sel, size_t nsel,
		       bool as_json, struct err *err)
{
	_cleanup_json_ json_t *all = as_json ? json_array() : NULL;
	int first = 0;

	for (size_t i = 0; i < nsel; i++) {
		struct err one = ERR_INIT;
		int ret = fn(&m->v[sel[i]], all, &one);

		if (ret < 0 && first == 0) {
			first = ret;
			*err = one;
		} else if (ret < 0) {
			fprintf(stderr, "sealmatrix: %s\n", one.msg);
		}
	}
	if (all) {
		json_dumpf(all, stdout, JSON_COMPACT);
		putchar('\n');
	}
	return first;
}

static int select_all(const struct matrix *m, size_t **sel, size_t *nsel)
{
	*sel = xcalloc(m->n, sizeof(**sel));
	*nsel = m->n;
	for (size_t i = 0; i < m->n; i++)
		(*sel)[i] = i;
	return 0;
}

struct arguments {
	bool json, update, listing;
};

static int parse(int argc, char **argv, struct arguments *a, struct err *err)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'J'}, {"update", no_argument, NULL, 'u'}, {0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'J')
			a->json = true;
		else if (c == 'u')
			a->update = true;
		else
			return usage_error(argv, err);
	}
	const char *verb = optind < argc ? argv[optind++] : "";

	a->listing = !strcmp(verb, "list");
	if (!a->listing && strcmp(verb, "get"))
		return err_set(err, ERR_USER, 0, "kernels takes list or get; see %s kernels --help",
			       program_name());
	return 0;
}

/* What can be had is printed even when another kernel could not be. */
static int get_all(const struct arguments *a, struct matrix *m, size_t *sel, size_t nsel,
		   struct err *err)
{
	struct err printing = ERR_INIT;
	int ret = a->update ? drop_locks(m, sel, nsel, err) : 0;

	if (ret < 0)
		return ret;
	ret = fetch_all(m, sel, &nsel, err);
	int printed = for_kernels(get_one, m, sel, nsel, a->json, ret ? &printing : err);

	return ret ? ret : printed;
}

static int run(int argc, char **argv, struct err *err)
{
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_free_ size_t *sel = NULL;
	struct arguments a = {0};
	size_t nsel;
	int ret = parse(argc, argv, &a, err);

	if (!ret)
		ret = matrix_open(&m, err);
	if (!ret)
		ret = a.listing && optind == argc
			      ? select_all(&m, &sel, &nsel)
			      : matrix_select(&m, argv + optind, argc - optind, &sel, &nsel, err);
	if (ret < 0)
		return ret;
	ret = a.listing ? for_kernels(list_one, &m, sel, nsel, a.json, err)
			: get_all(&a, &m, sel, nsel, err);
	return ret < 0 ? ret : STATUS_OK;
}

const struct command cmd_kernels = {
	.name = "kernels",
	.args = "list|get [--update] [--json] [KERNEL…]",
	.summary = "List the kernels of the matrix, or fetch and build them",
	.help = "KERNEL is a name, a series (6.1), a tag (default, seeded, lts), a range "
		"(5.10..6.1) or the\n"
		"path of a kernel image. list shows all without one, get takes the tag default.\n\n"
		"  --update   get: look for newer packages than those that were locked\n"
		"  --json     print one JSON array\n",
	.run = run,
};
