// SPDX-License-Identifier: GPL-2.0-or-later
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "initramfs.h"
#include "proto.h"
#include "publish.h"
#include "sig.h"
#include "template_internal.h"

#define KIND	 "template"
#define SEEN	 "ram.seen" /* not in the manifest: what the file was like when it was last hashed */
#define REFUSED	 "refused"  /* why this kernel cannot be a template */
#define SAID_MAX 4096

void template_free(struct template *t)
{
	free(t->entry);
	free(t->ram);
	free(t->state);
	closep(&t->lock);
	*t = (struct template){.lock = -1};
}

void template_use(const struct template *t, struct vm_config *cfg)
{
	cfg->ram = t->ram;
	cfg->restore = t->state;
}

/* --- making one ------------------------------------------------------------------------------- */

static int take(void *arg, const char *buf, size_t len)
{
	struct template_said *s = arg;

	if (len > sizeof(s->text) - 1 - s->len)
		return -EFBIG;
	memcpy(s->text + s->len, buf, len);
	s->len += len;
	return 0;
}

int template_run(struct vm_config cfg, const char *dir, struct template_said *said,
		 struct vm_result *res, struct err *err)
{
	_cleanup_free_ char *ram = xasprintf("%s/ram", dir), *state = xasprintf("%s/state", dir);
	_cleanup_free_ char *console = xasprintf("%s/console.log", dir);
	_cleanup_free_ char *channel = xasprintf("%s/channel.log", dir);

	cfg.ram = ram;
	cfg.save = state;
	cfg.console_path = console;
	cfg.channel_path = channel;
	*said = (struct template_said){0};
	return vm_run(&cfg, take, said, res, err);
}

/* What is made of what. */
struct making {
	const struct template_opts *o;
	const char *initrd;
};

/* "…: no template: REASON": it will say the same the next time, so that is worth keeping. */
static int remember_refusal(const char *dir, const char *why, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/" REFUSED, dir);
	_cleanup_free_ char *ram = xasprintf("%s/ram", dir), *state = xasprintf("%s/state", dir);

	unlink(ram);
	unlink(state);
	return publish_buffer(path, why, strcspn(why, "\n"), err);
}

static int judge_end(const char *said, const struct vm_result *res, const char *dir,
		     struct err *err)
{
	if (res->end == VM_PARKED && !strcmp(said, SM_PARK_READY))
		return 0;
	if (!strncmp(said, SM_PARK_REFUSED, strlen(SM_PARK_REFUSED)))
		return remember_refusal(dir, said + strlen(SM_PARK_REFUSED), err);
	if (res->end == VM_INTERRUPTED)
		return err_set(err, ERR_INFRA, EINTR, "make a template");
	return err_set(err, ERR_INFRA, 0, "the machine did not stop where it should: %s",
		       res->end == VM_PARKED ? "a panic stopped it" : res->text);
}

static int fill(const char *dir, void *arg, struct err *err)
{
	const struct making *m = arg;
	struct vm_config cfg = *m->o->boot;
	_cleanup_free_ char *ram = xasprintf("%s/ram", dir);
	_cleanup_vm_result_ struct vm_result res = {0};
	struct template_said said;

	progress_state(m->o->pg, "booting once, to be restored from then on");
	cfg.initrd = m->initrd;
	int ret = ram_create(ram, cfg.memory_mib ? cfg.memory_mib : VM_MEMORY_MIB, err);

	if (!ret)
		ret = template_run(cfg, dir, &said, &res, err);
	if (!ret)
		ret = judge_end(said.text, &res, dir, err);
	if (!ret)
		ret = ram_settle(ram, err);
	return ret;
}

/* --- is it whole? ----------------------------------------------------------------------------- */

/* What changes when a file is written to, or is another file. Caller frees; NULL: no file. */
static char *identity(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return NULL;
	return xasprintf("%ju %jd %jd.%09ld %jd.%09ld\n", (uintmax_t)st.st_ino,
			 (intmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
			 (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

/*
 * Hashing all memory takes longer than a boot. It is done once, and again when the file is not
 * the one that was hashed: its inode's change time cannot be set back.
 */
static int check_ram(const char *entry, struct err *err)
{
	_cleanup_free_ char *ram = xasprintf("%s/ram", entry), *now = identity(ram), *then = NULL;
	_cleanup_free_ char *seen = xasprintf("%s/" SEEN, entry);
	struct err ignored = ERR_INIT;

	if (now && read_file(seen, 1000, &then, NULL, &ignored) == 0 && !strcmp(now, then))
		return utimensat(AT_FDCWD, seen, NULL, 0), 0; /* used: the others go first */
	int ret = cache_check(entry, "ram", err);

	/* If it cannot be written down, it is hashed again the next time. */
	if (!ret && now)
		publish_buffer(seen, now, strlen(now), &ignored);
	return ret;
}

static int check(const char *entry, struct err *err)
{
	int ret = cache_check(entry, "state", err);

	return ret ? ret : check_ram(entry, err);
}

/* A shared lock on the file that the cache locks while it makes an entry. */
static int lock_shared(const char *entry, int *fd, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s.lock", entry);

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (*fd < 0 || sig_flock(*fd, LOCK_SH) < 0)
		return err_set(err, ERR_INFRA, errno, "lock %s", path);
	return 0;
}

/* --- getting one ------------------------------------------------------------------------------ */

static int refusal(const char *entry, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/" REFUSED, entry), *why = NULL;
	struct err ignored = ERR_INIT;

	if (read_file(path, SAID_MAX, &why, NULL, &ignored) < 0)
		return 0;
	return err_set(err, ERR_INFRA, 0, "this kernel cannot be restored: %s", why);
}

/* 1: there it is; 0: it was damaged, and is gone. */
static int get_once(const struct template_maker *m, const char *key, struct template *t,
		    struct err *err)
{
	int ret = cache_get(KIND, key, m->fill, m->arg, &t->entry, err);

	if (!ret)
		ret = lock_shared(t->entry, &t->lock, err);
	if (!ret)
		ret = refusal(t->entry, err);
	if (ret < 0)
		return ret;
	if (!cache_has(KIND, key))
		return 0; /* trimmed by somebody before we had the lock */
	return check(t->entry, err) < 0 ? 0 : 1;
}

static int describe(struct template *t, struct err *err)
{
	_cleanup_free_ char *manifest = xasprintf("%s/MANIFEST", t->entry);
	struct stat st;

	t->ram = xasprintf("%s/ram", t->entry);
	t->state = xasprintf("%s/state", t->entry);
	if (stat(t->ram, &st) < 0)
		return err_set(err, ERR_INFRA, errno, "stat %s", t->ram);
	t->disk_kib = st.st_blocks / 2;
	/* It lists the digests of all that the template is. */
	return hash_file(manifest, t->id, err);
}

/* Whole or not. */
static bool entry_exists(const char *key)
{
	struct err ignored = ERR_INIT;
	const char *root = cache_root(&ignored);
	_cleanup_free_ char *path = xasprintf("%s/" KIND "/%s", root ? root : "", key);

	return access(path, F_OK) == 0;
}

int template_find(const struct template_maker *m, const char *key, struct template *t,
		  struct err *err)
{
	bool was_there = entry_exists(key);
	int ret = 0;

	if (was_there && !cache_has(KIND, key))
		progress_note(m->pg, "%s is damaged: made again", m->name);
	for (int tries = 0; tries < 2 && !ret; tries++) {
		if (tries && err->kind)
			progress_note(m->pg, "%s", err->msg);
		free(t->entry);
		t->entry = NULL;
		closep(&t->lock);
		t->lock = -1;
		ret = get_once(m, key, t, err);
	}
	if (ret <= 0)
		return ret ? ret : -EIO;
	if (!was_there && template_trim(TEMPLATES_MAX_KIB, err) < 0)
		progress_note(m->pg, "%s", err->msg);
	return describe(t, err);
}

int template_get(const struct template_opts *o, struct template *t, struct err *err)
{
	_cleanup_free_ char *initrd = xasprintf("%s/initrd-template.tmp", o->scratch);
	struct initramfs_opts root = {.list = o->list, .mods = o->mods};
	struct making making = {.o = o, .initrd = initrd};
	struct template_maker m = {
		.fill = fill, .arg = &making, .name = "the kernel's template", .pg = o->pg};
	char key[SHA256_HEX];

	*t = (struct template){.lock = -1};
	int ret = initramfs_write(initrd, &root, err);

	if (!ret)
		ret = hash_file(initrd, t->initrd_sha256, err);
	if (!ret)
		ret = template_key(o, t->initrd_sha256, key, err);
	if (!ret)
		ret = template_find(&m, key, t, err);
	unlink(initrd);
	return ret;
}
