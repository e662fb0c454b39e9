// SPDX-License-Identifier: GPL-2.0-or-later
#include "hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "xalloc.h"
#include "zeros.h"

#define CHUNK 65536 /* bytes read at once */

struct hash_key {
	EVP_MD_CTX *ctx;
};

/* Only memory can be lacking: abort(), as xalloc.h does. */
static void must(bool done)
{
	if (!done)
		abort();
}

static EVP_MD_CTX *sha256_new(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	must(ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL));
	return ctx;
}

static void sha256_add(EVP_MD_CTX *ctx, const void *data, size_t len)
{
	must(EVP_DigestUpdate(ctx, data, len));
}

/* Frees @ctx. */
static void sha256_end(EVP_MD_CTX *ctx, char hex[SHA256_HEX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned len;

	must(EVP_DigestFinal_ex(ctx, sum, &len) && 2 * len + 1 == SHA256_HEX);
	EVP_MD_CTX_free(ctx);
	for (unsigned i = 0; i < len; i++) {
		*hex++ = digits[sum[i] >> 4];
		*hex++ = digits[sum[i] & 15];
	}
	*hex = '\0';
}

/* 0, or an errno. */
static int add_all(EVP_MD_CTX *ctx, int fd)
{
	_cleanup_free_ char *buf = xcalloc(1, CHUNK);

	for (;;) {
		ssize_t n = read(fd, buf, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : 0;
		sha256_add(ctx, buf, (size_t)n);
	}
}

/* A CHUNK at @at, or what there is of it: its length, or a negative errno. */
static ssize_t read_chunk(int fd, off_t at, char *buf)
{
	ssize_t n, len = 0;

	while (len < CHUNK && (n = pread(fd, buf + len, CHUNK - len, at + len)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		len += n > 0 ? n : 0;
	}
	return len;
}

/* 0, or an errno. */
static int add_data(EVP_MD_CTX *ctx, int fd)
{
	_cleanup_free_ char *buf = xcalloc(1, CHUNK);
	off_t at = 0;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		at -= at % CHUNK; /* not where this file system's blocks happen to begin */
		ssize_t n = read_chunk(fd, at, buf);

		if (n < 0)
			return (int)-n;
		if (n && !all_zero(buf, n)) {
			sha256_add(ctx, &at, sizeof(at));
			sha256_add(ctx, buf, (size_t)n);
		}
		at += CHUNK;
	}
	return errno == ENXIO ? 0 : errno; /* there is no data behind it */
}

static int hash_with(int (*add)(EVP_MD_CTX *ctx, int fd), const char *path, char hex[SHA256_HEX],
		     struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	EVP_MD_CTX *ctx;
	int errnum;

	if (fd < 0)
		return err_set(err, ERR_INFRA, errno, "hash %s", path);
	ctx = sha256_new();
	errnum = add(ctx, fd);
	sha256_end(ctx, hex);
	return errnum ? err_set(err, ERR_INFRA, errnum, "hash %s", path) : 0;
}

int hash_file(const char *path, char hex[SHA256_HEX], struct err *err)
{
	return hash_with(add_all, path, hex, err);
}

int hash_data(const char *path, char hex[SHA256_HEX], struct err *err)
{
	return hash_with(add_data, path, hex, err);
}

void hash_buffer(const void *data, size_t len, char hex[SHA256_HEX])
{
	EVP_MD_CTX *ctx = sha256_new();

	sha256_add(ctx, data, len);
	sha256_end(ctx, hex);
}

struct hash_key *hash_key_new(void)
{
	struct hash_key *k = xcalloc(1, sizeof(*k));

	k->ctx = sha256_new();
	return k;
}

void hash_key_add(struct hash_key *k, const char *s)
{
	size_t len = strlen(s);

	/* Length first: "ab","c" and "a","bc" must not meet. Host byte order is fine, keys stay
	 * here. */
	sha256_add(k->ctx, &len, sizeof(len));
	sha256_add(k->ctx, s, len);
}

int hash_key_add_file(struct hash_key *k, const char *path, struct err *err)
{
	char hex[SHA256_HEX];
	int ret = hash_file(path, hex, err);

	if (!ret)
		hash_key_add(k, hex);
	return ret;
}

void hash_key_end(struct hash_key *k, char hex[SHA256_HEX])
{
	sha256_end(k->ctx, hex);
	free(k);
}
