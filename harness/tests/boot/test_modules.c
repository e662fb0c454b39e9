// SPDX-License-Identifier: GPL-2.0-or-later
/* Closures of modules against modprobe's own opinion, on the real packages that other tests boot.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../test.h"
#include "cleanup.h"
#include "matrix.h"
#include "modules.h"
#include "proc.h"
#include "provider.h"
#include "publish.h"

/* What the guest wants, what has a long closure and a soft dependency, what is built in, nothing.
 */
static const char *const wanted[] = {"overlay", "btrfs", "unix", "no_such_module"};

static const char *const kernels[] = {"6.1", "newest"};

#define N(a) (int)(sizeof(a) / sizeof(*(a)))

static void get(const char *name, struct kernel *k)
{
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_free_ size_t *sel = NULL;
	struct err err = ERR_INIT;
	size_t n;

	ck_assert_msg(matrix_open(&m, &err) == 0, "%s", err.msg);
	ck_assert_msg(matrix_select(&m, (char *[]){(char *)name}, 1, &sel, &n, &err) == 0, "%s",
		      err.msg);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(m.v[sel[i]].name, name))
			ck_assert_msg(kernel_get(&m.v[sel[i]], NULL, k, &err) == 0, "%s", err.msg);
	ck_assert_ptr_nonnull(k->modules);
}

/* The package as it is, with what depmod makes of it: modprobe wants that beside the modules. */
static char *with_depmod(const struct kernel *k)
{
	_cleanup_free_ char *from = xasprintf("%s/lib/modules/%s", k->modules, k->release);
	_cleanup_free_ char *dir = xasprintf("%s/lib/modules", test_dir());
	char *link[] = {"cp", "-as", from, dir, NULL};
	char *depmod[] = {"/sbin/depmod", "-b", (char *)test_dir(), k->release, NULL};
	struct err err = ERR_INIT;

	ck_assert_int_eq(make_dirs(dir, &err), 0);
	ck_assert_msg(proc_run(link, NULL, &err) == 0, "%s", err.msg);
	ck_assert_msg(proc_run(depmod, NULL, &err) == 0, "%s", err.msg);
	return xstrdup(test_dir());
}

/* From "/kernel/" on: behind the release, for directories of the cache are called so, too. */
static const char *below_release(const char *path, const char *release)
{
	const char *p = strstr(path, release);

	return p ? p + strlen(release) : NULL;
}

/* "insmod FILE" lines as "dir/dir/name.ko", in order; "builtin" for one that is built in. */
static char *modprobe_says(const char *root, const char *release, const char *name)
{
	_cleanup_free_ char *command =
		xasprintf("/sbin/modprobe -C /nonexistent -d '%s' -S '%s' --show-depends '%s' "
			  "2>/dev/null",
			  root, release, name);
	_cleanup_strv_ struct strv words = {0};
	char line[4096];
	FILE *p = popen(command, "re");

	while (fgets(line, sizeof(line), p)) {
		const char *file = below_release(line, release);

		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "builtin ", 8))
			strv_add(&words, "builtin");
		else if (file)
			strv_addf(&words, "%.*s", (int)strcspn(file, " "), file);
	}
	pclose(p);
	return strv_join(&words, " ");
}

static char *we_say(const struct kernel *k, const char *name)
{
	_cleanup_module_set_ struct module_set set = {0};
	_cleanup_strv_ struct strv want = {0}, words = {0};
	struct err err = ERR_INIT;

	strv_add(&want, name);
	ck_assert_msg(modules_closure(k->modules, k->release, &want, &set, &err) == 0, "%s",
		      err.msg);
	for (size_t i = 0; i < set.builtin.n; i++)
		strv_add(&words, "builtin");
	for (size_t i = 0; i < set.files.n; i++)
		strv_add(&words, below_release(set.files.v[i], k->release));
	return strv_join(&words, " ");
}

START_TEST(closures_are_those_of_modprobe)
{
	_cleanup_kernel_ struct kernel k = {0};
	int modules = 0;

	get(kernels[_i], &k);
	_cleanup_free_ char *root = with_depmod(&k);

	for (int i = 0; i < N(wanted); i++) {
		_cleanup_free_ char *theirs = modprobe_says(root, k.release, wanted[i]);
		_cleanup_free_ char *ours = we_say(&k, wanted[i]);

		ck_assert_msg(!strcmp(theirs, ours), "%s: %s:\n%s\n%s", kernels[_i], wanted[i],
			      theirs, ours);
		modules += strstr(theirs, ".ko") != NULL;
	}
	ck_assert_int_eq(modules, 2);
}
END_TEST

TEST_SUITE(modprobe)
{
	Suite *s = suite_create("modprobe");
	TCase *tc = tcase_create("modprobe");

	tcase_set_timeout(tc, 600);
	tcase_add_loop_test(tc, closures_are_those_of_modprobe, 0, N(kernels));
	suite_add_tcase(s, tc);
	return s;
}
