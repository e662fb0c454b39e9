// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "cmd.h"
#include "cmd_kernels.h"
#include "json_util.h"
#include "lock.h"
#include "matrix.h"
#include "near.h"
#include "pool.h"
#include "progress.h"
#include "provider.h"
#include "prune.h"
#include "size_text.h"

/* Bytes at @where: a cache entry, or a file of the user's. -1: who knows (a tree). */
static long long size_at(const char *where)
{
	long long entry = cache_size(where);
	struct stat st;

	if (entry)
		return entry;
	return stat(where, &st) == 0 && S_ISREG(st.st_mode) ? (long long)st.st_size : -1;
}

/* A kernel that cannot be had here is in the list all the same, with what would help. */
static int list_one(const struct kernel_spec *spec, json_t *all, struct err *err)
{
	_cleanup_free_ char *about = NULL, *where = NULL, *tags = strv_join(&spec->tags, " ");
	struct err missing = ERR_INIT;
	int ret = kernel_describe(spec, &about, &where, &missing);
	bool available = ret != KERNEL_NOT_AVAILABLE;

	if (ret < 0 && available) {
		*err = missing;
		return ret;
	}
	long long bytes = where ? size_at(where) : -1;
	char size[SIZE_TEXT] = "-";

	if (bytes >= 0)
		size_text(bytes, size);
	if (!all) {
		printf("%-15s %-8s %-7s %-13s %9s  %s\n", spec->name, spec->provider,
		       spec->series ? spec->series : "-",
		       where	   ? "cached"
		       : available ? "to be got"
				   : "not available",
		       size, about);
		printf("%-15s   tags: %s\n", "", *tags ? tags : "none");
		if (!available)
			printf("%-15s   %s\n", "", missing.msg);
		return 0;
	}
	json_t *o = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:b, s:b, s:s, s:s?, s:s?}", "name",
			      spec->name, "provider", spec->provider, "arch", spec->arch, "series",
			      spec->series, "tags", tags, "cached", where != NULL, "available",
			      available, "about", about, "where", where, "why",
			      available ? NULL : missing.msg);

	if (bytes >= 0)
		json_object_set_new(o, "bytes", json_integer(bytes));
	return json_array_append_new(all, o);
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
	bool update;
};

/* Something newer than what it is locked to; where that cannot be had, what worked goes on to. */
static int get_newer(const struct kernel_spec *spec, struct progress *pg, struct kernel *k,
		     struct err *err)
{
	_cleanup_json_ json_t *old = lock_read(spec);
	struct err second = ERR_INIT;
	int ret = lock_drop(spec, err);

	if (!ret)
		ret = kernel_get(spec, pg, k, err);
	if (ret < 0 && old && lock_write(spec, old, &second) < 0)
		progress_note(pg, "%s", second.msg);
	return ret;
}

static int fetch_one(size_t i, struct progress *pg, int slots, void *arg)
{
	const struct fetch *f = arg;
	_cleanup_kernel_ struct kernel k = {0};
	struct err err = ERR_INIT;

	(void)slots; /* no machine is needed */
	if ((f->update ? get_newer : kernel_get)(&f->m->v[f->sel[i]], pg, &k, &err) == 0)
		return 0;
	progress_note(pg, "%s", err.msg);
	return err.kind == ERR_USER ? STATUS_USAGE : STATUS_INFRA;
}

/* All at once, with progress; a kernel that cannot be had is dropped from @sel, and told. */
static int fetch_all(const struct matrix *m, size_t *sel, size_t *nsel, bool update,
		     struct err *err)
{
	_cleanup_free_ struct pool_item *items = xcalloc(*nsel, sizeof(*items));
	_cleanup_free_ const char **names = xcalloc(*nsel, sizeof(*names));
	struct fetch f = {m, sel, update};
	enum err_kind kind = ERR_INFRA;
	size_t kept = 0;

	for (size_t i = 0; i < *nsel; i++)
		items[i].name = names[i] = m->v[sel[i]].name;
	struct display *display = display_new(stderr, names, *nsel);
	int ret = pool_run(items, *nsel, 0, fetch_one, &f, display, err);

	display_free(display);
	for (size_t i = 0; i < *nsel; i++) {
		if (items[i].status == 0)
			sel[kept++] = sel[i];
		else if (WIFEXITED(items[i].status) && WEXITSTATUS(items[i].status) == STATUS_USAGE)
			kind = ERR_USER; /* one slip is enough to be mended first */
	}
	if (!ret && kept < *nsel)
		ret = err_set(err, kind, 0, "%zu of %zu kernels could not be had, see above",
			      *nsel - kept, *nsel);
	*nsel = kept;
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

struct arguments {
	bool json, update, dry_run;
	const char *name, *modules;
	struct strv kernels; /* paths that were given with --kernel */
};

static void arguments_free(struct arguments *a)
{
	strv_free(&a->kernels);
}

/* What can be had is printed even when another kernel could not be. */
static int verb_get(const struct arguments *a, struct matrix *m, size_t *sel, size_t nsel,
		    struct err *err)
{
	struct err printing = ERR_INIT;
	int ret = fetch_all(m, sel, &nsel, a->update, err);
	int printed = for_kernels(get_one, m, sel, nsel, a->json, ret ? &printing : err);

	return ret ? ret : printed;
}

static int verb_build(const struct arguments *a, struct matrix *m, size_t *sel, size_t nsel,
		      struct err *err)
{
	for (size_t i = 0; i < nsel; i++) {
		const struct kernel_spec *spec = &m->v[sel[i]];

		if (!strcmp(spec->provider, "source"))
			continue;
		if (spec->word && access(spec->word, F_OK) < 0)
			return err_set(err, ERR_USER, errno, "open %s", spec->word);
		return err_set(err, ERR_USER, 0,
			       "%s is no kernel that is built here; `kernels get %s` fetches it",
			       spec->name, spec->word ? spec->word : spec->name);
	}
	return verb_get(a, m, sel, nsel, err);
}

static int verb_list(const struct arguments *a, struct matrix *m, size_t *sel, size_t nsel,
		     struct err *err)
{
	return for_kernels(list_one, m, sel, nsel, a->json, err);
}

static int verb_why(const struct arguments *a, struct matrix *m, size_t *sel, size_t nsel,
		    struct err *err)
{
	return for_kernels(kernels_why, m, sel, nsel, a->json, err);
}

static int verb_prune(const struct arguments *a, struct matrix *m, size_t *sel, size_t nsel,
		      struct err *err)
{
	struct prune_result res;
	char size[SIZE_TEXT];
	/* What `mutants` built took long, and is needed the next time. */
	int ret = matrix_add_all_faults(m, err);

	if (!ret)
		ret = prune_cache(m, a->dry_run, stdout, &res, err);

	(void)sel, (void)nsel;
	if (ret < 0)
		return ret;
	printf("%s %zu, %s\n", a->dry_run ? "would remove" : "removed", res.n,
	       size_text(res.bytes, size));
	return 0;
}

/* @words are one path. */
static int verb_add(const struct arguments *a, struct matrix *m, char **words, size_t n,
		    struct err *err)
{
	if (n != 1)
		return err_set(err, ERR_USER, 0, "kernels add takes one path");
	return kernels_add(m, words[0], a->name, a->modules, err);
}

enum takes { NO_KERNELS, DEFAULT_KERNELS, ALL_KERNELS, SOME_KERNELS };

static const struct verb {
	const char *name;
	int (*fn)(const struct arguments *a, struct matrix *m, size_t *sel, size_t nsel,
		  struct err *err);
	enum takes takes; /* what it does without a word */
} verbs[] = {
	{"list", verb_list, ALL_KERNELS},    {"get", verb_get, DEFAULT_KERNELS},
	{"build", verb_build, SOME_KERNELS}, {"why", verb_why, SOME_KERNELS},
	{"prune", verb_prune, NO_KERNELS},   {"add", NULL, SOME_KERNELS},
};

#define NVERBS (sizeof(verbs) / sizeof(*verbs))

static int find_verb(const char *name, const struct verb **verb, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};

	for (size_t i = 0; i < NVERBS; i++) {
		if (!strcmp(verbs[i].name, name)) {
			*verb = &verbs[i];
			return 0;
		}
		strv_add(&names, verbs[i].name);
	}
	_cleanup_free_ char *near = near_matches(name, &names);

	return err_set(err, ERR_USER, 0,
		       "kernels takes list, get, build, add, why or prune%s%s%s; see %s kernels "
		       "--help",
		       near ? ", did you mean " : "", near ? near : "", near ? "?" : "",
		       program_name());
}

static int parse(int argc, char **argv, struct arguments *a, const struct verb **verb,
		 struct err *err)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'J'},
						{"update", no_argument, NULL, 'u'},
						{"dry-run", no_argument, NULL, 'n'},
						{"kernel", required_argument, NULL, 'k'},
						{"name", required_argument, NULL, 'N'},
						{"modules", required_argument, NULL, 'm'},
						{0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'J')
			a->json = true;
		else if (c == 'u')
			a->update = true;
		else if (c == 'n')
			a->dry_run = true;
		else if (c == 'k')
			kernel_path(&a->kernels, optarg);
		else if (c == 'N')
			a->name = optarg;
		else if (c == 'm')
			a->modules = optarg;
		else
			return usage_error(argv, err);
	}
	return find_verb(optind < argc ? argv[optind++] : "", verb, err);
}

static int choose(const struct verb *verb, struct matrix *m, const struct strv *words, size_t **sel,
		  size_t *nsel, struct err *err)
{
	if (words->n && verb->takes == NO_KERNELS)
		return err_set(err, ERR_USER, 0, "kernels %s takes no '%s'", verb->name,
			       words->v[0]);
	if (!words->n && verb->takes == SOME_KERNELS)
		return err_set(err, ERR_USER, 0, "kernels %s: which one?", verb->name);
	if (words->n || verb->takes == DEFAULT_KERNELS)
		return matrix_select(m, words->v, words->n, sel, nsel, err);
	*sel = xcalloc(m->n, sizeof(**sel));
	for (*nsel = 0; *nsel < m->n; (*nsel)++)
		(*sel)[*nsel] = *nsel;
	return 0;
}

static int run(int argc, char **argv, struct err *err)
{
	_cleanup_(arguments_free) struct arguments a = {0};
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_free_ size_t *sel = NULL;
	const struct verb *verb = NULL;
	size_t nsel;
	int ret = parse(argc, argv, &a, &verb, err);

	if (!ret)
		ret = matrix_open(&m, err);
	for (int i = optind; !ret && i < argc; i++)
		strv_add(&a.kernels, argv[i]);
	if (!ret && !verb->fn)
		return verb_add(&a, &m, a.kernels.v, a.kernels.n, err);
	if (!ret)
		ret = choose(verb, &m, &a.kernels, &sel, &nsel, err);
	if (!ret)
		ret = verb->fn(&a, &m, sel, nsel, err);
	return ret < 0 ? ret : STATUS_OK;
}

const struct command cmd_kernels = {
	.name = "kernels",
	.args = "list|get|build|add|why|prune [OPTION…] [KERNEL…]",
	.summary = "List the kernels of the matrix, fetch and build them, add your own",
	.help = "KERNEL is a name, a series (6.1), a tag (default, seeded, lts), a range "
		"(5.10..6.1) or a path:\n"
		"an image, a .deb or .rpm, a built tree, or a source (a tree, a tarball, a "
		".dsc).\n\n"
		"  list     what there is, where from, whether it is cached and how large; all "
		"without a KERNEL\n"
		"  get      fetch or build; the tag default without a KERNEL\n"
		"  build    the same of kernels that are built here\n"
		"  add      register the kernel at a path in your own matrix\n"
		"           (~/.config/sealmatrix/matrix.conf), after a look whether it is one\n"
		"  why      where a kernel comes from, what it supported when it was last booted, "
		"what is\n"
		"           known about it\n"
		"  prune    remove from the cache what no kernel of the matrix is made of, with or "
		"without a\n"
		"           seeded fault, and leftovers; what was built stays while a source is "
		"away\n\n"
		"  --update        get: look for newer packages than those that were locked, and "
		"keep\n"
		"                  to those where there are none\n"
		"  --name NAME     add: what to call it\n"
		"  --modules DIR   add: the directory that holds lib/modules/RELEASE\n"
		"  --dry-run       prune: only say what would be removed\n"
		"  --kernel PATH   the same as naming a path\n"
		"  --json          list, get, build, why: print one JSON array\n",
	.run = run,
};
