// SPDX-License-Identifier: GPL-2.0-or-later
/* The provider of built kernels, on a made-up tree and with a compiler that only says its version.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "hash.h"
#include "proc.h"
#include "provider.h"
#include "publish.h"
#include "sig.h"
#include "small_disk.h"
#include "test.h"
#include "xalloc.h"

/*
 * BUILD_LOG: what was made, and with which flags. STOP: the process to end in the middle of a
 * build, and SIGNAL how. BIG: what a build leaves behind, in bytes.
 */
static const char makefile[] =
	"tinyconfig:\n\techo tinyconfig >> $(BUILD_LOG)\n\techo CONFIG_TINY=y > $(O)/.config\n"
	"\techo user $${KCONFIG_CONFIG-no} $${KCONFIG_ALLCONFIG-no} >> $(BUILD_LOG)\n"
	"olddefconfig:\n\t@:\n"
	"bzImage:\n\tmkdir -p $(O)/arch/x86/boot\n\techo bzImage >> $(BUILD_LOG)\n"
	"\thead -n 1 main.c >> $(BUILD_LOG)\n"
	"\techo 'flags $(CC) $(LD) $(KCFLAGS) $(HOSTCFLAGS) $(WERROR)' >> $(BUILD_LOG)\n"
	"\t[ -z \"$$BIG\" ] || head -c $$BIG /dev/zero > $(O)/big\n"
	"\t[ -z \"$$STOP\" ] || { kill -$${SIGNAL:-TERM} $$STOP; $(MAKE) -s hang > /dev/null; :; "
	"}\n"
	"\tcat head main.c > $(O)/arch/x86/boot/bzImage\n"
	"\ttouch $(O)/System.map $(O)/vmlinux\n"
	"hang:\n\t@sleep 1000\n"
	".PHONY: tinyconfig olddefconfig bzImage hang\n";
static const char main_c[] = "Linux version 9.9.0-one \nend\n";
static const char one_to_two[] = "--- a/main.c\n+++ b/main.c\n@@ -1,2 +1,2 @@\n"
				 "-Linux version 9.9.0-one \n+Linux version 9.9.0-two \n end\n";
static const char workarounds[] = "[old]\nseries = 4.9..5.4\ncc = -std=gnu11\nld = -z p\nkcflags = "
				  "-k\nhostcflags = -h\nmake = WERROR=0\n"
				  "patch = old.patch\nreason = r\ntried = t\n";
static const char stale[] = "--- a/main.c\n+++ b/main.c\n@@ -1,2 +1,2 @@\n-eins\n+zwei\n end\n";

/* A data root, a tree and a cache of their own. */
struct world {
	char *base;
	struct kernel_spec spec;
};

static char *put(const struct world *w, const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", w->base, name);
	struct err err = ERR_INIT;

	ck_assert_msg(publish_buffer(path, text, strlen(text), &err) == 0, "%s", err.msg);
	return path;
}

static void set_key(struct kernel_spec *s, const char *key, const char *value)
{
	strv_add(&s->keys, key);
	strv_add(&s->values, value);
}

/* Of a vmlinux as much as a kernel image is known by. */
static void put_head(const struct world *w)
{
	_cleanup_free_ char *path = xasprintf("%s/tree/head", w->base);
	char head[96] = "\177ELF";
	struct err err = ERR_INIT;

	head[18] = 62;					       /* EM_X86_64 */
	memcpy(head + 64, "\4\0\0\0\4\0\0\0\22\0\0\0Xen", 16); /* the PVH entry's note */
	ck_assert_int_eq(publish_buffer(path, head, sizeof(head), &err), 0);
}

static void put_compiler(const struct world *w, const char *version)
{
	static const char *const others[] = {"ld", "flex", "bison", "bc"};
	_cleanup_free_ char *script =
		xasprintf("#!/bin/sh\n[ \"$1\" != --version ] || echo %s\n", version);
	_cleanup_free_ char *gcc = put(w, "bin/gcc", script);

	ck_assert_int_eq(chmod(gcc, 0755), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		_cleanup_free_ char *name = xasprintf("bin/%s", others[i]);
		_cleanup_free_ char *path = put(w, name, "#!/bin/sh\n");

		ck_assert_int_eq(chmod(path, 0755), 0);
	}
}

static void put_env(const struct world *w)
{
	_cleanup_free_ char *cache = xasprintf("%s/cache", w->base);
	_cleanup_free_ char *log = xasprintf("%s/log", w->base);
	_cleanup_free_ char *path = xasprintf("%s/bin:%s", w->base, getenv("PATH"));

	setenv("XDG_CACHE_HOME", cache, 1);
	setenv("SEALMATRIX_ROOT", w->base, 1);
	setenv("BUILD_LOG", log, 1);
	setenv("PATH", path, 1);
	unsetenv("TMPDIR");
	unsetenv("STOP");
	unsetenv("SIGNAL");
	unsetenv("BIG");
}

/* Object files are shared only where kbuild can work in the cache: in a path without a blank. */
static struct world world_new(void)
{
	char base[] = "/tmp/sealmatrix-test-source.XXXXXX";
	struct world w = {.spec = {.name = xstrdup("k"),
				   .arch = xstrdup("x86_64"),
				   .provider = xstrdup("source")}};

	ck_assert_ptr_nonnull(mkdtemp(base));
	w.base = xstrdup(base);
	free(put(&w, "tree/Makefile", makefile));
	free(put(&w, "tree/Kconfig", ""));
	free(put(&w, "tree/main.c", main_c));
	free(put(&w, "kernels/a.config", "CONFIG_A=y\n"));
	free(put(&w, "kernels/a.patch", one_to_two));
	free(put(&w, "kernels/workarounds.conf", workarounds));
	put_head(&w);
	put_compiler(&w, "1");
	put_env(&w);
	set_key(&w.spec, "tree", "tree");
	set_key(&w.spec, "config", "a.config");
	set_key(&w.spec, "patches", "a.patch");
	set_key(&w.spec, "release", "test");
	return w;
}

static void world_free(struct world *w)
{
	struct err err = ERR_INIT;

	ck_assert_msg(remove_tree(w->base, &err) == 0, "%s", err.msg);
	free(w->base);
	free(w->spec.name);
	free(w->spec.arch);
	free(w->spec.provider);
	free(w->spec.series);
	strv_free(&w->spec.keys);
	strv_free(&w->spec.values);
}

#define _cleanup_world_ _cleanup_(world_free)

static void change(struct world *w, const char *key, const char *value)
{
	for (size_t i = 0; i < w->spec.keys.n; i++) {
		if (strcmp(w->spec.keys.v[i], key))
			continue;
		free(w->spec.values.v[i]);
		w->spec.values.v[i] = xstrdup(value);
	}
}

/* Where the kernel lies in the cache, after it was got. Caller frees. */
static char *entry_of(const struct world *w)
{
	_cleanup_kernel_ struct kernel k;
	struct err err = ERR_INIT;

	k = (struct kernel){0};
	ck_assert_msg(provider_source.get(&w->spec, NULL, &k, &err) == 0, "%s", err.msg);
	return xstrdup(k.entry);
}

/* How often @target was made. */
static unsigned made(const struct world *w, const char *target)
{
	_cleanup_free_ char *path = xasprintf("%s/log", w->base), *text = NULL;
	struct err err = ERR_INIT;
	unsigned n = 0;

	if (access(path, F_OK) < 0)
		return 0;
	ck_assert_int_eq(read_file(path, 1 << 20, &text, NULL, &err), 0);
	for (const char *p = text; (p = strstr(p, target)); p += strlen(target))
		n++;
	return n;
}

static int cached(const struct world *w)
{
	_cleanup_free_ char *about = NULL, *where = NULL;
	struct err err = ERR_INIT;

	ck_assert_msg(kernel_describe(&w->spec, &about, &where, &err) == 0, "%s", err.msg);
	return where != NULL;
}

static void other_config(struct world *w)
{
	free(put(w, "kernels/a.config", "CONFIG_A=y\nCONFIG_B=y\n"));
}

static void other_patch(struct world *w)
{
	_cleanup_free_ char *text = xasprintf("Another reason.\n%s", one_to_two);

	free(put(w, "kernels/a.patch", text));
}

static void no_patch(struct world *w)
{
	change(w, "patches", "");
}

static void other_source(struct world *w)
{
	free(put(w, "tree/other.c", ""));
}

/* The same size, another time. */
static void touched_source(struct world *w)
{
	_cleanup_free_ char *path = put(w, "tree/main.c", main_c);
	struct timespec t[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

	ck_assert_int_eq(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void other_compiler(struct world *w)
{
	put_compiler(w, "2");
}

static void other_release(struct world *w)
{
	change(w, "release", "other");
}

static const struct {
	void (*change)(struct world *w);
	unsigned configured; /* how often a tree had to be configured from nothing */
} inputs[] = {
	{other_config, 2},   {other_patch, 1},	  {no_patch, 1},      {other_source, 2},
	{touched_source, 2}, {other_compiler, 2}, {other_release, 1},
};

START_TEST(every_input_is_in_the_key)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_free_ char *first = entry_of(&w), *again = entry_of(&w);

	ck_assert_str_eq(first, again);
	ck_assert_uint_eq(made(&w, "bzImage"), 2); /* the tree as it is, and with the patch */
	inputs[_i].change(&w);
	ck_assert_int_eq(cached(&w), 0);
	_cleanup_free_ char *other = entry_of(&w);

	ck_assert_str_ne(first, other);
	ck_assert_int_eq(cached(&w), 1);
	ck_assert_uint_eq(made(&w, "tinyconfig"), inputs[_i].configured);
}
END_TEST

/* A source whose series nobody knows may be an old one; of a young one a name is misspelt. */
START_TEST(option_that_no_source_has)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_kernel_ struct kernel k = {0};
	struct err err = ERR_INIT;

	_cleanup_free_ char *drops =
		xasprintf("%solddefconfig:\n\tsed -i /ODD/d $(O)/.config\n", makefile);

	free(put(&w, "tree/Makefile", drops));
	free(put(&w, "kernels/a.config", "CONFIG_A=y\nCONFIG_ODD=y\n"));
	if (_i)
		w.spec.series = xstrdup("5.10");
	int ret = provider_source.get(&w.spec, NULL, &k, &err);

	ck_assert_msg((ret < 0) == _i, "%s", err.msg);
	ck_assert(!_i || strstr(err.msg, "CONFIG_ODD=y"));
}
END_TEST

START_TEST(comment_in_a_fragment_is_not_in_the_key)
{
	_cleanup_world_ struct world w = world_new();

	free(entry_of(&w));
	free(put(&w, "kernels/a.config", "# Why.\n\nCONFIG_A=y\n"));
	ck_assert_int_eq(cached(&w), 1);
	/* These say something. */
	free(put(&w, "kernels/a.config", "# Why.\n# optional\nCONFIG_A=y\n"));
	ck_assert_int_eq(cached(&w), 0);
	free(put(&w, "kernels/a.config", "CONFIG_A=y\n# CONFIG_B is not set\n"));
	ck_assert_int_eq(cached(&w), 0);
}
END_TEST

START_TEST(patch_is_in_the_kernel)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_kernel_ struct kernel k = {0}, plain = {0};
	struct err err = ERR_INIT;

	ck_assert_msg(provider_source.get(&w.spec, NULL, &k, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(k.release, "9.9.0-two");
	ck_assert_ptr_nonnull(strstr(k.origin, "a.patch"));
	/* Object files that others start from are those of the tree as it is. */
	ck_assert_uint_eq(made(&w, "9.9.0-one"), 1);
	ck_assert_uint_eq(made(&w, "9.9.0-two"), 1);
	no_patch(&w);
	ck_assert_msg(provider_source.get(&w.spec, NULL, &plain, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(plain.release, "9.9.0-one");
}
END_TEST

/* What a kernel developer's shell exports. */
START_TEST(users_own_configuration_is_left_alone)
{
	_cleanup_world_ struct world w = world_new();

	setenv("KCONFIG_CONFIG", "/nowhere/my.config", 1);
	setenv("KCONFIG_ALLCONFIG", "/nowhere/all.config", 1);
	free(entry_of(&w));
	ck_assert_uint_eq(made(&w, "user no no"), 1);
}
END_TEST

/* As a distribution's 5.4 says it: what the table has for that series reaches make. */
START_TEST(old_tree_is_built_with_its_workarounds)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_free_ char *old = xasprintf("VERSION = 5\nPATCHLEVEL = 4\n%s", makefile);
	_cleanup_kernel_ struct kernel k = {0}, young = {0};
	struct err err = ERR_INIT;

	free(put(&w, "tree/Makefile", old));
	free(put(&w, "tree/old.c", "1\n"));
	free(put(&w, "kernels/old.patch", "--- a/old.c\n+++ b/old.c\n@@ -1 +1 @@\n-1\n+2\n"));
	ck_assert_msg(provider_source.get(&w.spec, NULL, &k, &err) == 0, "%s", err.msg);
	ck_assert_ptr_nonnull(strstr(k.origin, "workarounds: old"));
	/* The tree as it is, and with the patch of the spec. */
	ck_assert_uint_eq(made(&w, "gcc -std=gnu11 ld -z p -k -h 0"), 2);

	w.spec.series = xstrdup("5.10"); /* what the matrix says comes first */
	ck_assert_msg(provider_source.get(&w.spec, NULL, &young, &err) == 0, "%s", err.msg);
	ck_assert_ptr_null(strstr(young.origin, "workarounds"));
	ck_assert_uint_eq(made(&w, "gcc -std=gnu11 ld -z p -k -h 0"), 2);
	ck_assert_str_ne(k.entry, young.entry);
}
END_TEST

/* Of one tree many kernels are made: it must be the same after each. */
START_TEST(tree_stays_as_it_is)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_free_ char *path = xasprintf("%s/tree/main.c", w.base), *text = NULL;
	struct stat before, after;
	struct err err = ERR_INIT;

	ck_assert_int_eq(stat(path, &before), 0);
	free(entry_of(&w));
	other_patch(&w);
	free(entry_of(&w));
	ck_assert_int_eq(read_file(path, 100, &text, NULL, &err), 0);
	ck_assert_str_eq(text, main_c);
	ck_assert_int_eq(stat(path, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}
END_TEST

/* The log of the last build of a name is there to be read, whether it failed or not. */
START_TEST(log_is_kept)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_free_ char *log = xasprintf("%s/cache/sealmatrix/logs/k.log", w.base);
	_cleanup_free_ char *objects = xasprintf("%s/cache/sealmatrix/logs/k-objects.log", w.base);

	free(entry_of(&w));
	ck_assert_int_eq(access(log, R_OK), 0);
	ck_assert_int_eq(access(objects, R_OK), 0);
}
END_TEST

START_TEST(full_disk_is_said_and_nothing_is_kept)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_free_ char *cache = xasprintf("%s/cache", w.base);
	_cleanup_kernel_ struct kernel k = {0};
	struct err err = ERR_INIT;

	if (!small_disk(cache, "1m"))
		return;
	setenv("BIG", "4000000", 1);
	ck_assert_int_lt(provider_source.get(&w.spec, NULL, &k, &err), 0);
	ck_assert_int_eq(err.kind, ERR_INFRA); /* exit status 3 */
	ck_assert_msg(strstr(err.msg, "no space left") && strstr(err.msg, "MiB are free"), "%s",
		      err.msg);
	ck_assert_int_eq(cached(&w), 0);
	/* What the failed build took is free again. */
	unsetenv("BIG");
	free(entry_of(&w));
	umount2(cache, MNT_DETACH);
}
END_TEST

START_TEST(built_in_a_cache_with_a_blank)
{
	_cleanup_world_ struct world w = world_new();

	setenv("XDG_CACHE_HOME", test_dir(), 1);
	_cleanup_free_ char *entry = entry_of(&w);

	ck_assert_ptr_nonnull(strchr(entry, ' '));
	ck_assert_uint_eq(made(&w, "bzImage"), 1); /* object files would be of no use */
}
END_TEST

START_TEST(built_from_a_tarball)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_free_ char *from = xasprintf("%s/tree", w.base);
	_cleanup_free_ char *to = xasprintf("%s/linux-9.9", w.base);
	_cleanup_free_ char *tar = xasprintf("%s/linux-9.9.tar.gz", w.base);
	char *argv[] = {"tar", "-C", w.base, "-czf", tar, "linux-9.9", NULL};
	struct err err = ERR_INIT;

	ck_assert_int_eq(rename(from, to), 0);
	ck_assert_msg(proc_run(argv, NULL, &err) == 0, "%s", err.msg);
	free(w.spec.keys.v[0]);
	w.spec.keys.v[0] = xstrdup("tarball");
	change(&w, "tarball", tar);
	_cleanup_free_ char *first = entry_of(&w);

	/* Another kernel of the same source needs the tarball's digest only. */
	other_patch(&w);
	_cleanup_free_ char *second = entry_of(&w);

	ck_assert_str_ne(first, second);
	ck_assert_uint_eq(made(&w, "tinyconfig"), 1);
}
END_TEST

static void set_source(struct world *w, const char *key, const char *value)
{
	free(w->spec.keys.v[0]);
	w->spec.keys.v[0] = xstrdup(key);
	change(w, key, value);
}

/* A relative name: first where the user keeps sources. */
START_TEST(source_is_found_where_the_user_keeps_it)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_free_ char *dir = xasprintf("%s/mine/vendor", w.base);
	_cleanup_free_ char *dirs = xasprintf("/nowhere:%s/mine", w.base);
	_cleanup_free_ char *from = xasprintf("%s/tree", w.base), *about = NULL, *where = NULL;
	struct err err = ERR_INIT;

	set_source(&w, "tree", "vendor");
	unsetenv("SEALMATRIX_SOURCES");
	ck_assert_int_eq(kernel_describe(&w.spec, &about, &where, &err), KERNEL_NOT_AVAILABLE);
	ck_assert_msg(strstr(err.msg, "vendor is not here") &&
			      strstr(err.msg, "SEALMATRIX_SOURCES"),
		      "%s", err.msg);
	ck_assert_ptr_null(where);
	ck_assert_str_eq(about, "built from vendor with a.patch");

	_cleanup_free_ char *mine = xasprintf("%s/mine", w.base);

	ck_assert_int_eq(mkdir(mine, 0777), 0);
	ck_assert_int_eq(rename(from, dir), 0);
	setenv("SEALMATRIX_SOURCES", dirs, 1);
	free(entry_of(&w));
	unsetenv("SEALMATRIX_SOURCES");
}
END_TEST

static void must_run(char *const argv[])
{
	struct err err = ERR_INIT;

	ck_assert_msg(proc_run(argv, NULL, &err) == 0, "%s", err.msg);
}

/* A distribution's source package, as dpkg-source makes it: the .dsc and what it names. */
static char *make_dsc(const struct world *w)
{
	_cleanup_free_ char *from = xasprintf("%s/tree", w->base);
	_cleanup_free_ char *to = xasprintf("%s/linux-9.9", w->base);

	ck_assert_int_eq(rename(from, to), 0);
	free(put(w, "linux-9.9/debian/control",
		 "Source: linux\nMaintainer: Nobody <nobody@example.invalid>\n\n"
		 "Package: linux-none\nArchitecture: all\nDescription: none\n"));
	free(put(w, "linux-9.9/debian/changelog",
		 "linux (9.9) unstable; urgency=low\n\n  * Made.\n\n"
		 " -- Nobody <nobody@example.invalid>  Wed, 01 Jan 2020 00:00:00 +0000\n"));
	free(put(w, "linux-9.9/debian/source/format", "3.0 (native)\n"));
	must_run((char *[]){"sh", "-c", "cd \"$1\" && dpkg-source -q -b linux-9.9", "sh", w->base,
			    NULL});
	return xasprintf("%s/linux_9.9.dsc", w->base);
}

/* linux-source-9.9 as a file: a package that holds a tarball. */
static char *make_source_deb(const struct world *w)
{
	static const char script[] =
		"cd \"$1\" && mv tree linux-source-9.9 && mkdir -p pkg/DEBIAN pkg/usr/src && "
		"tar -cJf pkg/usr/src/linux-source-9.9.tar.xz linux-source-9.9 && "
		"printf 'Package: linux-source-9.9\\nVersion: 1\\nArchitecture: all\\n"
		"Maintainer: Nobody <nobody@example.invalid>\\nDescription: none\\n' "
		">pkg/DEBIAN/control && dpkg-deb -b pkg linux-source-9.9_1_all.deb >log.deb";

	must_run((char *[]){"sh", "-c", (char *)script, "sh", w->base, NULL});
	return xasprintf("%s/linux-source-9.9_1_all.deb", w->base);
}

static const struct {
	const char *key;
	char *(*make)(const struct world *w);
} packages[] = {{"dsc", make_dsc}, {"tarball", make_source_deb}};

START_TEST(built_from_a_package_file)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_free_ char *path = packages[_i].make(&w);

	set_source(&w, packages[_i].key, path);
	free(entry_of(&w));
	ck_assert_uint_eq(made(&w, "9.9.0-two"), 1);
}
END_TEST

/* What the .dsc promises and the tarball is not. */
START_TEST(altered_source_package_is_refused)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_free_ char *dsc = make_dsc(&w), *tar = xasprintf("%s/linux_9.9.tar.xz", w.base);
	_cleanup_kernel_ struct kernel k = {0};
	struct err err = ERR_INIT;
	int fd = open(tar, O_WRONLY | O_APPEND | O_CLOEXEC);

	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
	set_source(&w, "dsc", dsc);
	ck_assert_int_lt(provider_source.get(&w.spec, NULL, &k, &err), 0);
	ck_assert_msg(strstr(err.msg, "linux_9.9.tar.xz") != NULL, "%s", err.msg);
	ck_assert_uint_eq(made(&w, "tinyconfig"), 0);
}
END_TEST

static void bad_patch(struct world *w)
{
	free(put(w, "kernels/a.patch", stale));
}

static void no_such_patch(struct world *w)
{
	change(w, "patches", "b.patch");
}

static void lost_option(struct world *w)
{
	free(put(w, "tree/Kconfig", "config A\n\tbool\nconfig TINY\n\tbool\n"));
	free(put(w, "kernels/a.config", "CONFIG_A=y\nCONFIG_TINY=n\n"));
	free(put(w, "tree/Makefile",
		 "tinyconfig:\n\techo CONFIG_TINY=y > $(O)/.config\n"
		 "olddefconfig:\n\techo CONFIG_TINY=y > $(O)/.config\n"));
}

static void no_compiler(struct world *w)
{
	_cleanup_free_ char *path = xasprintf("%s/kernels", w->base);

	setenv("PATH", path, 1);
}

static void no_tree(struct world *w)
{
	change(w, "tree", "kernels");
}

static void no_kernel(struct world *w)
{
	free(put(w, "tree/Makefile", "%:\n\techo CONFIG_A=y > $(O)/.config\n"));
}

static const struct {
	void (*spoil)(struct world *w);
	enum err_kind kind;
	const char *said;
} mistakes[] = {
	{bad_patch, ERR_INFRA, "a.patch does not apply"},
	{no_such_patch, ERR_USER, "b.patch"},
	{lost_option, ERR_USER, "CONFIG_A=y, CONFIG_TINY=n"},
	{no_compiler, ERR_INFRA, "install: gcc"},
	{no_tree, ERR_USER, "is no kernel's source"},
	{no_kernel, ERR_INFRA, "bzImage"},
};

START_TEST(mistakes_are_named_and_nothing_is_kept)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_free_ char *kernels = xasprintf("%s/cache/sealmatrix/kernel", w.base);
	_cleanup_closedir_ DIR *d = NULL;
	struct err err = ERR_INIT;

	mistakes[_i].spoil(&w);
	ck_assert_int_lt(provider_source.get(&w.spec, NULL, &k, &err), 0);
	ck_assert_msg(strstr(err.msg, mistakes[_i].said) != NULL, "%s", err.msg);
	ck_assert_int_eq(err.kind, mistakes[_i].kind);
	d = opendir(kernels);
	for (struct dirent *e; d && (e = readdir(d));)
		ck_assert_msg(e->d_name[0] == '.' || strstr(e->d_name, ".lock"), "%s", e->d_name);
}
END_TEST

/* In a process of its own, for a stop is for good. */
static int get_until_stopped(const struct world *w)
{
	_cleanup_kernel_ struct kernel k = {0};
	_cleanup_free_ char *pid = xasprintf("%d", (int)getpid());
	struct err err = ERR_INIT;

	sig_init();
	setenv("STOP", pid, 1);
	return provider_source.get(&w->spec, NULL, &k, &err) == -EINTR ? 0 : 1;
}

START_TEST(an_interrupted_build_leaves_nothing)
{
	_cleanup_world_ struct world w = world_new();
	_cleanup_free_ char *works = xasprintf("%s/cache/sealmatrix/work", w.base);
	_cleanup_closedir_ DIR *d = NULL;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(get_until_stopped(&w));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(cached(&w), 0);
	d = opendir(works);
	ck_assert_ptr_nonnull(d);
	for (struct dirent *e; (e = readdir(d));)
		ck_assert_msg(e->d_name[0] == '.' || strstr(e->d_name, ".lock"), "%s", e->d_name);
	/* And the next run builds, from the beginning. */
	_cleanup_free_ char *entry = entry_of(&w);

	ck_assert_int_eq(access(entry, F_OK), 0);
	ck_assert_uint_eq(made(&w, "tinyconfig"), 2);
}
END_TEST

/* kill -9: what make had started ends as well, and the next run waits for that, and then builds. */
START_TEST(a_killed_build_leaves_nothing)
{
	_cleanup_world_ struct world w = world_new();
	pid_t pid;
	int status;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	setenv("SIGNAL", "KILL", 1);
	pid = fork();
	if (pid == 0)
		_exit(get_until_stopped(&w));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	/* All that it leaves comes to this process, and there is an end of it. */
	while (waitpid(-1, &status, 0) > 0)
		;
	ck_assert_int_eq(errno, ECHILD);
	ck_assert_int_eq(cached(&w), 0);
	free(entry_of(&w));
	ck_assert_uint_eq(made(&w, "tinyconfig"), 2);
}
END_TEST

TEST_SUITE(source)
{
	Suite *s = suite_create("source");
	TCase *tc = tcase_create("source");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, every_input_is_in_the_key, 0, sizeof(inputs) / sizeof(*inputs));
	tcase_add_loop_test(tc, option_that_no_source_has, 0, 2);
	tcase_add_test(tc, comment_in_a_fragment_is_not_in_the_key);
	tcase_add_test(tc, patch_is_in_the_kernel);
	tcase_add_test(tc, built_in_a_cache_with_a_blank);
	tcase_add_test(tc, built_from_a_tarball);
	tcase_add_test(tc, source_is_found_where_the_user_keeps_it);
	tcase_add_loop_test(tc, built_from_a_package_file, 0, sizeof(packages) / sizeof(*packages));
	tcase_add_test(tc, altered_source_package_is_refused);
	tcase_add_loop_test(tc, mistakes_are_named_and_nothing_is_kept, 0,
			    sizeof(mistakes) / sizeof(*mistakes));
	tcase_add_test(tc, an_interrupted_build_leaves_nothing);
	tcase_add_test(tc, a_killed_build_leaves_nothing);
	tcase_add_test(tc, users_own_configuration_is_left_alone);
	tcase_add_test(tc, old_tree_is_built_with_its_workarounds);
	tcase_add_test(tc, tree_stays_as_it_is);
	tcase_add_test(tc, log_is_kept);
	tcase_add_test(tc, full_disk_is_said_and_nothing_is_kept);
	suite_add_tcase(s, tc);
	return s;
}
