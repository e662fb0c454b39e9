// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernels built here, small, with patches of our own. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "build.h"
#include "cache.h"
#include "cleanup.h"
#include "hash.h"
#include "kconfig.h"
#include "packages.h"
#include "paths.h"
#include "provider.h"
#include "publish.h"
#include "sig.h"
#include "source.h"

#define BUILD_FORMAT "build 2" /* of the cache entries: what build.c tells make */

/* A kernel to be made: what of, and the keys of what comes out. */
struct job {
	struct build build;
	struct source source;
	char objects[SHA256_HEX], kernel[SHA256_HEX];
	struct progress *pg;
};

static void job_free(struct job *j)
{
	strv_free(&j->build.fragments);
	strv_free(&j->build.patches);
	workarounds_free(&j->build.workarounds);
	source_free(&j->source);
}

#define _cleanup_job_ _cleanup_(job_free)

/* Configuration fragments and patches by the words of the matrix, as files. */
static int add_files(const struct kernel_spec *spec, const char *key, struct strv *files,
		     struct err *err)
{
	_cleanup_strv_ struct strv words = {0};
	const char *value = spec_get(spec, key);
	/* What is built without a word about it is the smallest that will do. */
	_cleanup_free_ char *usual = xasprintf("config/base.config config/%s.config", spec->arch);

	if (!value && !strcmp(key, "config"))
		value = usual;
	strv_split(&words, value ? value : "", " \t\n");
	for (size_t i = 0; i < words.n; i++) {
		_cleanup_free_ char *rel = xasprintf("kernels/%s", words.v[i]);
		_cleanup_free_ char *path =
			*words.v[i] == '/' ? xstrdup(words.v[i]) : paths_data(rel);

		if (access(path, R_OK) < 0)
			return err_set(err, ERR_USER, errno, "its entry in the matrix names %s",
				       path);
		strv_add(files, path);
	}
	return 0;
}

static int read_spec(const struct kernel_spec *spec, struct build *b, struct err *err)
{
	const char *release = spec_get(spec, "release");
	int ret = add_files(spec, "config", &b->fragments, err);

	if (!ret)
		ret = add_files(spec, "patches", &b->patches, err);
	b->name = spec->name;
	b->arch = spec->arch;
	b->release = release ? release : "sealmatrix";
	return ret;
}

/* A comment in a fragment changes no kernel, and there are dozens that are built from it. */
static int add_fragments(struct hash_key *k, const struct strv *fragments, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; !ret && i < fragments->n; i++) {
		_cleanup_free_ char *said = NULL;

		ret = kconfig_said(fragments->v[i], &said, err);
		hash_key_add(k, said ? said : "");
	}
	return ret;
}

/* The digest of all that @fragments say and @files hold, after what @first stands for. */
static int key_of(const char *const first[], const struct strv *fragments, const struct strv *files,
		  char hex[SHA256_HEX], struct err *err)
{
	struct hash_key *k = hash_key_new();
	int ret = 0;

	hash_key_add(k, BUILD_FORMAT);
	for (size_t i = 0; first[i]; i++)
		hash_key_add(k, first[i]);
	ret = add_fragments(k, fragments, err);
	for (size_t i = 0; !ret && i < files->n; i++)
		ret = hash_key_add_file(k, files->v[i], err);
	hash_key_end(k, hex);
	return ret;
}

/* What the old among kernels need beside their own configuration. */
static int find_workarounds(struct job *j, const char *series, const char *compiler,
			    struct err *err)
{
	_cleanup_free_ char *path = paths_data("kernels/workarounds.conf");
	_cleanup_free_ char *own = series ? xstrdup(series) : source_series(&j->source);

	return workarounds_load(path, own, compiler, &j->build.workarounds, err);
}

/* All that a workaround changes; "" without one, so that others' keys stay as they were. */
static char *workaround_text(const struct workarounds *w)
{
	_cleanup_free_ char *names = strv_join(&w->names, " "), *vars = strv_join(&w->make, " ");

	if (!w->names.n)
		return xstrdup("");
	return xasprintf("%s cc %s ld %s kcflags %s hostcflags %s make %s", names,
			 w->cc ? w->cc : "", w->ld ? w->ld : "", w->kcflags ? w->kcflags : "",
			 w->hostcflags ? w->hostcflags : "", vars);
}

static int make_keys(struct job *j, const char *series, struct err *err)
{
	const struct build *b = &j->build;
	_cleanup_free_ char *compiler = NULL;
	int ret = build_compiler(&compiler, err);

	if (!ret)
		ret = find_workarounds(j, series, compiler, err);
	if (ret < 0)
		return ret;
	_cleanup_free_ char *old = workaround_text(&j->build.workarounds);
	const char *const tree[] = {j->source.key, compiler, j->build.arch, *old ? old : NULL,
				    NULL};

	ret = key_of(tree, &b->fragments, &b->workarounds.patches, j->objects, err);
	if (ret < 0)
		return ret;
	const char *const change[] = {j->objects, b->release, NULL};
	const struct strv none = {0};

	return key_of(change, &none, &b->patches, j->kernel, err);
}

/* Held until the descriptor is closed; the kernel does that for a process that is killed. */
static int lock_work(const char *work, struct progress *pg, int *fd, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s.lock", work);

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (*fd < 0)
		return err_set(err, ERR_INFRA, errno, "open lock %s", path);
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	progress_state(pg, "waiting for another build of this tree");
	if (sig_flock(*fd, LOCK_EX) == 0)
		return 0;
	if (errno == EINTR)
		return err_set(err, ERR_INFRA, EINTR, "wait for another build of this tree");
	return err_set(err, ERR_INFRA, errno, "lock %s", path);
}

struct from_tree {
	struct job *job;
	const char *tree;
};

/* Entry: out/, what make leaves of the tree as it is, without patches. */
static int fill_objects(const char *dir, void *arg, struct err *err)
{
	const struct from_tree *f = arg;

	return build_objects(&f->job->build, f->tree, dir, f->job->pg, err);
}

/*
 * Kernels that differ in their patches start from the same object files, so that only what a patch
 * touches is compiled. One at a time: the path of the work is part of what make compares.
 */
static int build_from_objects(struct job *j, const char *tree, const char *root, const char *dir,
			      struct err *err)
{
	_cleanup_free_ char *works = xasprintf("%s/work", root);
	_cleanup_free_ char *work = xasprintf("%s/%s", works, j->objects);
	_cleanup_free_ char *entry = NULL;
	_cleanup_close_ int lock = -1;
	struct from_tree f = {j, tree};
	int ret = make_dirs(works, err);

	if (!ret)
		ret = lock_work(work, j->pg, &lock, err);
	if (ret < 0)
		return ret;
	j->build.work = work;
	j->build.lock = lock;
	ret = cache_get("objects", j->objects, fill_objects, &f, &entry, err);
	if (!ret) {
		_cleanup_free_ char *out = xasprintf("%s/out", entry);

		ret = build_kernel(&j->build, tree, out, dir, j->pg, err);
	}
	j->build.work = NULL;
	j->build.lock = 0;
	return ret;
}

/* Entry: vmlinuz, config, System.map, vmlinux. */
static int fill_kernel(const char *dir, void *arg, struct err *err)
{
	struct job *j = arg;
	_cleanup_free_ char *tree = NULL;
	const char *root = cache_root(err);
	int ret = root ? build_check_tools(err) : -EINVAL;

	if (!ret)
		ret = source_tree(&j->source, j->pg, &tree, err);
	if (ret < 0)
		return ret;
	if (build_path_ok(root))
		return build_from_objects(j, tree, root, dir, err);
	return build_kernel(&j->build, tree, NULL, dir, j->pg, err);
}

static int get(const struct kernel_spec *spec, struct progress *pg, struct kernel *out,
	       struct err *err)
{
	_cleanup_job_ struct job j = {.pg = pg};
	int ret = read_spec(spec, &j.build, err);

	if (!ret)
		ret = source_resolve(spec, true, pg, &j.source, err);
	if (!ret)
		ret = make_keys(&j, spec->series, err);
	if (!ret && cache_is_being_made("kernel", j.kernel))
		progress_state(pg, "waiting for another sealmatrix that builds it");
	if (!ret)
		ret = cache_get("kernel", j.kernel, fill_kernel, &j, &out->entry, err);
	if (ret < 0)
		return ret;
	_cleanup_free_ char *origin = source_origin(spec, &j.source);
	const struct strv *patches = &j.build.patches;

	out->image = xasprintf("%s/vmlinuz", out->entry);
	out->config = xasprintf("%s/config", out->entry);
	out->version = source_version(&j.source);
	_cleanup_free_ char *old = strv_join(&j.build.workarounds.names, ", ");

	out->origin = xasprintf("built from %s%s%s%s%s", origin, patches->n ? " with " : "",
				patches->n ? strrchr(patches->v[0], '/') + 1 : "",
				*old ? "; workarounds: " : "", old);
	return image_release(out->image, spec->arch, &out->release, err);
}

static int describe(const struct kernel_spec *spec, char **about, char **where, struct err *err)
{
	_cleanup_job_ struct job j = {0};
	const char *patches = spec_get(spec, "patches");
	struct err ignored = ERR_INIT;
	int ret = read_spec(spec, &j.build, err);

	if (!ret)
		ret = source_resolve(spec, false, NULL, &j.source, err);
	_cleanup_free_ char *origin = source_origin(spec, &j.source);

	*about = xasprintf("built from %s%s%s", origin, patches ? " with " : "",
			   patches ? patches : "");
	/* Without a compiler there is no saying which kernel would be meant. */
	if (!ret && *j.source.key && make_keys(&j, spec->series, &ignored) == 0)
		*where = cache_find("kernel", j.kernel);
	return !ret && !*j.source.key ? packages_possible(spec, err) : ret;
}

/* The kernel, what it is made from, and what others like it would start from. */
static int uses(const struct kernel_spec *spec, struct strv *entries, struct err *err)
{
	_cleanup_job_ struct job j = {0};
	int ret = read_spec(spec, &j.build, err);

	if (!ret)
		ret = source_resolve(spec, false, NULL, &j.source, err);
	if (!ret && !*j.source.key)
		return 0; /* never resolved, so nothing was made of it */
	if (!ret)
		ret = make_keys(&j, spec->series, err);
	if (ret < 0)
		return ret;
	const char *const all[][2] = {
		{"kernel", j.kernel}, {"objects", j.objects}, {"source", j.source.key}};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		_cleanup_free_ char *path = cache_path(all[i][0], all[i][1]);

		if (path)
			strv_add(entries, path);
	}
	return 0;
}

const struct provider provider_source = {
	.name = "source", .get = get, .describe = describe, .uses = uses};
