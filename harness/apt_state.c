// SPDX-License-Identifier: GPL-2.0-or-later
#include "apt_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "proc.h"
#include "publish.h"
#include "sig.h"

#define KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"
/* Keys that signed once and do so no more: trusted for what was published back then only. */
#define REMOVED "/usr/share/keyrings/debian-archive-removed-keys.gpg"
#define FRESH_S 86400
/* apt 3.0 ("OpenPGP s...") and 3.3 ("S..."), where 2 has "GPG error" */
#define BAD_SIGNATURE "ignature verification failed: "
#define STAMP_OK      "ready\n"
#define STAMP_NONE    "missing\n"

const char *const apt_env[] = {"LC_ALL=C", NULL};

static const char *env_or(const char *name, const char *otherwise)
{
	const char *v = getenv(name);

	return v && *v ? v : otherwise;
}

void apt_complaint_take(struct apt_complaint *c, const char *line)
{
	/* A signature that is not good is a warning: the error that follows names no reason. */
	const char *bad = strncmp(line, "W: ", 3) ? NULL : strstr(line, BAD_SIGNATURE);

	if (!c->text && bad)
		c->text = xstrdup(bad + strlen(BAD_SIGNATURE));
	else if (!c->text && (!strncmp(line, "E: ", 3) || !strncmp(line, "W: GPG error", 12)))
		c->text = xstrdup(line + 3);
}

void apt_complaint_free(struct apt_complaint *c)
{
	free(c->text);
	c->text = NULL;
}

static int suite_dir(const char *suite, char **dir, struct err *err)
{
	const char *root = cache_root(err);

	if (!root)
		return -EINVAL;
	_cleanup_free_ char *name = xstrdup(suite);

	for (char *c = name; *c; c++)
		if (*c == '/') /* buster/updates */
			*c = '_';
	*dir = xasprintf("%s/apt/%s", root, name);
	return 0;
}

int apt_state_argv(const char *suite, const char *program, struct strv *argv, struct err *err)
{
	/* Below the suite's directory. */
	static const char *const ours[][2] = {
		{"Dir::State", "state"},
		{"Dir::State::Lists", "lists"},
		{"Dir::State::status", "status"},
		{"Dir::Cache", "cache"},
		{"Dir::Cache::archives", "archives"},
		{"Dir::Etc::SourceList", "sources.list"},
		{"Dir::Etc::TrustedParts", "keys"},
	};
	/* What the system's configuration may say otherwise; an insecure archive stays refused. */
	static const char *const fixed[] = {
		"Dir::Etc::SourceParts=/dev/null",
		"Dir::Etc::Trusted=/dev/null",
		"Dir::Etc::Preferences=/dev/null",
		"Dir::Etc::PreferencesParts=/dev/null",
		"Dir::Cache::pkgcache=pkgcache.bin",
		"Dir::Cache::srcpkgcache=srcpkgcache.bin",
		"APT::Architecture=amd64",
		"APT::Default-Release=",
		"APT::Get::AllowUnauthenticated=false",
		"Acquire::AllowInsecureRepositories=false",
		"Acquire::AllowWeakRepositories=false",
		"Acquire::AllowDowngradeToInsecureRepositories=false",
		"Acquire::Languages=none",
		/* What was verified is kept; else the lists of a file: mirror are links into it. */
		"Acquire::GzipIndexes=true",
		/* Our files are the user's; apt's own user could not write there. */
		"APT::Sandbox::User=",
	};
	_cleanup_free_ char *dir = NULL;
	int ret = suite_dir(suite, &dir, err);

	if (ret < 0)
		return ret;
	strv_add(argv, program);
	strv_add(argv, "-c");
	strv_addf(argv, "%s/apt.conf", dir);
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		strv_add(argv, "-o");
		strv_addf(argv, "%s=%s/%s", ours[i][0], dir, ours[i][1]);
	}
	if (apt_is_snapshot(suite)) {
		strv_add(argv, "-o");
		strv_addf(argv, "APT::Key::GPGVCommand=%s/gpgv", dir);
	}
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		strv_add(argv, "-o");
		strv_add(argv, fixed[i]);
	}
	return 0;
}

/* An address as sources.list(5) wants it: without blanks, brackets and quotes. */
static char *quote_uri(const char *uri)
{
	char *out = xcalloc(strlen(uri) + 1, 3), *o = out;

	for (const unsigned char *c = (const unsigned char *)uri; *c; c++)
		o += sprintf(o, *c <= ' ' || strchr("[]\"", *c) ? "%%%02x" : "%c", *c);
	return out;
}

/* Who may sign. One that was given takes the place of all of Debian's. */
static void keyrings(const char *suite, struct strv *out)
{
	const char *given = env_or("SEALMATRIX_KEYRING", NULL);
	/* A link to it does not lie where the user is. One that is not there is told of later. */
	_cleanup_free_ char *real = given ? realpath(given, NULL) : NULL;

	strv_add(out, real ? real : given ? given : KEYRING);
	if (!given && apt_is_snapshot(suite) && access(REMOVED, R_OK) == 0)
		strv_add(out, REMOVED);
}

/* Everything that decides where lists come from and who may sign them. Caller frees. */
static char *sources_text(const char *suite, const char *uri)
{
	_cleanup_free_ char *quoted = quote_uri(uri);
	_cleanup_strv_ struct strv keys = {0};

	keyrings(suite, &keys);
	return xasprintf("# signed with a key in %s%s%s\n"
			 "deb [arch=amd64 target=Packages] %s %.*s main\n",
			 keys.v[0], keys.n > 1 ? " or " : "", keys.n > 1 ? keys.v[1] : "", quoted,
			 (int)strcspn(suite, "@"), suite);
}

/* signed-by= takes no path with a blank in it; a directory of keyrings takes any. */
static int link_keyrings(const char *suite, const char *dir, struct err *err)
{
	_cleanup_free_ char *keys = xasprintf("%s/keys", dir);
	_cleanup_strv_ struct strv files = {0};
	int ret = remove_tree(keys, err);

	keyrings(suite, &files);
	if (!ret)
		ret = make_dirs(keys, err);
	for (size_t i = 0; !ret && i < files.n; i++) {
		const char *dot = strrchr(files.v[i], '.');
		_cleanup_free_ char *link = xasprintf("%s/archive-%zu.%s", keys, i,
						      dot && !strcmp(dot, ".asc") ? "asc" : "gpg");

		if (access(files.v[i], R_OK) < 0)
			ret = err_set(err, ERR_INFRA, errno,
				      "read the keyring %s (package debian-archive-keyring)",
				      files.v[i]);
		else if (symlink(files.v[i], link) < 0)
			ret = err_set(err, ERR_INFRA, errno, "link %s", link);
	}
	return ret;
}

/* From here on the suite comes from @sources; whatever was fetched from elsewhere is forgotten. */
static int write_files(const char *suite, const char *dir, const char *sources, struct err *err)
{
	/* The system's hooks are for the system's lists. */
	static const char conf[] = "#clear APT::Update::Pre-Invoke;\n"
				   "#clear APT::Update::Post-Invoke;\n"
				   "#clear APT::Update::Post-Invoke-Success;\n";
	static const char *const dirs[] = {"state", "lists/partial", "cache", "archives/partial"};
	static const char *const old[] = {"stamp", "lists", "cache"};
	_cleanup_free_ char *list = xasprintf("%s/sources.list", dir);
	_cleanup_free_ char *status = xasprintf("%s/status", dir);
	_cleanup_free_ char *apt_conf = xasprintf("%s/apt.conf", dir);
	_cleanup_free_ char *gpgv = xasprintf("%s/gpgv", dir);
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(old) / sizeof(*old); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, old[i]);

		ret = remove_tree(path, err);
	}
	for (size_t i = 0; !ret && i < sizeof(dirs) / sizeof(*dirs); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, dirs[i]);

		ret = make_dirs(path, err);
	}
	if (!ret)
		ret = link_keyrings(suite, dir, err);
	if (!ret && apt_is_snapshot(suite))
		ret = apt_snapshot_gpgv(suite, gpgv, err);
	if (!ret)
		ret = publish_buffer(status, "", 0, err);
	if (!ret)
		ret = publish_buffer(apt_conf, conf, strlen(conf), err);
	return ret ? ret : publish_buffer(list, sources, strlen(sources), err);
}

static bool has_text(const char *path, const char *text)
{
	_cleanup_free_ char *now = NULL;
	struct err ignored = ERR_INIT;

	return read_file(path, 65536, &now, NULL, &ignored) == 0 && !strcmp(now, text);
}

/* The answer of an earlier refresh: APT_READY, APT_MISSING, or -ENOENT; @fresh if it is recent. */
static int read_stamp(const char *path, bool *fresh)
{
	struct stat st;
	time_t age = stat(path, &st) == 0 ? time(NULL) - st.st_mtime : -1;

	*fresh = age >= 0 && age < FRESH_S;
	return has_text(path, STAMP_OK)	    ? APT_READY
	       : has_text(path, STAMP_NONE) ? APT_MISSING
					    : -ENOENT;
}

/* How an update went, as apt's messages tell it. */
struct update {
	struct apt_complaint why;
	bool missing; /* the mirror answers, and has no such suite */
	bool bad_signature;
	bool wrong_date; /* well signed, and past its Valid-Until or from the future */
};

static void update_free(struct update *u)
{
	apt_complaint_free(&u->why);
	*u = (struct update){0};
}

static void on_update_line(void *arg, const char *line)
{
	struct update *u = arg;
	const struct {
		const char *text;
		bool *means;
	} signs[] = {
		{"does not have a Release file", &u->missing},
		{"no longer has a Release file", &u->missing},
		{"GPG error", &u->bad_signature},
		{BAD_SIGNATURE, &u->bad_signature},
		{"is not signed", &u->bad_signature},
		{"is no longer signed", &u->bad_signature},
		{"is expired (invalid since", &u->wrong_date},
		{"is not valid yet (invalid for", &u->wrong_date},
	};

	apt_complaint_take(&u->why, line);
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		*signs[i].means |= strstr(line, signs[i].text) != NULL;
}

static int update(const char *suite, bool check_date, struct update *u, struct err *err)
{
	const char *check = check_date ? "true" : "false";
	_cleanup_strv_ struct strv argv = {0};
	struct proc_opts opts = {.env = apt_env, .line = on_update_line, .arg = u};
	int ret = apt_state_argv(suite, "apt-get", &argv, err);

	if (ret < 0)
		return ret;
	/* "some failed, old ones used" is no success */
	strv_add(&argv, "-oAPT::Update::Error-Mode=any");
	strv_addf(&argv, "-oAcquire::Check-Date=%s", check);
	strv_addf(&argv, "-oAcquire::Check-Valid-Until=%s", check);
	strv_add(&argv, "-q");
	strv_add(&argv, "update");
	ret = proc_run(argv.v, &opts, err);
	if (ret >= 0 || ret == -EINTR || !u->why.text)
		return ret;
	*err = (struct err)ERR_INIT;
	return err_set(err, ERR_INFRA, 0, "suite %s: %s%s%s", suite,
		       u->bad_signature ? "its signature is not good, nothing of it is used: " : "",
		       u->why.text,
		       apt_is_snapshot(suite) && strstr(u->why.text, "EXPKEYSIG")
			       ? " (without faketime it is judged by the clock of today)"
			       : "");
}

/* A suite that is no longer kept up, and a snapshot, are past their date: used, and said. */
static int update_any_date(const char *suite, struct progress *pg, struct update *u,
			   struct err *err)
{
	progress_state(pg, "reading the package lists of %s", suite);
	int ret = update(suite, true, u, err);

	if (ret >= 0 || ret == -EINTR || !u->wrong_date || u->bad_signature)
		return ret;
	progress_note(pg, "used although its date is wrong: %s", err->msg);
	*err = (struct err)ERR_INIT;
	update_free(u);
	return update(suite, false, u, err);
}

/* Fetch the lists; @before is what is known of the suite from earlier. */
static int fetch_lists(const char *suite, const char *stamp, int before, struct progress *pg,
		       struct err *err)
{
	_cleanup_(update_free) struct update u = {0};
	int ret = update_any_date(suite, pg, &u, err);

	if (ret == -EINTR)
		return ret;
	if (ret < 0 && !u.missing && !u.bad_signature && before == APT_READY) {
		progress_note(pg, "older package lists are used: %s", err->msg);
		*err = (struct err)ERR_INIT;
		return APT_READY;
	}
	if (ret < 0 && !u.missing)
		return ret;
	*err = (struct err)ERR_INIT;
	const char *text = u.missing ? STAMP_NONE : STAMP_OK;

	ret = publish_buffer(stamp, text, strlen(text), err);
	return ret ? ret : u.missing ? APT_MISSING : APT_READY;
}

static int refresh_locked(const char *suite, const char *dir, struct progress *pg, struct err *err)
{
	_cleanup_free_ char *stamp = xasprintf("%s/stamp", dir), *uri = NULL;
	_cleanup_free_ char *list = xasprintf("%s/sources.list", dir);
	bool fresh, security = apt_is_security(suite);
	int ret = apt_mirror(suite, &uri, err);

	if (ret < 0)
		return ret;
	if (!uri && apt_is_snapshot(suite))
		return APT_MISSING; /* apt_find() says what would help */
	if (!uri && security) {
		progress_note(pg,
			      "%s is left out: apt's configuration names no security archive of "
			      "Debian (SEALMATRIX_SECURITY_MIRROR may)",
			      suite);
		return APT_MISSING;
	}
	if (!uri)
		return err_set(err, ERR_INFRA, 0,
			       "apt's configuration names no mirror of Debian; "
			       "SEALMATRIX_MIRROR may");
	_cleanup_free_ char *sources = sources_text(suite, uri);

	if (!has_text(list, sources))
		ret = write_files(suite, dir, sources, err);
	if (ret < 0)
		return ret;
	int before = read_stamp(stamp, &fresh);

	/* What lies in the past does not change. */
	fresh |= before == APT_READY && apt_is_snapshot(suite);
	return before >= 0 && fresh ? before : fetch_lists(suite, stamp, before, pg, err);
}

int apt_state_refresh(const char *suite, struct progress *pg, struct err *err)
{
	_cleanup_free_ char *dir = NULL;
	int ret = suite_dir(suite, &dir, err);

	if (!ret)
		ret = make_dirs(dir, err);
	if (ret < 0)
		return ret;
	/* Several workers want the same lists at once: one fetches them, the others wait. */
	_cleanup_free_ char *path = xasprintf("%s/lock", dir);
	_cleanup_close_ int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (lock < 0 || sig_flock(lock, LOCK_EX) < 0)
		return err_set(err, ERR_INFRA, errno, "lock %s", path);
	return refresh_locked(suite, dir, pg, err);
}

int apt_state_expire(const char *suite, struct err *err)
{
	static const struct timespec long_ago[2];
	_cleanup_free_ char *dir = NULL;
	int ret = suite_dir(suite, &dir, err);

	if (ret < 0)
		return ret;
	_cleanup_free_ char *stamp = xasprintf("%s/stamp", dir);

	if (utimensat(AT_FDCWD, stamp, long_ago, 0) < 0 && errno != ENOENT)
		return err_set(err, ERR_INFRA, errno, "set the time of %s", stamp);
	return 0;
}
