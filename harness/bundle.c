// SPDX-License-Identifier: GPL-2.0-or-later
#include "bundle.h"

#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "archive_util.h"
#include "cleanup.h"
#include "hash.h"
#include "json_util.h"
#include "publish.h"

#define FORMAT	     "sealmatrix-replay"
#define VERSION	     1
#define BLOCK	     65536
#define MEMBERS_MAX  200
#define MANIFEST_MAX (4 << 20)
#define MEMBER_MAX   (1L << 30) /* a kernel, or QEMU's log of a run in real time */
#define TOTAL_MAX    (4L << 30)

static void entry_freep(struct archive_entry **e)
{
	archive_entry_free(*e);
}

static int put(struct archive *a, const char *name, const void *data, size_t len, struct err *err)
{
	_cleanup_(entry_freep) struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_mtime(e, 0, 0);
	archive_entry_set_size(e, len);
	if (archive_write_header(a, e) != ARCHIVE_OK ||
	    (len && archive_write_data(a, data, len) != (la_ssize_t)len))
		return err_archive(err, a, "write %s", name);
	return 0;
}

static int put_file(struct archive *a, const char *name, const char *file, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	size_t len;
	int ret = read_file(file, MEMBER_MAX, &data, &len, err);

	return ret ? ret : put(a, name, data, len, err);
}

static int describe_members(json_t *manifest, const struct strv *names, const struct strv *files,
			    struct err *err)
{
	json_t *members = json_array();

	json_object_set_new(manifest, "format", json_string(FORMAT));
	json_object_set_new(manifest, "version", json_integer(VERSION));
	json_object_set_new(manifest, "members", members);
	for (size_t i = 0; i < names->n; i++) {
		_cleanup_free_ char *data = NULL;
		char hex[SHA256_HEX];
		size_t len;
		int ret = read_file(files->v[i], MEMBER_MAX, &data, &len, err);

		if (ret < 0)
			return ret;
		hash_buffer(data, len, hex);
		json_array_append_new(members, json_pack("{s:s, s:I, s:s}", "name", names->v[i],
							 "size", (json_int_t)len, "sha256", hex));
	}
	return 0;
}

static int write_all(struct archive *a, FILE *f, const json_t *manifest, const struct strv *names,
		     const struct strv *files, struct err *err)
{
	if (archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
	    archive_write_set_format_ustar(a) != ARCHIVE_OK ||
	    /* No padding behind the packed data: zstd(1) would call it garbage. */
	    archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
	    archive_write_open_FILE(a, f) != ARCHIVE_OK)
		return err_archive(err, a, "start an archive");
	char *text = json_dumps(manifest, JSON_INDENT(1) | JSON_SORT_KEYS);
	int ret = text ? put(a, BUNDLE_MANIFEST, text, strlen(text), err)
		       : err_set(err, ERR_INFRA, EINVAL, "write " BUNDLE_MANIFEST);

	free(text);
	for (size_t i = 0; !ret && i < names->n; i++)
		ret = put_file(a, names->v[i], files->v[i], err);
	if (!ret && archive_write_close(a) != ARCHIVE_OK)
		ret = err_archive(err, a, "write the archive's end");
	return ret;
}

int bundle_write(const char *path, json_t *manifest, const struct strv *names,
		 const struct strv *files, struct err *err)
{
	/* In this order: what the archive has still to write goes into the open file. */
	_cleanup_publish_ struct publish p = {0};
	_cleanup_archive_write_ struct archive *a = archive_write_new();
	int ret = describe_members(manifest, names, files, err);

	if (!ret)
		ret = publish_open(&p, path, err);
	if (!ret)
		ret = write_all(a, p.f, manifest, names, files, err);
	if (!ret)
		ret = publish_commit(&p, err);
	if (ret < 0)
		err_context(err, "%s", path);
	return ret;
}

/* Everything below judges what a stranger has sent. */
#define REFUSE(...) err_set(err, ERR_USER, 0, __VA_ARGS__)

/* Letters, digits, dots and dashes: never a path. */
static bool plain(const char *name)
{
	if (!isalnum((unsigned char)*name) || strlen(name) > 64)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-._", *name))
			return false;
	return true;
}

static const json_t *find_member(const json_t *manifest, const char *name)
{
	json_t *m;
	size_t i;

	json_array_foreach (json_object_get(manifest, "members"), i, m)
		if (!strcmp(jstr(m, "name", ""), name))
			return m;
	return NULL;
}

static int check_manifest(const json_t *manifest, struct err *err)
{
	const json_t *members = json_object_get(manifest, "members");
	json_int_t total = 0;
	json_t *m;
	size_t i;

	if (strcmp(jstr(manifest, "format", ""), FORMAT))
		return REFUSE("not a replay file: its manifest is of something else");
	if (jint(manifest, "version", -1) != VERSION)
		return REFUSE("a replay file of version %d; this program reads version %d",
			      (int)jint(manifest, "version", -1), VERSION);
	if (!json_is_array(members) || json_array_size(members) > MEMBERS_MAX)
		return REFUSE("its manifest has no list of members, or too long a one");
	json_array_foreach (members, i, m) {
		const char *name = jstr(m, "name", "");
		json_int_t size = jint(m, "size", -1);

		if (!plain(name) || !strcmp(name, BUNDLE_MANIFEST) ||
		    find_member(manifest, name) != m)
			return REFUSE("its manifest has a member of a bad name");
		if (size < 0 || size > MEMBER_MAX)
			return REFUSE("%s claims to have %lld bytes", name, (long long)size);
		total += size;
		if (total > TOTAL_MAX)
			return REFUSE("its members claim to have more than %ld GiB in all",
				      TOTAL_MAX >> 30);
	}
	return 0;
}

static int take_manifest(struct archive *a, struct archive_entry *e, json_t **manifest,
			 struct err *err)
{
	la_int64_t size = archive_entry_size(e);
	json_error_t jerr;

	if (strcmp(archive_entry_pathname(e) ?: "", BUNDLE_MANIFEST) ||
	    archive_entry_filetype(e) != AE_IFREG)
		return REFUSE("not a replay file: it does not begin with " BUNDLE_MANIFEST);
	if (size < 0 || size > MANIFEST_MAX)
		return REFUSE(BUNDLE_MANIFEST " claims to have %lld bytes", (long long)size);
	_cleanup_free_ char *text = xcalloc(size + 1, 1);

	if (archive_read_data(a, text, size) != size)
		return REFUSE("cut off, or damaged, within " BUNDLE_MANIFEST);
	*manifest = json_loadb(text, size, JSON_REJECT_DUPLICATES, &jerr);
	if (!*manifest)
		return REFUSE(BUNDLE_MANIFEST " is damaged: line %d: %s", jerr.line, jerr.text);
	return check_manifest(*manifest, err);
}

static int copy_out(struct archive *a, FILE *f, json_int_t size, const char *name, struct err *err)
{
	char buf[BLOCK];
	json_int_t have = 0;
	la_ssize_t n;

	while ((n = archive_read_data(a, buf, sizeof(buf))) > 0) {
		have += n;
		if (have > size)
			return REFUSE("%s is larger than the manifest says", name);
		if (fwrite(buf, 1, n, f) != (size_t)n)
			return err_set(err, ERR_INFRA, errno, "unpack %s", name);
	}
	if (n < 0 || have < size)
		return REFUSE("cut off, or damaged, within %s%s%s", name, n < 0 ? ": " : "",
			      n < 0 ? archive_error_string(a) ?: "" : "");
	return 0;
}

static int take_member(struct archive *a, struct archive_entry *e, const char *dir,
		       const json_t *manifest, struct err *err)
{
	const char *name = archive_entry_pathname(e) ?: "";
	const json_t *m = find_member(manifest, name);
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	_cleanup_fclose_ FILE *f = NULL;
	char hex[SHA256_HEX];

	if (!m || archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e))
		return REFUSE("it holds something that its manifest does not: %.64s",
			      plain(name) ? name : "a path");
	/* A name that comes twice finds its file there. */
	f = fopen(path, "wxe");
	if (!f && errno == EEXIST)
		return REFUSE("it holds %s twice", name);
	if (!f)
		return err_set(err, ERR_INFRA, errno, "unpack %s", path);
	int ret = copy_out(a, f, jint(m, "size", 0), name, err);

	if (!ret && fflush(f) == EOF)
		ret = err_set(err, ERR_INFRA, errno, "unpack %s", path);
	if (!ret)
		ret = hash_file(path, hex, err);
	if (!ret && strcmp(hex, jstr(m, "sha256", "")))
		ret = REFUSE("%s was altered: it has not the SHA-256 that the manifest says", name);
	return ret;
}

static int all_there(const char *dir, const json_t *manifest, struct err *err)
{
	json_t *m;
	size_t i;

	json_array_foreach (json_object_get(manifest, "members"), i, m) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, jstr(m, "name", ""));

		if (access(path, F_OK) < 0)
			return REFUSE("cut off: %s is missing", jstr(m, "name", ""));
	}
	return 0;
}

static int read_all(struct archive *a, const char *path, const char *dir, json_t **manifest,
		    struct err *err)
{
	struct archive_entry *e;
	int ret, got;

	archive_read_support_filter_zstd(a);
	archive_read_support_filter_gzip(a); /* somebody may have packed it again */
	archive_read_support_format_tar(a);
	if (archive_read_open_filename(a, path, BLOCK) != ARCHIVE_OK)
		return archive_errno(a) == ENOENT || archive_errno(a) == EACCES
			       ? err_set(err, ERR_USER, archive_errno(a), "open it")
			       : REFUSE("not a replay file, or its beginning is damaged");
	if (archive_read_next_header(a, &e) != ARCHIVE_OK)
		return REFUSE("not a replay file, or its beginning is damaged");
	ret = take_manifest(a, e, manifest, err);
	while (!ret && (got = archive_read_next_header(a, &e)) != ARCHIVE_EOF)
		ret = got == ARCHIVE_OK ? take_member(a, e, dir, *manifest, err)
					: REFUSE("cut off, or damaged: %s",
						 archive_error_string(a) ?: "unknown");
	return ret ? ret : all_there(dir, *manifest, err);
}

int bundle_read(const char *path, const char *dir, json_t **manifest, struct err *err)
{
	_cleanup_archive_read_ struct archive *a = archive_read_new();
	_cleanup_json_ json_t *got = NULL;
	int ret = read_all(a, path, dir, &got, err);

	if (ret < 0)
		err_context(err, "%s", path);
	else
		*manifest = steal_ptr(got);
	return ret;
}
