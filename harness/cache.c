// SPDX-License-Identifier: GPL-2.0-or-later
#include "cache.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "hash.h"
#include "publish.h"
#include "sig.h"
#include "xalloc.h"

#define MANIFEST "MANIFEST"
#define HOLES	 "data:" /* before a digest: it is hash_data()'s */
#define SUM_MAX	 (sizeof(HOLES) + SHA256_HEX)

/* Shared by all users of the cache; open as long as this process lives. */
static int use_fd = -1;

static int hold(const char *dir, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/use.lock", dir);

	use_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (use_fd < 0 && (errno == EROFS || errno == EACCES))
		return 0; /* nobody prunes what cannot be written to */
	if (use_fd < 0 || sig_flock(use_fd, LOCK_SH) < 0)
		return err_set(err, ERR_INFRA, errno, "lock %s", path);
	return 0;
}

const char *cache_root(struct err *err)
{
	static char *root;
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (root)
		return root;
	/* The specification says that a relative path is to be ignored. */
	_cleanup_free_ char *path = xdg && *xdg == '/'	   ? xasprintf("%s/sealmatrix", xdg)
				    : home && *home == '/' ? xasprintf("%s/.cache/sealmatrix", home)
							   : NULL;

	if (!path) {
		err_set(err, ERR_USER, 0, "no place for the cache: set HOME or XDG_CACHE_HOME");
		return NULL;
	}
	if (make_dirs(path, err) < 0 || hold(path, err) < 0)
		return NULL;
	root = steal_ptr(path);
	return root;
}

int cache_alone(struct err *err)
{
	if (!cache_root(err))
		return -EINVAL;
	if (flock(use_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return err_set(err, ERR_INFRA, errno == EWOULDBLOCK ? EBUSY : errno,
		       "the cache is in use by another sealmatrix");
}

/* nftw() has no argument for its callback. Single-threaded, set for the length of one walk. */
static struct {
	FILE *out;
	size_t prefix;
	struct err *err;
} walk;

static int manifest_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	bool holes = (intmax_t)st->st_blocks * 512 < (intmax_t)st->st_size;
	char hex[SHA256_HEX];

	(void)ftw;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	if ((holes ? hash_data : hash_file)(path, hex, walk.err) < 0)
		return -1;
	fprintf(walk.out, "%s%s %jd %s\n", holes ? HOLES : "", hex, (intmax_t)st->st_size,
		path + walk.prefix);
	return 0;
}

static int write_manifest(const char *dir, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/" MANIFEST, dir);
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	_cleanup_fclose_ FILE *mem = open_memstream(&text, &len);

	if (!mem)
		return err_set(err, ERR_INFRA, errno, "list %s", dir);
	walk.out = mem;
	walk.prefix = strlen(dir) + 1;
	walk.err = err;
	if (nftw(dir, manifest_one, 16, FTW_PHYS) < 0)
		return err_set(err, ERR_INFRA, errno, "list %s", dir);
	fputs("end\n", mem); /* a cut-off manifest must not look whole */
	if (fclose(steal_ptr(mem)) == EOF)
		return err_set(err, ERR_INFRA, errno, "list %s", dir);
	return publish_buffer(path, text, len, err);
}

/* @sum is the manifest's. */
static bool has_sum(const char *path, const char *sum)
{
	size_t mark = strncmp(sum, HOLES, strlen(HOLES)) ? 0 : strlen(HOLES);
	struct err ignored = ERR_INIT;
	char now[SHA256_HEX];

	return (mark ? hash_data : hash_file)(path, now, &ignored) == 0 && !strcmp(now, sum + mark);
}

/*
 * Walk the manifest of @entry. @rel NULL: are all files there with their sizes? Otherwise: does
 * @rel's content have its digest? 1 yes, 0 no.
 */
static int manifest_holds(const char *entry, const char *rel)
{
	struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = xasprintf("%s/" MANIFEST, entry);
	_cleanup_free_ char *text = NULL;
	char *save = NULL, *last = NULL;

	if (read_file(path, 64 << 20, &text, NULL, &ignored) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char sum[SUM_MAX];
		intmax_t size;
		int name = 0;
		struct stat st;

		last = line;
		if (sscanf(line, "%69s %jd %n", sum, &size, &name) < 2 || !name)
			continue;
		_cleanup_free_ char *file = xasprintf("%s/%s", entry, line + name);

		if (rel && strcmp(rel, line + name))
			continue;
		if (lstat(file, &st) < 0 || st.st_size != size)
			return 0;
		if (rel)
			return has_sum(file, sum);
	}
	return !rel && last && !strcmp(last, "end");
}

char *cache_path(const char *kind, const char *key)
{
	struct err ignored = ERR_INIT;
	const char *root = cache_root(&ignored);

	return root ? xasprintf("%s/%s/%s", root, kind, key) : NULL;
}

int cache_has(const char *kind, const char *key)
{
	_cleanup_free_ char *entry = cache_find(kind, key);

	return entry != NULL;
}

char *cache_find(const char *kind, const char *key)
{
	_cleanup_free_ char *entry = cache_path(kind, key);

	return entry && manifest_holds(entry, NULL) ? steal_ptr(entry) : NULL;
}

long long cache_size(const char *entry)
{
	struct err ignored = ERR_INIT;
	_cleanup_free_ char *path = xasprintf("%s/" MANIFEST, entry), *text = NULL;
	char *save = NULL;
	long long sum = 0;

	if (read_file(path, 64 << 20, &text, NULL, &ignored) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		intmax_t size;

		if (sscanf(line, "%*64s %jd", &size) == 1)
			sum += size;
	}
	return sum;
}

int cache_check(const char *entry, const char *rel, struct err *err)
{
	if (manifest_holds(entry, rel))
		return 0;
	struct err ignored = ERR_INIT;

	remove_tree(entry, &ignored);
	return err_set(err, ERR_INFRA, 0,
		       "%s/%s is damaged; the cache entry was removed, run again to make it anew",
		       entry, rel);
}

static int lock_entry(const char *entry, int *fd, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s.lock", entry);

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (*fd < 0)
		return err_set(err, ERR_INFRA, errno, "open lock %s", path);
	if (sig_flock(*fd, LOCK_EX) == 0)
		return 0;
	if (errno == EINTR)
		return err_set(err, ERR_INFRA, EINTR, "wait for another sealmatrix to make %s",
			       entry);
	return err_set(err, ERR_INFRA, errno, "lock %s", path);
}

bool cache_is_being_made(const char *kind, const char *key)
{
	_cleanup_free_ char *entry = cache_path(kind, key);
	_cleanup_free_ char *path = entry ? xasprintf("%s.lock", entry) : NULL;
	_cleanup_close_ int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	return fd >= 0 && !manifest_holds(entry, NULL) && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static int fill_entry(const char *entry, cache_fill_fn *fill, void *arg, struct err *err)
{
	_cleanup_free_ char *tmp = xasprintf("%s.tmp", entry);
	struct err ignored = ERR_INIT;

	/* We hold the lock: what is there now is the remains of a run that was killed. */
	int ret = remove_tree(tmp, err);

	if (!ret)
		ret = remove_tree(entry, err);
	if (!ret)
		ret = make_dirs(tmp, err);
	if (!ret)
		ret = fill(tmp, arg, err);
	if (!ret)
		ret = write_manifest(tmp, err);
	if (!ret && rename(tmp, entry) < 0)
		ret = err_set(err, ERR_INFRA, errno, "rename %s to %s", tmp, entry);
	if (ret < 0)
		remove_tree(tmp, &ignored);
	return ret;
}

int cache_get(const char *kind, const char *key, cache_fill_fn *fill, void *arg, char **path,
	      struct err *err)
{
	const char *root = cache_root(err);

	if (!root)
		return -EINVAL;
	_cleanup_free_ char *entry = xasprintf("%s/%s/%s", root, kind, key);
	_cleanup_free_ char *dir = xasprintf("%s/%s", root, kind);

	if (!manifest_holds(entry, NULL)) {
		_cleanup_close_ int lock = -1;
		int ret = make_dirs(dir, err);

		if (!ret)
			ret = lock_entry(entry, &lock, err);
		/* Somebody else may have made it while we waited for the lock. */
		if (!ret && !manifest_holds(entry, NULL))
			ret = fill_entry(entry, fill, arg, err);
		if (ret < 0)
			return ret;
	}
	*path = steal_ptr(entry);
	return 0;
}
