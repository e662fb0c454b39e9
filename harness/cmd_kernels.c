// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "json_util.h"
#include "matrix.h"
#include "paths.h"
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

static int get_one(const struct kernel_spec *spec, json_t *all, struct err *err)
{
	_cleanup_kernel_ struct kernel k = {0};
	struct progress pg = {.fd = -1, .kernel = spec->name};
	int ret = kernel_get(spec, &pg, &k, err);

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

static int run(int argc, char **argv, struct err *err)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'J'}, {0}};
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_free_ char *path = paths_data("kernels/matrix.conf");
	_cleanup_free_ size_t *sel = NULL;
	bool as_json = false;
	size_t nsel;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'J')
			return usage_error(argv, err);
		as_json = true;
	}
	const char *verb = optind < argc ? argv[optind++] : "";
	bool listing = !strcmp(verb, "list");

	if (!listing && strcmp(verb, "get"))
		return err_set(err, ERR_USER, 0, "kernels takes list or get; see %s kernels --help",
			       program_name());
	int ret = matrix_load(path, &m, err);

	if (!ret)
		ret = listing && optind == argc
			      ? select_all(&m, &sel, &nsel)
			      : matrix_select(&m, argv + optind, argc - optind, &sel, &nsel, err);
	if (!ret)
		ret = for_kernels(listing ? list_one : get_one, &m, sel, nsel, as_json, err);
	return ret < 0 ? ret : STATUS_OK;
}

const struct command cmd_kernels = {
	.name = "kernels",
	.args = "list|get [--json] [KERNEL…]",
	.summary = "List the kernels of the matrix, or fetch and build them",
	.help = "KERNEL is a name, a series (6.1), a tag (default, seeded, lts), a range "
		"(5.10..6.1) or the\n"
		"path of a kernel image. list shows all without one, get takes the tag default.\n\n"
		"  --json   print one JSON array\n",
	.run = run,
};
