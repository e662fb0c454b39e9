// SPDX-License-Identifier: GPL-2.0-or-later
/* The archive that this system takes Debian's suites from, out of apt's own configuration. */
#include <stdlib.h>
#include <string.h>

#include "apt_state.h"
#include "cleanup.h"
#include "proc.h"

#define SECURITY "-security"

bool apt_is_security(const char *suite)
{
	_cleanup_free_ char *name = xstrndup(suite, strcspn(suite, "@"));

	/* "buster/updates" is what the suites were called up to Debian 10. */
	return ends_with(name, SECURITY) || ends_with(name, "/updates");
}

/* Names that Debian's own suites have. Others use them too: see candidates(). */
static bool is_debian(const char *release)
{
	static const char *const names[] = {"bullseye", "bookworm",  "trixie",	     "forky",
					    "sid",	"unstable",  "experimental", "testing",
					    "stable",	"oldstable", "oldoldstable"};
	static const char *const tails[] = {"", SECURITY, "-updates", "-backports",
					    "-proposed-updates"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t n = strlen(names[i]);

		for (size_t j = 0; j < sizeof(tails) / sizeof(*tails); j++)
			if (!strncmp(release, names[i], n) && !strcmp(release + n, tails[j]))
				return true;
	}
	return false;
}

/* One line of the listing: "ORIGIN|RELEASE|COMPONENT|URI". A URI may hold blanks. */
static void take_line(char *line, bool security, bool by_origin, struct strv *uris)
{
	char *origin = strsep(&line, "|"), *release = strsep(&line, "|");
	char *component = strsep(&line, "|");

	if (!line || strcmp(component, "main") || !strncmp(line, "cdrom:", 6))
		return;
	if (by_origin ? strcmp(origin, "Debian") != 0 : !is_debian(release))
		return;
	if (apt_is_security(release) == security && !strv_contains(uris, line))
		strv_add(uris, line);
}

/*
 * The different addresses in question. Going by the suites' names is quick and works before the
 * system ever fetched its lists; only the lists themselves know that "stable main" is a browser's.
 */
static int candidates(bool security, bool by_origin, struct strv *uris, struct err *err)
{
	char *argv[] = {"apt-get",
			"indextargets",
			"--format",
			"$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)",
			by_origin ? "--release-info" : "--no-release-info",
			"Identifier: Packages",
			NULL};
	struct proc_opts opts = {.env = apt_env};
	_cleanup_free_ char *out = NULL;
	int ret = proc_capture(argv, &opts, &out, err);

	for (char *rest = out, *line; !ret && (line = strsep(&rest, "\n"));)
		take_line(line, security, by_origin, uris);
	return ret;
}

int apt_mirror(const char *suite, char **uri, struct err *err)
{
	bool security = apt_is_security(suite);
	const char *env = getenv(security ? "SEALMATRIX_SECURITY_MIRROR" : "SEALMATRIX_MIRROR");
	_cleanup_strv_ struct strv named = {0}, debian = {0};

	*uri = NULL;
	if (apt_is_snapshot(suite))
		return apt_snapshot_uri(suite, uri, err);
	if (env && *env) {
		*uri = xstrdup(env);
		return 0;
	}
	int ret = candidates(security, false, &named, err);

	if (!ret && named.n > 1)
		ret = candidates(security, true, &debian, err);
	if (!ret && (debian.n || named.n))
		*uri = xstrdup(debian.n ? debian.v[0] : named.v[0]);
	return ret;
}
