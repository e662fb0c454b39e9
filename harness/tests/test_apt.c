// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "apt.h"
#include "apt_state.h"
#include "archive.h"
#include "cleanup.h"
#include "hash.h"
#include "proc.h"
#include "publish.h"
#include "test.h"

#define CLOUD	  "linux-image-6.1.*-cloud-amd64"
#define PACKAGE	  "linux-image-6.1.0-9-cloud-amd64"
#define PACKAGE_2 "linux-image-6.1.0-10-cloud-amd64"

static int find(const char *suites, const char *name, const char *version, struct apt_package *p,
		struct err *err)
{
	_cleanup_strv_ struct strv list = {0};

	*err = (struct err)ERR_INIT;
	strv_split(&list, suites, " ");
	return apt_find(&list, name, version, test_progress(), p, err);
}

static void expect(const char *suites, const char *name, const char *version, const char *want)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	struct err err;

	ck_assert_msg(find(suites, name, version, &p, &err) == 0, "%s", err.msg);
	_cleanup_free_ char *got = xasprintf("%s %s %s", p.name, p.version, p.suite);

	ck_assert_str_eq(got, want);
}

static int fetch(const struct apt_package *p, char **path, struct err *err)
{
	_cleanup_free_ char *dir = xasprintf("%s/download", test_dir());

	*err = (struct err)ERR_INIT;
	ck_assert_int_eq(remove_tree(dir, err), 0);
	ck_assert_int_eq(make_dirs(dir, err), 0);
	return apt_fetch(p, dir, test_progress(), path, err);
}

static void check_said(const char *text)
{
	_cleanup_free_ char *said = test_said();

	ck_assert_msg(strstr(said, text) != NULL, "'%s' is not in: %s", text, said);
}

/* One suite with one package, read once. */
static void begin(void)
{
	archive_new();
	archive_add("stable", PACKAGE, "6.1.9-1", NULL, NULL);
	archive_publish("stable", NULL);
	expect("stable", CLOUD, NULL, PACKAGE " 6.1.9-1 stable");
}

START_TEST(newest_of_all_suites_wins)
{
	archive_new();
	archive_add("a", PACKAGE, "6.1.9-1", NULL, NULL);
	archive_add("a", PACKAGE "-dbg", "6.1.99-1", NULL, NULL);
	archive_add("a", PACKAGE "-unsigned", "6.1.99-1", NULL, NULL);
	archive_add("a", "linux-image-6.12.1-cloud-amd64", "6.12.1-1", NULL, NULL);
	archive_add("b", PACKAGE_2, "6.1.10-1", NULL, NULL);
	archive_add("b", PACKAGE_2, "6.1.10-1~bpo1", NULL, NULL);
	archive_add("b", "linux-image-6.1.0-11-cloud-amd64", "6.1.11~rc1-1", NULL, NULL);
	archive_publish("a", NULL);
	archive_publish("b", NULL);
	expect("a b", CLOUD, "!*~rc*", PACKAGE_2 " 6.1.10-1 b");
	expect("b a", CLOUD, "!*~rc*", PACKAGE_2 " 6.1.10-1 b");
	expect("a b", CLOUD, NULL, "linux-image-6.1.0-11-cloud-amd64 6.1.11~rc1-1 b");
	expect("a b", CLOUD, "6.1.10-1~bpo*", PACKAGE_2 " 6.1.10-1~bpo1 b");
	expect("a", CLOUD, NULL, PACKAGE " 6.1.9-1 a");
}
END_TEST

START_TEST(package_is_fetched_and_has_its_hash)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	_cleanup_free_ char *path = NULL;
	char sha256[SHA256_HEX];
	struct err err;

	archive_new();
	archive_add("stable", PACKAGE, "6.1.9-1", "a (= 1), b:any | c", NULL);
	archive_publish("stable", NULL);
	ck_assert_msg(find("stable", PACKAGE, NULL, &p, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(p.depends.n, 3);
	ck_assert_str_eq(p.depends.v[0], "a");
	ck_assert_str_eq(p.depends.v[1], "b");
	ck_assert_str_eq(p.depends.v[2], "c");
	ck_assert_msg(fetch(&p, &path, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(hash_file(path, sha256, &err), 0);
	ck_assert_str_eq(sha256, p.sha256);
}
END_TEST

/* The state of the same suite must not outlive the key that it was verified with. */
START_TEST(other_key_is_refused)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	struct err err;

	begin();
	_cleanup_free_ char *other = archive_other_keyring();

	setenv("SEALMATRIX_KEYRING", other, 1);
	ck_assert_int_lt(find("stable", CLOUD, NULL, &p, &err), 0);
	ck_assert_int_eq(err.kind, ERR_INFRA);
	ck_assert_ptr_nonnull(strstr(err.msg, "signature is not good"));
	ck_assert_msg(strstr(err.msg, "NO_PUBKEY") || strstr(err.msg, "Missing key"), "%s",
		      err.msg);
	ck_assert_ptr_null(p.name);
}
END_TEST

/* As `SEALMATRIX_KEYRING=key.gpg sealmatrix …`. */
START_TEST(keyring_may_be_named_from_here)
{
	archive_new();
	archive_add("stable", PACKAGE, "6.1.9-1", NULL, NULL);
	archive_publish("stable", NULL);
	char *slash = strrchr(getenv("SEALMATRIX_KEYRING"), '/');

	*slash = '\0';
	ck_assert_int_eq(chdir(getenv("SEALMATRIX_KEYRING")), 0);
	setenv("SEALMATRIX_KEYRING", slash + 1, 1);
	expect("stable", CLOUD, NULL, PACKAGE " 6.1.9-1 stable");
}
END_TEST

START_TEST(missing_keyring_is_named)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	struct err err;

	begin();
	setenv("SEALMATRIX_KEYRING", "/nowhere/keyring.gpg", 1);
	ck_assert_int_lt(find("stable", CLOUD, NULL, &p, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "/nowhere/keyring.gpg"));
}
END_TEST

static void edit_in_release(const char *path)
{
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;
	size_t len;

	ck_assert_int_eq(read_file(path, 1 << 20, &text, &len, &err), 0);
	char *word = strstr(text, "Codename");

	ck_assert_ptr_nonnull(word);
	word[0] = 'c';
	ck_assert_int_eq(publish_buffer(path, text, len, &err), 0);
	archive_date(path);
}

static void unsign(const char *path)
{
	_cleanup_free_ char *text = NULL, *dir = xstrdup(path);
	struct err err = ERR_INIT;

	ck_assert_int_eq(read_file(path, 1 << 20, &text, NULL, &err), 0);
	char *from = strstr(text, "Suite:"), *to = strstr(text, "-----BEGIN PGP SIGNATURE");

	ck_assert(from && to);
	*strrchr(dir, '/') = '\0';
	_cleanup_free_ char *release = xasprintf("%s/Release", dir);

	ck_assert_int_eq(publish_buffer(release, from, to - from, &err), 0);
	ck_assert_int_eq(unlink(path), 0);
}

static void (*const damages[])(const char *path) = {edit_in_release, unsign};

/* Not even when the system's apt is told to take such archives. */
START_TEST(bad_signature_is_refused)
{
	static const char lax[] = "Acquire::AllowInsecureRepositories \"true\";\n"
				  "APT::Get::AllowUnauthenticated \"true\";\n";
	_cleanup_apt_package_ struct apt_package p = {0};
	_cleanup_free_ char *conf = xasprintf("%s/lax.conf", test_dir());
	struct err err = ERR_INIT;

	begin();
	test_file("lax.conf", lax, strlen(lax));
	setenv("APT_CONFIG", conf, 1);
	_cleanup_free_ char *path = archive_path("dists/stable/InRelease");

	damages[_i](path);
	ck_assert_int_eq(apt_state_expire("stable", &err), 0);
	ck_assert_int_lt(find("stable", CLOUD, NULL, &p, &err), 0);
	ck_assert_int_eq(err.kind, ERR_INFRA);
	ck_assert_msg(strstr(err.msg, "signature is not good") != NULL, "%s", err.msg);
}
END_TEST

START_TEST(altered_index_is_refused)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	struct err err;

	archive_new();
	archive_add("stable", PACKAGE, "6.1.9-1", NULL, NULL);
	archive_publish("stable", NULL);
	_cleanup_free_ char *path = archive_path("dists/stable/main/binary-amd64/Packages");
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, "p", 1, 0), 1);
	close(fd);
	ck_assert_int_lt(find("stable", CLOUD, NULL, &p, &err), 0);
	ck_assert_msg(strstr(err.msg, "Hash Sum mismatch") != NULL, "%s", err.msg);
}
END_TEST

START_TEST(altered_package_is_refused)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	_cleanup_free_ char *path = NULL;
	struct err err;

	begin();
	_cleanup_free_ char *deb = archive_path("pool/stable/" PACKAGE "_6.1.9-1.deb");
	int fd = open(deb, O_WRONLY | O_CLOEXEC);

	ck_assert_int_eq(pwrite(fd, "X", 1, 200), 1);
	close(fd);
	ck_assert_int_eq(find("stable", CLOUD, NULL, &p, &err), 0);
	ck_assert_int_lt(fetch(&p, &path, &err), 0);
	ck_assert_int_eq(err.kind, ERR_INFRA);
	ck_assert_msg(strstr(err.msg, "Hash Sum mismatch") != NULL, "%s", err.msg);
	ck_assert_ptr_null(path);
}
END_TEST

/* apt has compared it with today's index; the lock may know another hash. */
START_TEST(other_hash_than_the_locked_one_is_refused)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	_cleanup_free_ char *path = NULL;
	struct err err;

	begin();
	ck_assert_int_eq(find("stable", CLOUD, NULL, &p, &err), 0);
	p.sha256[0] = p.sha256[0] == '0' ? '1' : '0';
	ck_assert_int_lt(fetch(&p, &path, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "SHA-256"));
	ck_assert_ptr_null(path);
}
END_TEST

START_TEST(missing_suite_is_left_out)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	struct err err;

	begin();
	free(test_said());
	expect("gone stable gone-security", CLOUD, NULL, PACKAGE " 6.1.9-1 stable");
	check_said("gone, gone-security");
	ck_assert_int_eq(find("gone", CLOUD, NULL, &p, &err), -ENOPKG);
	ck_assert_ptr_nonnull(strstr(err.msg, "not carried: gone"));
	ck_assert_int_eq(find("stable", "linux-image-9.*", NULL, &p, &err), -ENOPKG);
	ck_assert_ptr_nonnull(strstr(err.msg, "linux-image-9.*"));
}
END_TEST

START_TEST(unreachable_mirror_with_and_without_lists)
{
	static const char no_retries[] = "Acquire::Retries \"0\";\n"; /* apt waits before each */
	_cleanup_free_ char *conf = xasprintf("%s/retries.conf", test_dir());
	_cleanup_apt_package_ struct apt_package p = {0};
	struct err err;

	archive_new();
	archive_add("stable", PACKAGE, "6.1.9-1", NULL, NULL);
	archive_publish("stable", NULL);
	test_file("retries.conf", no_retries, strlen(no_retries));
	setenv("APT_CONFIG", conf, 1);
	pid_t server = archive_serve();

	expect("stable", CLOUD, NULL, PACKAGE " 6.1.9-1 stable");
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	ck_assert_int_eq(apt_state_expire("stable", &err), 0);
	free(test_said());
	expect("stable", CLOUD, NULL, PACKAGE " 6.1.9-1 stable");
	check_said("older package lists are used");

	ck_assert_int_lt(find("other", CLOUD, NULL, &p, &err), 0);
	ck_assert_int_eq(err.kind, ERR_INFRA);
	ck_assert_msg(strstr(err.msg, "suite other") && strstr(err.msg, "127.0.0.1"), "%s",
		      err.msg);
}
END_TEST

START_TEST(served_mirror_lacks_suite_and_file)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	_cleanup_free_ char *path = NULL;
	struct err err;

	archive_new();
	archive_add("stable", PACKAGE, "6.1.9-1", NULL, NULL);
	archive_publish("stable", NULL);
	archive_serve();
	ck_assert_msg(find("gone stable", CLOUD, NULL, &p, &err) == 0, "%s", err.msg);
	check_said("gone");
	archive_clear("stable");
	ck_assert_int_eq(fetch(&p, &path, &err), -ENOPKG);
	ck_assert_ptr_nonnull(strstr(err.msg, "404"));
	ck_assert_ptr_null(path);
}
END_TEST

START_TEST(lists_are_read_again_when_old)
{
	struct err err = ERR_INIT;

	begin();
	archive_add("stable", PACKAGE_2, "6.1.10-1", NULL, NULL);
	archive_publish("stable", NULL);
	expect("stable", CLOUD, NULL, PACKAGE " 6.1.9-1 stable");
	ck_assert_int_eq(apt_state_expire("stable", &err), 0);
	expect("stable", CLOUD, NULL, PACKAGE_2 " 6.1.10-1 stable");
}
END_TEST

START_TEST(file_that_is_gone_makes_the_lists_old)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	_cleanup_free_ char *path = NULL;
	struct err err;

	begin();
	ck_assert_int_eq(find("stable", CLOUD, NULL, &p, &err), 0);
	archive_clear("stable");
	archive_add("stable", PACKAGE_2, "6.1.10-1", NULL, NULL);
	archive_publish("stable", NULL);
	ck_assert_int_eq(fetch(&p, &path, &err), -ENOPKG);
	expect("stable", CLOUD, NULL, PACKAGE_2 " 6.1.10-1 stable");
}
END_TEST

START_TEST(suite_past_its_date_is_used_and_said)
{
	archive_new();
	archive_add("stable", PACKAGE, "6.1.9-1", NULL, NULL);
	archive_publish("stable", "Valid-Until: Sat, 01 Jan 2022 00:00:00 UTC\n");
	test_progress();
	expect("stable", CLOUD, NULL, PACKAGE " 6.1.9-1 stable");
	check_said("is expired");
}
END_TEST

/* Two workers that want the same suite: one reads, the other waits for it. */
START_TEST(lists_are_read_once_for_all)
{
	int reads = 0;

	archive_new();
	archive_add("stable", PACKAGE, "6.1.9-1", NULL, NULL);
	archive_publish("stable", NULL);
	test_progress();
	for (int i = 0; i < 2; i++) {
		if (fork())
			continue;
		expect("stable", CLOUD, NULL, PACKAGE " 6.1.9-1 stable");
		_exit(0);
	}
	for (int status; wait(&status) > 0;)
		ck_assert_int_eq(status, 0);
	_cleanup_free_ char *said = test_said();

	for (const char *s = said; (s = strstr(s, "reading the package lists")); s++)
		reads++;
	ck_assert_int_eq(reads, 1);
}
END_TEST

START_TEST(hooks_of_the_system_are_not_run)
{
	_cleanup_free_ char *mark = xasprintf("%s/hook-ran", test_dir());
	_cleanup_free_ char *conf = xasprintf("%s/hook.conf", test_dir());
	_cleanup_free_ char *text = xasprintf("APT::Update::Post-Invoke { \"touch '%s'\"; };\n"
					      "APT::Update::Pre-Invoke { \"touch '%s'\"; };\n",
					      mark, mark);

	test_file("hook.conf", text, strlen(text));
	setenv("APT_CONFIG", conf, 1);
	begin();
	ck_assert_int_ne(access(mark, F_OK), 0);
}
END_TEST

/* apt's configuration as a system may have it, and the mirror that it means. */
static const struct {
	const char *sources, *suite, *uri;
} systems[] = {
	{"deb http://a.invalid/debian bookworm main\n"
	 "deb http://s.invalid/security bookworm-security main\n",
	 "sid", "http://a.invalid/debian/"},
	{"deb http://a.invalid/debian bookworm main\n"
	 "deb http://s.invalid/security bookworm-security main\n",
	 "trixie-security", "http://s.invalid/security/"},
	{"deb http://a.invalid/debian bookworm main\n", "trixie-security", NULL},
	{"deb http://b.invalid/ bookworm-pgdg main\ndeb http://c.invalid/ bookworm stable\n"
	 "deb cdrom:[disc]/ bookworm main\ndeb http://a.invalid/debian stable main\n",
	 "bookworm", "http://a.invalid/debian/"},
	{"deb http://d.invalid/ubuntu noble main\n", "bookworm", NULL},
	{"", "bookworm", NULL},
};

static void use_sources(const char *sources)
{
	_cleanup_free_ char *conf = xasprintf("%s/system.conf", test_dir());
	_cleanup_free_ char *text = xasprintf("Dir::Etc::SourceList \"%s/sources.list\";\n"
					      "Dir::Etc::SourceParts \"/dev/null\";\n"
					      "Dir::State::Lists \"%s/system-lists\";\n"
					      "Dir::Cache \"%s/system-cache\";\n"
					      "APT::Sandbox::User \"\";\n",
					      test_dir(), test_dir(), test_dir());

	test_file("system.conf", text, strlen(text));
	test_file("sources.list", sources, strlen(sources));
	test_file("system-lists/partial/keep", "", 0);
	test_file("system-cache/archives/partial/keep", "", 0);
	setenv("APT_CONFIG", conf, 1);
	unsetenv("SEALMATRIX_MIRROR");
	unsetenv("SEALMATRIX_SECURITY_MIRROR");
}

START_TEST(mirror_is_the_systems)
{
	_cleanup_free_ char *uri = NULL;
	struct err err = ERR_INIT;

	use_sources(systems[_i].sources);
	ck_assert_msg(apt_mirror(systems[_i].suite, &uri, &err) == 0, "%s", err.msg);
	if (systems[_i].uri)
		ck_assert_pstr_eq(uri, systems[_i].uri);
	else
		ck_assert_ptr_null(uri);
}
END_TEST

/* "stable main" is what a browser's archive calls itself, too: its lists tell whose it is. */
START_TEST(mirror_is_debians_own)
{
	_cleanup_free_ char *uri = NULL, *browser = xasprintf("%s/browser", test_dir());
	_cleanup_free_ char *escaped = NULL, *root = NULL;
	_cleanup_free_ char *no_hooks = xasprintf("%s/no-hooks.conf", test_dir());
	static const char clear[] = "#clear APT::Update;\n";
	char *update[] = {"apt-get", "-c", no_hooks, "-q", "update", NULL};
	struct err err = ERR_INIT;

	archive_new();
	archive_add("stable", PACKAGE, "6.1.9-1", NULL, NULL);
	archive_publish("stable", "Origin: Browser\n");
	root = archive_path("");
	root[strlen(root) - 1] = '\0';
	ck_assert_int_eq(rename(root, browser), 0);
	ck_assert_int_eq(mkdir(root, 0777), 0);
	archive_add("stable", PACKAGE, "6.1.9-1", NULL, NULL);
	archive_publish("stable", "Origin: Debian\n");

	_cleanup_strv_ struct strv parts = {0};

	strv_split(&parts, test_dir(), " ");
	ck_assert_uint_eq(parts.n, 2);
	escaped = xasprintf("%s%%20%s", parts.v[0], parts.v[1]);
	_cleanup_free_ char *sources = xasprintf("deb [trusted=yes] file:%s/browser stable main\n"
						 "deb [trusted=yes] file:%s/archive stable main\n",
						 escaped, escaped);

	use_sources(sources);
	test_file("no-hooks.conf", clear, strlen(clear));
	ck_assert_msg(proc_run(update, NULL, &err) == 0, "%s", err.msg);
	ck_assert_msg(apt_mirror("sid", &uri, &err) == 0, "%s", err.msg);
	ck_assert_ptr_nonnull(uri);
	ck_assert_msg(strstr(uri, "/archive/") != NULL, "%s", uri);
}
END_TEST

START_TEST(no_security_mirror_is_said)
{
	begin();
	setenv("HOME", test_dir(), 1);
	_cleanup_free_ char *mirror = xstrdup(getenv("SEALMATRIX_MIRROR"));

	use_sources("");
	setenv("SEALMATRIX_MIRROR", mirror, 1);
	free(test_said());
	expect("stable-security stable", CLOUD, NULL, PACKAGE " 6.1.9-1 stable");
	check_said("SEALMATRIX_SECURITY_MIRROR");
}
END_TEST

#define MOMENT "20191110T120000Z"

/* What a mirror carried at MOMENT, which no mirror has any more and a snapshot archive has. */
static void begin_snapshot(const char *suite, const char *archive)
{
	_cleanup_free_ char *from = NULL, *dir = xasprintf("%s/snap/%s", test_dir(), archive);
	_cleanup_free_ char *to = xasprintf("%s/" MOMENT, dir);
	_cleanup_free_ char *uri = xasprintf("file:%s/snap/", test_dir());
	struct err err = ERR_INIT;

	archive_clock(MOMENT);
	archive_new();
	archive_add(suite, PACKAGE, "6.1.9-1", NULL, NULL);
	archive_publish(suite, "Valid-Until: Sun, 17 Nov 2019 12:00:00 UTC\n");
	from = archive_path("");
	from[strlen(from) - 1] = '\0';
	ck_assert_int_eq(make_dirs(dir, &err), 0);
	ck_assert_int_eq(rename(from, to), 0);
	setenv("SEALMATRIX_SNAPSHOT", uri, 1);
	test_progress();
}

/* The date of its lists has passed, and its key has expired: neither had at the time. */
START_TEST(snapshot_is_judged_by_its_own_time)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	_cleanup_free_ char *path = NULL;
	struct err err;

	begin_snapshot("sid", "debian");
	expect("sid@" MOMENT, CLOUD, NULL, PACKAGE " 6.1.9-1 sid@" MOMENT);
	check_said("is expired");
	ck_assert_int_eq(find("sid@" MOMENT, CLOUD, NULL, &p, &err), 0);
	ck_assert_msg(fetch(&p, &path, &err) == 0, "%s", err.msg);
}
END_TEST

static const char *const security[] = {"bullseye-security", "buster/updates"};

START_TEST(snapshot_of_security_updates_lies_elsewhere)
{
	_cleanup_free_ char *suite = xasprintf("%s@" MOMENT, security[_i]);
	_cleanup_free_ char *want = xasprintf(PACKAGE " 6.1.9-1 %s", suite);

	begin_snapshot(security[_i], "debian-security");
	expect(suite, CLOUD, NULL, want);
}
END_TEST

/* An old date excuses no bad signature, and no key that expired before it signed. */
static void another_key(void)
{
	_cleanup_free_ char *other = archive_other_keyring();

	setenv("SEALMATRIX_KEYRING", other, 1);
}

static void key_of_the_year_before(void)
{
	_cleanup_free_ char *snap = xasprintf("%s/snap/debian", test_dir());
	_cleanup_free_ char *from = xasprintf("%s/" MOMENT, snap);
	_cleanup_free_ char *to = xasprintf("%s/20211110T120000Z", snap);

	ck_assert_int_eq(rename(from, to), 0);
}

static const struct {
	void (*damage)(void);
	const char *suite, *says;
} bad_snapshots[] = {
	{another_key, "sid@" MOMENT, "NO_PUBKEY"},
	{key_of_the_year_before, "sid@20211110T120000Z", "EXPKEYSIG"},
};

START_TEST(snapshot_with_a_bad_signature_is_refused)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	struct err err;

	begin_snapshot("sid", "debian");
	bad_snapshots[_i].damage();
	ck_assert_int_lt(find(bad_snapshots[_i].suite, CLOUD, NULL, &p, &err), 0);
	ck_assert_int_eq(err.kind, ERR_INFRA);
	ck_assert_msg(strstr(err.msg, "signature is not good") &&
			      strstr(err.msg, bad_snapshots[_i].says),
		      "%s", err.msg);
}
END_TEST

START_TEST(without_a_snapshot_archive_it_is_said_what_would_help)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	struct err err;

	begin();
	unsetenv("SEALMATRIX_SNAPSHOT");
	ck_assert_int_eq(find("sid@" MOMENT, CLOUD, NULL, &p, &err), -ENOPKG);
	ck_assert_msg(strstr(err.msg, "set SEALMATRIX_SNAPSHOT") != NULL, "%s", err.msg);
	/* A suite of today beside it may still have the package. */
	expect("sid@" MOMENT " stable", CLOUD, NULL, PACKAGE " 6.1.9-1 stable");
}
END_TEST

static const char *const odd_moments[] = {"sid@", "sid@2019", "sid@20191110T120000",
					  "sid@20191110T120000Z/..", "@"};

START_TEST(odd_moment_is_the_users_to_mend)
{
	_cleanup_apt_package_ struct apt_package p = {0};
	struct err err;

	begin();
	setenv("SEALMATRIX_SNAPSHOT", "file:/nowhere", 1);
	ck_assert_int_lt(find(odd_moments[_i], CLOUD, NULL, &p, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_ptr_nonnull(strstr(err.msg, "sid@20191110T000000Z"));
}
END_TEST

TEST_SUITE(apt)
{
	Suite *s = suite_create("apt");
	TCase *tc = tcase_create("apt");

	tcase_set_timeout(tc, 300); /* only against a hang */
	tcase_add_test(tc, newest_of_all_suites_wins);
	tcase_add_test(tc, package_is_fetched_and_has_its_hash);
	tcase_add_test(tc, other_key_is_refused);
	tcase_add_test(tc, keyring_may_be_named_from_here);
	tcase_add_test(tc, missing_keyring_is_named);
	tcase_add_loop_test(tc, bad_signature_is_refused, 0, sizeof(damages) / sizeof(*damages));
	tcase_add_test(tc, altered_index_is_refused);
	tcase_add_test(tc, altered_package_is_refused);
	tcase_add_test(tc, other_hash_than_the_locked_one_is_refused);
	tcase_add_test(tc, missing_suite_is_left_out);
	tcase_add_test(tc, unreachable_mirror_with_and_without_lists);
	tcase_add_test(tc, served_mirror_lacks_suite_and_file);
	tcase_add_test(tc, lists_are_read_again_when_old);
	tcase_add_test(tc, file_that_is_gone_makes_the_lists_old);
	tcase_add_test(tc, suite_past_its_date_is_used_and_said);
	tcase_add_test(tc, lists_are_read_once_for_all);
	tcase_add_test(tc, hooks_of_the_system_are_not_run);
	tcase_add_loop_test(tc, mirror_is_the_systems, 0, sizeof(systems) / sizeof(*systems));
	tcase_add_test(tc, mirror_is_debians_own);
	tcase_add_test(tc, no_security_mirror_is_said);
	tcase_add_test(tc, snapshot_is_judged_by_its_own_time);
	tcase_add_loop_test(tc, snapshot_of_security_updates_lies_elsewhere, 0,
			    sizeof(security) / sizeof(*security));
	tcase_add_loop_test(tc, snapshot_with_a_bad_signature_is_refused, 0,
			    sizeof(bad_snapshots) / sizeof(*bad_snapshots));
	tcase_add_test(tc, without_a_snapshot_archive_it_is_said_what_would_help);
	tcase_add_loop_test(tc, odd_moment_is_the_users_to_mend, 0,
			    sizeof(odd_moments) / sizeof(*odd_moments));
	suite_add_tcase(s, tc);
	return s;
}
