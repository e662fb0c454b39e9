// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "matrix.h"
#include "paths.h"
#include "publish.h"
#include "settings.h"
#include "test.h"

static const char sample[] =
	"[5.10]\nprovider=debian\narch=x86_64\nseries=5.10\ntags=default lts\n"
	"suites=bullseye\n"
	"[6.1]\nprovider=debian\narch=x86_64\nseries=6.1\ntags=default lts\n"
	"[cow-6.1]\nprovider=source\narch=x86_64\nseries=6.1\ntags=default seeded\n"
	"[7.3]\nprovider=debian\narch=x86_64\nseries=7.3\ntags=cloud\n";

static int load(const char *text, struct matrix *m, struct err *err)
{
	_cleanup_free_ char *path = xasprintf("%s/matrix.conf", test_dir());

	*err = (struct err)ERR_INIT;
	ck_assert_int_eq(publish_buffer(path, text, strlen(text), err), 0);
	return matrix_load(path, m, err);
}

/* What the words choose from the sample, as names with blanks between. */
static char *chosen(char *const *words, size_t n, struct err *err)
{
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_free_ size_t *sel = NULL;
	size_t nsel;
	char *out = xstrdup("");

	ck_assert_msg(load(sample, &m, err) == 0, "%s", err->msg);
	if (matrix_select(&m, words, n, &sel, &nsel, err) < 0)
		return out;
	for (size_t i = 0; i < nsel; i++) {
		char *more = xasprintf("%s%s%s", out, i ? " " : "", m.v[sel[i]].name);

		free(out);
		out = more;
	}
	return out;
}

static const struct {
	char *words[3];
	const char *names;
} choices[] = {
	{{NULL}, "5.10 6.1 cow-6.1"},
	{{"6.1"}, "6.1"}, /* a name is one kernel, though its series has two */
	{{"seeded"}, "cow-6.1"},
	{{"7.3", "5.10"}, "5.10 7.3"},
	{{"5.1..6.1"}, "5.10 6.1 cow-6.1"},
	{{"6.2..9.9"}, "7.3"},
	{{"lts", "6.1"}, "5.10 6.1"},
	{{"/boot/vmlinuz-5.4.3"}, "vmlinuz-5.4.3"},
	{{"./k", "6.1", "./k"}, "6.1 k"}, /* the same path is the same kernel */
	{{"a/k", "b/k", "./6.1"}, "k k-2 6.1-2"},
	{{"./tree/"}, "tree"},
	{{"./..", "./a b"}, "_. a_b"}, /* names are folders */
	{{"/"}, "kernel"},
	{{"x/linux-5.3.16.tar.xz", "./k.dsc"}, "linux-5.3.16.tar.xz k.dsc"},
};

START_TEST(words_choose_kernels)
{
	struct err err = ERR_INIT;
	size_t n = 0;

	while (n < 3 && choices[_i].words[n])
		n++;
	_cleanup_free_ char *names = chosen(choices[_i].words, n, &err);

	ck_assert_msg(!err.kind, "%s", err.msg);
	ck_assert_str_eq(names, choices[_i].names);
}
END_TEST

START_TEST(unknown_word_names_the_near_ones)
{
	struct err err = ERR_INIT;
	char *words[] = {"cow-6.2"};
	_cleanup_free_ char *names = chosen(words, 1, &err);

	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_ptr_nonnull(strstr(err.msg, "did you mean cow-6.1"));
	ck_assert_str_eq(names, "");
}
END_TEST

static const struct {
	const char *word, *says;
} bad_words[] = {
	{"5.1..", "no range"},
	{"..", "no range"},
	{"6.1..5.10", "older series comes first"},
	{"5.1..5.4", "no kernel of the matrix is of a series in 5.1..5.4"},
	{"6", "no kernel is called '6'"},
	{"", "no kernel is called ''"},
};

START_TEST(bad_words_say_what_is_wrong)
{
	struct err err = ERR_INIT;
	char *words[] = {(char *)"6.1", (char *)bad_words[_i].word};
	_cleanup_free_ char *names = chosen(words, 2, &err);

	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, bad_words[_i].says) != NULL, "%s", err.msg);
	ck_assert_str_eq(names, "");
}
END_TEST

START_TEST(mistyped_key_names_the_near_one)
{
	_cleanup_matrix_ struct matrix m = {0};
	struct err err;

	ck_assert_int_lt(load("[a]\nprovider=debian\narch=x86_64\nverison=6*\n", &m, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "did you mean version"));
	ck_assert_ptr_nonnull(strstr(err.msg, ":4:"));
}
END_TEST

static const char *const bad[] = {
	"[a]\nprovider=debian\n",				   /* no arch */
	"[a]\nprovider=debian\narch=x\n[a]\nprovider=x\narch=x\n", /* twice */
	"[a]\nprovider=debian\narch=x\narch=y\n",		   /* key twice */
	"[a/b]\nprovider=debian\narch=x\n",			   /* not a folder's name */
	"[a]\nprovider=debian\narch=x\nseries=six\n",
	"[a]\nprovider=debian\narch=x\nsuites=a\nsuites=b\n",
	"[a]\nthis is no line\n",
	"",
};

START_TEST(mistakes_are_refused)
{
	_cleanup_matrix_ struct matrix m = {0};
	struct err err;

	ck_assert_int_lt(load(bad[_i], &m, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_ptr_nonnull(strstr(err.msg, "matrix.conf"));
}
END_TEST

START_TEST(long_lines_are_refused)
{
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_free_ char *text =
		xasprintf("[a]\nprovider=debian\narch=x86_64\nsuites=%0300d\n", 1);
	struct err err;

	ck_assert_int_lt(load(text, &m, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, ":4:"));
}
END_TEST

START_TEST(shipped_matrix_loads)
{
	_cleanup_free_ char *path = paths_data("kernels/matrix.conf");
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_free_ size_t *sel = NULL;
	struct err err = ERR_INIT;
	size_t nsel;

	ck_assert_msg(matrix_load(path, &m, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(matrix_select(&m, NULL, 0, &sel, &nsel, &err), 0);
	ck_assert_uint_eq(nsel, 5);
}
END_TEST

/* Affected kernels are named though no mirror has them, and nobody gets one by accident. */
START_TEST(shipped_matrix_names_what_is_affected)
{
	_cleanup_free_ char *path = paths_data("kernels/matrix.conf");
	static char *words[] = {"affected", "android", "5.1..5.4", "4.9..4.19"};
	static const size_t least[] = {8, 2, 8, 7};
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		_cleanup_matrix_ struct matrix m = {0};
		_cleanup_free_ size_t *sel = NULL;
		size_t nsel;

		ck_assert_msg(matrix_load(path, &m, &err) == 0, "%s", err.msg);
		ck_assert_msg(matrix_select(&m, &words[i], 1, &sel, &nsel, &err) == 0, "%s",
			      err.msg);
		ck_assert_uint_ge(nsel, least[i]);
		for (size_t k = 0; i > 0 && k < nsel; k++)
			ck_assert(!strv_contains(&m.v[sel[k]].tags, "default"));
	}
}
END_TEST

static void user_file(const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/config/sealmatrix/%s", test_dir(), name);
	_cleanup_free_ char *dir = xasprintf("%s/config", test_dir());
	struct err err = ERR_INIT;

	setenv("XDG_CONFIG_HOME", dir, 1);
	ck_assert_int_eq(publish_buffer(path, text, strlen(text), &err), 0);
}

START_TEST(users_own_kernels_join)
{
	_cleanup_matrix_ struct matrix m = {0};
	_cleanup_free_ size_t *sel = NULL;
	char *words[] = {"phone"};
	struct err err = ERR_INIT;
	size_t nsel;

	user_file("matrix.conf", "[phone]\nprovider=file\narch=x86_64\nimage=/k/bzImage\n");
	ck_assert_msg(matrix_open(&m, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(matrix_select(&m, words, 1, &sel, &nsel, &err), 0);
	ck_assert_uint_eq(nsel, 1);
	ck_assert_str_eq(spec_get(&m.v[sel[0]], "image"), "/k/bzImage");
	ck_assert_ptr_null(m.v[sel[0]].word);
}
END_TEST

/* The name of a file in the message, for there are two now. */
START_TEST(users_mistakes_name_the_users_file)
{
	_cleanup_matrix_ struct matrix m = {0};
	struct err err = ERR_INIT;

	user_file("matrix.conf", "[6.1]\nprovider=file\narch=x86_64\nimage=/k/bzImage\n");
	ck_assert_int_lt(matrix_open(&m, &err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, "config/sealmatrix/matrix.conf") &&
			      strstr(err.msg, "listed twice"),
		      "%s", err.msg);
}
END_TEST

START_TEST(settings_are_defaults)
{
	struct err err = ERR_INIT;

	user_file("sealmatrix.conf", "snapshot = http://snapshot.invalid/\nkeyring = /k.gpg\n");
	unsetenv("SEALMATRIX_SNAPSHOT");
	setenv("SEALMATRIX_KEYRING", "/other.gpg", 1);
	ck_assert_msg(settings_load(&err) == 0, "%s", err.msg);
	ck_assert_str_eq(getenv("SEALMATRIX_SNAPSHOT"), "http://snapshot.invalid/");
	ck_assert_str_eq(getenv("SEALMATRIX_KEYRING"), "/other.gpg");
}
END_TEST

static const struct {
	const char *text, *says;
} bad_settings[] = {
	{"snapshots = x\n", "did you mean snapshot"},
	{"[general]\nsnapshot = x\n", "no sections"},
	{"snapshot\n", "sealmatrix.conf:1"},
};

START_TEST(bad_settings_are_refused)
{
	struct err err = ERR_INIT;

	user_file("sealmatrix.conf", bad_settings[_i].text);
	ck_assert_int_lt(settings_load(&err), 0);
	ck_assert_int_eq(err.kind, ERR_USER);
	ck_assert_msg(strstr(err.msg, bad_settings[_i].says) != NULL, "%s", err.msg);
}
END_TEST

TEST_SUITE(matrix)
{
	Suite *s = suite_create("matrix");
	TCase *tc = tcase_create("matrix");

	tcase_add_loop_test(tc, words_choose_kernels, 0, sizeof(choices) / sizeof(*choices));
	tcase_add_test(tc, unknown_word_names_the_near_ones);
	tcase_add_loop_test(tc, bad_words_say_what_is_wrong, 0,
			    sizeof(bad_words) / sizeof(*bad_words));
	tcase_add_test(tc, mistyped_key_names_the_near_one);
	tcase_add_loop_test(tc, mistakes_are_refused, 0, sizeof(bad) / sizeof(*bad));
	tcase_add_test(tc, long_lines_are_refused);
	tcase_add_test(tc, shipped_matrix_loads);
	tcase_add_test(tc, shipped_matrix_names_what_is_affected);
	tcase_add_test(tc, users_own_kernels_join);
	tcase_add_test(tc, users_mistakes_name_the_users_file);
	tcase_add_test(tc, settings_are_defaults);
	tcase_add_loop_test(tc, bad_settings_are_refused, 0,
			    sizeof(bad_settings) / sizeof(*bad_settings));
	suite_add_tcase(s, tc);
	return s;
}
