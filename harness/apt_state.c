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

#define KEYRING	   "/usr/share/keyrings/debian-archive-keyring.gpg"
#define FRESH_S	   86400
#define SECURITY   "-security"
#define STAMP_OK   "ready\n"
#define STAMP_NONE "missing\n"

static const char *env_or(const char *name, const char *otherwise)
{
	const char *v = getenv(name);

	return v && *v ? v : otherwise;
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), m = strlen(tail);

	return n >= m && !strcmp(s + n - m, tail);
}

/* Debian's own suites begin with one of these; a third party's archive is no place for kernels. */
static bool is_debian(const char *release)
{
	static const char *const names[] = {"bullseye", "bookworm",  "trixie",	     "forky",
					    "sid",	"unstable",  "experimental", "testing",
					    "stable",	"oldstable", "oldoldstable"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(release, names[i], strlen(names[i])) &&
		    strchr("-/", release[strlen(names[i])]))
			return true;
	return false;
}

/* The address of the archive that this system takes such suites from. Caller frees. */
static int mirror(bool security, char **uri, struct err *err)
{
	const char *env =
		env_or(security ? "SEALMATRIX_SECURITY_MIRROR" : "SEALMATRIX_MIRROR", NULL);
	char *argv[] = {"apt-get",
			"indextargets",
			"--format",
			"$(RELEASE) $(REPO_URI)",
			"Identifier: Packages",
			NULL};
	_cleanup_free_ char *out = NULL;

	if (env) {
		*uri = xstrdup(env);
		return 0;
	}
	int ret = proc_capture(argv, NULL, &out, err);

	if (ret < 0)
		return ret;
	for (char *rest = out, *line; (line = strsep(&rest, "\n"));) {
		char *release = strsep(&line, " ");

		if (!line || !is_debian(release) || ends_with(release, SECURITY) != security)
			continue;
		*uri = xstrdup(line);
		return 0;
	}
	return err_set(err, ERR_INFRA, 0,
		       "apt's configuration names no Debian %smirror; set SEALMATRIX_%sMIRROR",
		       security ? "security " : "", security ? "SECURITY_" : "");
}

/* Where a suite's files are; a changed mirror or keyring gets files of its own. */
static int suite_dir(const char *suite, char **dir, struct err *err)
{
	const char *root = cache_root(err);

	if (!root)
		return -EINVAL;
	const char *other = env_or("SEALMATRIX_MIRROR", "");
	unsigned long tag = 0;

	for (const char *c = other; *c; c++)
		tag = tag * 31 + (unsigned char)*c;
	*dir = *other ? xasprintf("%s/apt/%s@%lx", root, suite, tag)
		      : xasprintf("%s/apt/%s", root, suite);
	return 0;
}

int apt_state_argv(const char *suite, const char *program, struct strv *argv, struct err *err)
{
	_cleanup_free_ char *dir = NULL;
	int ret = suite_dir(suite, &dir, err);

	if (ret < 0)
		return ret;
	const char *const options[][2] = {
		{"Dir::State", "/state"},
		{"Dir::State::Lists", "/lists"},
		{"Dir::State::status", "/status"},
		{"Dir::Cache", "/cache"},
		{"Dir::Cache::archives", "/archives"},
		{"Dir::Etc::SourceList", "/sources.list"},
	};

	strv_add(argv, program);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		strv_add(argv, "-o");
		strv_addf(argv, "%s=%s%s", options[i][0], dir, options[i][1]);
	}
	strv_add(argv, "-oDir::Etc::SourceParts=/dev/null");
	strv_add(argv, "-oDir::Etc::Preferences=/dev/null");
	strv_add(argv, "-oDir::Etc::PreferencesParts=/dev/null");
	strv_add(argv, "-oAPT::Architecture=amd64");
	strv_add(argv, "-oAcquire::Languages=none");
	/* Our files are the user's; apt's own user could not write there. */
	strv_add(argv, "-oAPT::Sandbox::User=");
	return 0;
}

static int write_files(const char *suite, const char *dir, struct err *err)
{
	static const char *const dirs[] = {"state", "lists/partial", "cache", "archives/partial"};
	_cleanup_free_ char *uri = NULL, *status = xasprintf("%s/status", dir);
	_cleanup_free_ char *sources = xasprintf("%s/sources.list", dir);
	int ret = mirror(ends_with(suite, SECURITY), &uri, err);

	for (size_t i = 0; !ret && i < sizeof(dirs) / sizeof(*dirs); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, dirs[i]);

		ret = make_dirs(path, err);
	}
	if (!ret)
		ret = publish_buffer(status, "", 0, err);
	if (ret < 0)
		return ret;
	_cleanup_free_ char *line = xasprintf("deb [signed-by=%s] %s %s main\n",
					      env_or("SEALMATRIX_KEYRING", KEYRING), uri, suite);

	return publish_buffer(sources, line, strlen(line), err);
}

/* The answer of an earlier refresh: APT_READY, APT_MISSING, or -ENOENT; @fresh if it is recent. */
static int read_stamp(const char *path, bool *fresh)
{
	_cleanup_free_ char *text = NULL;
	struct err ignored = ERR_INIT;
	struct stat st;

	*fresh = stat(path, &st) == 0 && time(NULL) - st.st_mtime < FRESH_S;
	if (read_file(path, 4096, &text, NULL, &ignored) < 0)
		return -ENOENT;
	return !strcmp(text, STAMP_OK)	   ? APT_READY
	       : !strcmp(text, STAMP_NONE) ? APT_MISSING
					   : -ENOENT;
}

/* Says whether the mirror lacks the suite rather than being out of reach. */
static void look_for_404(void *arg, const char *line)
{
	if (strstr(line, "does not have a Release file") ||
	    strstr(line, "no longer has a Release file"))
		*(bool *)arg = true;
}

static int update(const char *suite, struct progress *pg, bool *missing, struct err *err)
{
	_cleanup_strv_ struct strv argv = {0};
	struct proc_opts opts = {.line = look_for_404, .arg = missing};
	int ret = apt_state_argv(suite, "apt-get", &argv, err);

	if (ret < 0)
		return ret;
	progress_state(pg, "reading the package lists of %s", suite);
	strv_add(&argv,
		 "-oAPT::Update::Error-Mode=any"); /* "some failed, old ones used" is no success */
	strv_add(&argv, "-q");
	strv_add(&argv, "update");
	ret = proc_run(argv.v, &opts, err);
	if (ret < 0)
		err_context(err, "suite %s", suite);
	return ret;
}

static int refresh_locked(const char *suite, const char *dir, struct progress *pg, struct err *err)
{
	_cleanup_free_ char *stamp = xasprintf("%s/stamp", dir);
	bool fresh, missing = false;
	int before = read_stamp(stamp, &fresh);

	if (before >= 0 && fresh)
		return before;
	int ret = write_files(suite, dir, err);

	if (!ret)
		ret = update(suite, pg, &missing, err);
	if (ret == -EINTR)
		return ret;
	if (ret < 0 && !missing && before == APT_READY) {
		progress_note(pg, "older package lists of %s are used: %s", suite, err->msg);
		*err = (struct err)ERR_INIT;
		return APT_READY;
	}
	if (ret < 0 && !missing)
		return ret;
	*err = (struct err)ERR_INIT;
	const char *text = missing ? STAMP_NONE : STAMP_OK;

	ret = publish_buffer(stamp, text, strlen(text), err);
	return ret ? ret : missing ? APT_MISSING : APT_READY;
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

	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_set(err, ERR_INFRA, errno, "lock %s", path);
	return refresh_locked(suite, dir, pg, err);
}
