// SPDX-License-Identifier: GPL-2.0-or-later
#include "archive.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "hash.h"
#include "proc.h"
#include "publish.h"
#include "test.h"
#include "xalloc.h"

#define INDEX "main/binary-amd64/Packages"

static void must(int ret, const struct err *err)
{
	ck_assert_msg(ret == 0, "%s", err->msg);
}

static void run(char *const argv[])
{
	struct err err = ERR_INIT;

	must(proc_run(argv, NULL, &err), &err);
}

char *archive_path(const char *rel)
{
	return xasprintf("%s/archive/%s", test_dir(), rel);
}

void test_file(const char *rel, const void *data, size_t len)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", test_dir(), rel);
	struct err err = ERR_INIT;

	must(publish_buffer(path, data, len, &err), &err);
}

/* Documentation/arch/x86/boot.rst: one sector of setup, a system of 4 KiB. */
void test_bzimage(const char *rel, const char *release)
{
	char img[8192] = {0};

	img[0x1f1] = 1;
	memcpy(img + 0x1f4, "\x00\x01", 2); /* in units of 16 bytes */
	memcpy(img + 0x202, "HdrS", 4);
	memcpy(img + 0x20e, "\x00\x02", 2);
	snprintf(img + 0x400, 256, "%s (somebody) #1", release);
	test_file(rel, img, sizeof(img));
}

/* What archive_clock() was told, or NULL. */
static const char *clock_at;

void archive_clock(const char *moment)
{
	clock_at = moment;
}

/* gpg's agent stays in the background: it is sent away after each use. */
static void gpg(const char *const args[])
{
	_cleanup_strv_ struct strv argv = {0};

	strv_add(&argv, "gpg");
	strv_add(&argv, "--batch");
	strv_add(&argv, "--quiet");
	/* It stands still: else a key made a second later would be of the signature's future. */
	if (clock_at)
		strv_addf(&argv, "--faked-system-time=%.15s!", clock_at);
	for (size_t i = 0; args[i]; i++)
		strv_add(&argv, args[i]);
	run(argv.v);
	run((char *[]){"gpgconf", "--kill", "gpg-agent", NULL});
}

/*
 * A fresh key in a home of its own, which becomes gpg's; its public half is in @home/key.gpg. One
 * of the past has expired by now.
 */
static void make_key(const char *home)
{
	_cleanup_free_ char *out = xasprintf("%s/key.gpg", home);

	ck_assert_int_eq(mkdir(home, 0700), 0);
	setenv("GNUPGHOME", home, 1);
	gpg((const char *[]){"--pinentry-mode", "loopback", "--passphrase", "", "--quick-gen-key",
			     "Throwaway <nobody@example.invalid>", "ed25519", "sign",
			     clock_at ? "1y" : "never", NULL});
	gpg((const char *[]){"--output", out, "--export", NULL});
}

void archive_new(void)
{
	_cleanup_free_ char *root = xasprintf("%s/archive", test_dir());
	_cleanup_free_ char *home = xasprintf("%s/gnupg", test_dir());
	_cleanup_free_ char *uri = xasprintf("file:%s", root);
	_cleanup_free_ char *keyring = xasprintf("%s/key.gpg", home);
	struct err err = ERR_INIT;

	must(make_dirs(root, &err), &err);
	make_key(home);
	setenv("XDG_CACHE_HOME", test_dir(), 1);
	setenv("SEALMATRIX_MIRROR", uri, 1);
	setenv("SEALMATRIX_SECURITY_MIRROR", uri, 1);
	setenv("SEALMATRIX_KEYRING", keyring, 1);
}

char *archive_other_keyring(void)
{
	_cleanup_free_ char *own = xstrdup(getenv("GNUPGHOME"));
	_cleanup_free_ char *home = xasprintf("%s/gnupg-other", test_dir());

	make_key(home);
	setenv("GNUPGHOME", own, 1);
	return xasprintf("%s/key.gpg", home);
}

void archive_add(const char *suite, const char *name, const char *version, const char *depends,
		 const char *tree)
{
	_cleanup_free_ char *dir = xasprintf("%s/package", test_dir());
	_cleanup_free_ char *control = xasprintf("%s/DEBIAN/control", dir);
	_cleanup_free_ char *rel = xasprintf("pool/%s/%s_%s.deb", suite, name, version);
	_cleanup_free_ char *pool = xasprintf("pool/%s", suite), *pool_dir = archive_path(pool);
	_cleanup_free_ char *deb = archive_path(rel), *stanzas = xasprintf("%s/index", pool_dir);
	_cleanup_free_ char *fields =
		xasprintf("Package: %s\nVersion: %s\nArchitecture: amd64\n%s%s%sMaintainer: nobody "
			  "<nobody@example.invalid>\nDescription: made by a test\n",
			  name, version, depends ? "Depends: " : "", depends ? depends : "",
			  depends ? "\n" : "");
	char sha256[SHA256_HEX];
	struct err err = ERR_INIT;
	struct stat st;

	must(remove_tree(dir, &err), &err);
	if (tree) {
		_cleanup_free_ char *from = xasprintf("%s/%s", test_dir(), tree);

		run((char *[]){"cp", "-a", from, dir, NULL});
	}
	must(publish_buffer(control, fields, strlen(fields), &err), &err);
	must(make_dirs(pool_dir, &err), &err);
	run((char *[]){"dpkg-deb", "--root-owner-group", "-Znone", "-b", dir, deb, NULL});
	must(hash_file(deb, sha256, &err), &err);
	ck_assert_int_eq(stat(deb, &st), 0);

	_cleanup_fclose_ FILE *f = fopen(stanzas, "ae");

	ck_assert_ptr_nonnull(f);
	fprintf(f, "%sFilename: %s\nSize: %jd\nSHA256: %s\n\n", fields, rel, (intmax_t)st.st_size,
		sha256);
}

void archive_clear(const char *suite)
{
	_cleanup_free_ char *rel = xasprintf("pool/%s", suite), *dir = archive_path(rel);
	struct err err = ERR_INIT;

	must(remove_tree(dir, &err), &err);
}

/* The Release file's text for an index of @size bytes. */
static char *release_text(const char *suite, const char *extra, const char *sha256, size_t size)
{
	char date[64];
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	if (clock_at)
		ck_assert_ptr_nonnull(strptime(clock_at, "%Y%m%dT%H%M%SZ", &tm));
	timegm(&tm); /* the day of the week */
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S UTC", &tm);
	return xasprintf("%sSuite: %s\nCodename: %s\nDate: %s\nArchitectures: amd64\n"
			 "Components: main\nSHA256:\n %s %zu " INDEX "\n",
			 extra ? extra : "", suite, suite, date, sha256, size);
}

void archive_date(const char *path)
{
	static struct timespec date[2];

	if (!date[1].tv_sec)
		date[1].tv_sec = time(NULL) - 3600;
	date[1].tv_sec++;
	date[0] = date[1];
	ck_assert_int_eq(utimensat(AT_FDCWD, path, date, 0), 0);
}

void archive_publish(const char *suite, const char *extra)
{
	_cleanup_free_ char *pool = xasprintf("pool/%s/index", suite), *from = archive_path(pool);
	_cleanup_free_ char *rel = xasprintf("dists/%s", suite), *dir = archive_path(rel);
	_cleanup_free_ char *index = xasprintf("%s/" INDEX, dir);
	_cleanup_free_ char *release = xasprintf("%s/Release", dir);
	_cleanup_free_ char *signed_release = xasprintf("%s/InRelease", dir);
	_cleanup_free_ char *stanzas = NULL;
	char sha256[SHA256_HEX];
	struct err err = ERR_INIT;
	size_t len = 0;

	if (access(from, R_OK) == 0)
		must(read_file(from, 1 << 20, &stanzas, &len, &err), &err);
	must(publish_buffer(index, stanzas ? stanzas : "", len, &err), &err);
	hash_buffer(stanzas ? stanzas : "", len, sha256);
	_cleanup_free_ char *text = release_text(suite, extra, sha256, len);

	must(publish_buffer(release, text, strlen(text), &err), &err);
	gpg((const char *[]){"--yes", "--output", signed_release, "--clearsign", release, NULL});
	ck_assert_int_eq(unlink(release), 0);
	archive_date(signed_release);
}

/* One request, one file, and the connection is closed. */
static void answer(int fd, const char *root)
{
	char request[4096], rel[1024];
	_cleanup_free_ char *data = NULL, *path = NULL;
	struct err err = ERR_INIT;
	size_t have = 0, len = 0;
	ssize_t n;

	request[0] = '\0';
	while (!strstr(request, "\r\n\r\n")) {
		n = read(fd, request + have, sizeof(request) - 1 - have);
		if (n <= 0)
			return;
		have += n;
		request[have] = '\0';
	}
	if (sscanf(request, "GET /%1023s HTTP/1.1", rel) != 1)
		return;
	path = xasprintf("%s/%s", root, rel);
	if (read_file(path, 1 << 20, &data, &len, &err) < 0)
		dprintf(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n"
			    "Connection: close\r\n\r\n");
	else if (dprintf(fd, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
			 len) > 0)
		for (size_t done = 0; done < len && (n = write(fd, data + done, len - done)) > 0;)
			done += n;
}

static void serve(int listener, const char *root)
{
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			_exit(1);
		answer(fd, root);
		close(fd);
	}
}

pid_t archive_serve(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	_cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, len), 0);
	ck_assert_int_eq(listen(listener, 16), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&a, &len), 0);
	_cleanup_free_ char *root = archive_path("."); /* test_dir() is another in the child */
	_cleanup_free_ char *uri = xasprintf("http://127.0.0.1:%d/", ntohs(a.sin_port));
	pid_t parent = getpid(), pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			serve(listener, root);
		_exit(1);
	}
	setenv("SEALMATRIX_MIRROR", uri, 1);
	setenv("SEALMATRIX_SECURITY_MIRROR", uri, 1);
	return pid;
}

/* A test is a process, with one worker in it. */
static struct progress worker = {.fd = -1, .kernel = "test"};
static int said_fd = -1;

struct progress *test_progress(void)
{
	int fds[2];

	if (worker.fd >= 0)
		return &worker;
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	said_fd = fds[0];
	worker.fd = fds[1];
	return &worker;
}

char *test_said(void)
{
	_cleanup_free_ char *buf = xcalloc(1, 65536 + 1);
	ssize_t n = read(said_fd, buf, 65536);

	buf[n > 0 ? n : 0] = '\0';
	return steal_ptr(buf);
}
