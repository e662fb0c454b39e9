// SPDX-License-Identifier: GPL-2.0-or-later
#include "apt.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apt_state.h"
#include "cleanup.h"
#include "hash.h"
#include "proc.h"

static const struct proc_opts apt_opts = {.env = apt_env};

void apt_package_free(struct apt_package *p)
{
	free(p->name);
	free(p->version);
	free(p->suite);
	free(p->sha256);
	strv_free(&p->depends);
	*p = (struct apt_package){0};
}

/* One of the patterns matches, and none of those with a '!'. */
static bool version_matches(const char *patterns, const char *version)
{
	_cleanup_strv_ struct strv list = {0};
	bool any = true, hit = false;

	strv_split(&list, patterns ? patterns : "", " \t\n");
	for (size_t i = 0; i < list.n; i++) {
		const char *p = list.v[i];

		if (*p == '!' && !fnmatch(p + 1, version, 0))
			return false;
		if (*p == '!')
			continue;
		any = false;
		hit |= !fnmatch(p, version, 0);
	}
	return any || hit;
}

static int is_newer(const char *a, const char *b, bool *newer, struct err *err)
{
	/* dpkg's status 1 is the answer "no"; anything above is a failure, and stays one. */
	static char script[] =
		"dpkg --compare-versions \"$1\" gt \"$2\" && echo yes || test $? = 1";
	char *argv[] = {"sh", "-c", script, "sh", (char *)a, (char *)b, NULL};
	_cleanup_free_ char *answer = NULL;
	int ret = proc_capture(argv, NULL, &answer, err);

	if (ret < 0)
		err_context(err, "compare the versions %s and %s", a, b);
	else
		*newer = !strcmp(answer, "yes\n");
	return ret;
}

static char *field(const char *line, const char *name)
{
	size_t n = strlen(name);

	return strncmp(line, name, n) || line[n] != ':'
		       ? NULL
		       : xstrdup(line + n + 1 + strspn(line + n + 1, " "));
}

/* "a (= 1), b | c" as the names a, b, c. */
static void split_depends(const char *text, struct strv *out)
{
	_cleanup_strv_ struct strv parts = {0};

	strv_split(&parts, text, ",|");
	for (size_t i = 0; i < parts.n; i++) {
		const char *s = parts.v[i] + strspn(parts.v[i], " ");

		strv_addf(out, "%.*s", (int)strcspn(s, " (:"), s);
	}
}

static void take_line(struct apt_package *p, const char *line)
{
	const struct {
		const char *name;
		char **to;
	} fields[] = {{"Package", &p->name}, {"Version", &p->version}, {"SHA256", &p->sha256}};
	_cleanup_free_ char *depends = field(line, "Depends");

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		char *value = field(line, fields[i].name);

		if (!value)
			continue;
		free(*fields[i].to);
		*fields[i].to = value;
	}
	if (depends)
		split_depends(depends, &p->depends);
}

/* Keep the newer of *best and @p, which is emptied. */
static int consider(struct apt_package *best, struct apt_package *p, const char *version,
		    const char *suite, struct err *err)
{
	_cleanup_apt_package_ struct apt_package own = *p;
	bool newer = true;
	int ret = 0;

	*p = (struct apt_package){0};
	if (!own.name || !own.version || !own.sha256 || !version_matches(version, own.version))
		return 0;
	if (best->name)
		ret = is_newer(own.version, best->version, &newer, err);
	if (ret < 0 || !newer)
		return ret;
	apt_package_free(best);
	*best = own;
	best->suite = xstrdup(suite);
	own = (struct apt_package){0};
	return 0;
}

/* Names of this suite's packages that match. */
static int list_names(const char *suite, const char *pattern, struct strv *names, struct err *err)
{
	_cleanup_strv_ struct strv argv = {0};
	_cleanup_free_ char *out = NULL;
	/* pkgnames takes a prefix: what stands before the first special character. */
	_cleanup_free_ char *prefix = xstrndup(pattern, strcspn(pattern, "*?["));
	int ret = apt_state_argv(suite, "apt-cache", &argv, err);

	if (ret < 0)
		return ret;
	strv_add(&argv, "pkgnames");
	strv_add(&argv, prefix);
	ret = proc_capture(argv.v, &apt_opts, &out, err);
	for (char *rest = out, *line; !ret && (line = strsep(&rest, "\n"));)
		if (*line && !fnmatch(pattern, line, 0))
			strv_add(names, line);
	return ret;
}

static int find_in(const char *suite, const char *name, const char *version,
		   struct apt_package *best, struct err *err)
{
	_cleanup_strv_ struct strv names = {0}, argv = {0};
	_cleanup_apt_package_ struct apt_package p = {0};
	_cleanup_free_ char *out = NULL;
	int ret = list_names(suite, name, &names, err);

	if (ret < 0 || !names.n)
		return ret;
	ret = apt_state_argv(suite, "apt-cache", &argv, err);
	strv_add(&argv, "show");
	for (size_t i = 0; i < names.n; i++)
		strv_add(&argv, names.v[i]);
	if (!ret)
		ret = proc_capture(argv.v, &apt_opts, &out, err);
	for (char *rest = out, *line; !ret && (line = strsep(&rest, "\n"));) {
		if (*line)
			take_line(&p, line);
		if (!*line || !rest)
			ret = consider(best, &p, version, suite, err);
	}
	return ret;
}

int apt_check_past(const struct strv *suites, const char *name, struct err *err)
{
	const char *address = getenv("SEALMATRIX_SNAPSHOT");

	for (size_t i = 0; i < suites->n && (!address || !*address); i++) {
		if (!apt_is_snapshot(suites->v[i]))
			continue;
		err_set(err, ERR_INFRA, 0,
			"no mirror carries it any more; a snapshot archive of Debian does (%s in "
			"%s): set SEALMATRIX_SNAPSHOT to the address of one",
			name, suites->v[i]);
		return -ENOPKG;
	}
	return 0;
}

static int not_found(const struct strv *suites, const char *name, const char *version,
		     const char *missing, struct err *err)
{
	_cleanup_free_ char *all = xstrdup("");

	if (apt_check_past(suites, name, err) < 0)
		return -ENOPKG;
	for (size_t i = 0; i < suites->n; i++) {
		char *more = xasprintf("%s%s%s", all, i ? ", " : "", suites->v[i]);

		free(all);
		all = more;
	}
	err_set(err, ERR_INFRA, 0, "no package %s%s%s in the mirror's %s%s%s%s", name,
		version ? " of version " : "", version ? version : "", all,
		*missing ? " (not carried: " : "", missing, *missing ? ")" : "");
	return -ENOPKG;
}

int apt_find(const struct strv *suites, const char *name, const char *version, struct progress *pg,
	     struct apt_package *out, struct err *err)
{
	_cleanup_apt_package_ struct apt_package best = {0};
	_cleanup_free_ char *missing = xstrdup("");

	for (size_t i = 0; i < suites->n; i++) {
		int ret = apt_state_refresh(suites->v[i], pg, err);

		if (ret == APT_MISSING) {
			char *more =
				xasprintf("%s%s%s", missing, *missing ? ", " : "", suites->v[i]);

			free(missing);
			missing = more;
			continue;
		}
		if (!ret)
			ret = find_in(suites->v[i], name, version, &best, err);
		if (ret < 0)
			return ret;
	}
	if (!best.name)
		return not_found(suites, name, version, missing, err);
	if (*missing)
		progress_note(pg, "left out, for the mirror does not carry it: %s", missing);
	*out = best;
	best = (struct apt_package){0};
	return 0;
}

struct download {
	struct progress *pg;
	const struct apt_package *p;
	struct apt_complaint why;
};

/* APT::Status-Fd: "dlstatus:1:34.5678:text". */
static void on_status(void *arg, const char *line)
{
	struct download *d = arg;
	double percent;

	apt_complaint_take(&d->why, line);
	if (sscanf(line, "dlstatus:%*d:%lf:", &percent) == 1)
		progress_tick(d->pg, "downloading %s %s: %.0f %%", d->p->name, d->p->version,
			      percent);
}

/* Say why apt-get download failed. A file that is gone is no failure of the mirror: its lists have
 * moved on, and so must ours. */
static int download_failed(const struct download *d, int ret, struct err *err)
{
	const char *why = d->why.text ? d->why.text : err->msg;
	bool gone = strstr(why, " 404 ") || strstr(why, "File not found");
	struct err said = ERR_INIT;

	err_set(&said, ERR_INFRA, 0, "download %s %s: %s", d->p->name, d->p->version, why);
	*err = said;
	if (!gone)
		return ret;
	ret = apt_state_expire(d->p->suite, err);
	return ret ? ret : -ENOPKG;
}

static int download(const struct apt_package *p, const char *dir, struct download *d,
		    struct err *err)
{
	_cleanup_strv_ struct strv argv = {0};
	struct proc_opts opts = {.cwd = dir, .env = apt_env, .line = on_status, .arg = d};
	int ret = apt_state_argv(p->suite, "apt-get", &argv, err);

	if (ret < 0)
		return ret;
	strv_add(&argv, "-oAPT::Status-Fd=1");
	strv_add(&argv, "-qq");
	strv_add(&argv, "download");
	strv_addf(&argv, "%s=%s", p->name, p->version);
	ret = proc_run(argv.v, &opts, err);
	return ret < 0 && ret != -EINTR ? download_failed(d, ret, err) : ret;
}

/* The one package file in @dir. Caller frees; NULL if there is none. */
static char *only_deb(const char *dir)
{
	_cleanup_closedir_ DIR *d = opendir(dir);

	for (struct dirent *e; d && (e = readdir(d));)
		if (!fnmatch("*.deb", e->d_name, 0))
			return xasprintf("%s/%s", dir, e->d_name);
	return NULL;
}

int apt_fetch(const struct apt_package *p, const char *dir, struct progress *pg, char **path,
	      struct err *err)
{
	struct download d = {.pg = pg, .p = p};
	char sha256[SHA256_HEX];

	progress_state(pg, "downloading %s %s", p->name, p->version);
	int ret = download(p, dir, &d, err);

	apt_complaint_free(&d.why);
	if (ret < 0)
		return ret;
	_cleanup_free_ char *file = only_deb(dir);

	if (!file)
		return err_set(err, ERR_INFRA, 0, "apt-get download left no file for %s", p->name);
	ret = hash_file(file, sha256, err);
	if (!ret && strcmp(sha256, p->sha256))
		ret = err_set(err, ERR_INFRA, 0,
			      "%s does not have the SHA-256 that the signed index gives; not used",
			      file);
	if (!ret)
		*path = steal_ptr(file);
	return ret;
}
