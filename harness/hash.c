// SPDX-License-Identifier: GPL-2.0-or-later
#include "hash.h"

#include <errno.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

struct hash_key {
	SHA2_CTX ctx;
};

int hash_file(const char *path, char hex[SHA256_HEX], struct err *err)
{
	errno = 0;
	if (!SHA256File(path, hex))
		return err_set(err, ERR_INFRA, errno ? errno : EIO, "hash %s", path);
	return 0;
}

void hash_buffer(const void *data, size_t len, char hex[SHA256_HEX])
{
	SHA256Data(data, len, hex);
}

struct hash_key *hash_key_new(void)
{
	struct hash_key *k = xcalloc(1, sizeof(*k));

	SHA256Init(&k->ctx);
	return k;
}

void hash_key_add(struct hash_key *k, const char *s)
{
	size_t len = strlen(s);

	/* Length first: "ab","c" and "a","bc" must not meet. Host byte order is fine, keys stay
	 * here. */
	SHA256Update(&k->ctx, (const uint8_t *)&len, sizeof(len));
	SHA256Update(&k->ctx, (const uint8_t *)s, len);
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
	SHA256End(&k->ctx, hex);
	free(k);
}
