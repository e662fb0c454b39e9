// SPDX-License-Identifier: GPL-2.0-or-later
#include "kconfig.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "kconfig_tree.h"
#include "publish.h"

#define CONFIG_LIMIT (4 << 20)
#define OPTIONAL     "# optional"

/* What a fragment asks for. */
struct request {
	char *option, *want; /* "CONFIG_NET", "y" */
	bool optional;
};

struct requests {
	struct request *v;
	size_t n;
};

static void requests_free(struct requests *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].option);
		free(r->v[i].want);
	}
	free(r->v);
}

/* The last one that names an option wins, as Kconfig has it. Takes @option over. */
static void request_add(struct requests *r, char *option, const char *want, bool optional)
{
	size_t i = 0;

	while (i < r->n && strcmp(r->v[i].option, option))
		i++;
	if (i == r->n) {
		r->v = xreallocarray(r->v, r->n + 1, sizeof(*r->v));
		r->v[r->n++] = (struct request){.option = option};
	} else {
		free(option);
		free(r->v[i].want);
	}
	r->v[i].want = xstrdup(want);
	r->v[i].optional = optional;
}

/*
 * The option of "CONFIG_A=value" or of Kconfig's own "# CONFIG_A is not set", and where its value
 * begins. NULL for any other line.
 */
static char *parse_line(const char *line, const char **want)
{
	static const char unset[] = " is not set";
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_";
	const char *name = strncmp(line, "# ", 2) ? line : line + 2;
	size_t len = strspn(name, letters);

	if (strncmp(name, "CONFIG_", 7))
		return NULL;
	if (name == line && name[len] == '=')
		*want = name + len + 1;
	else if (name != line && !strcmp(name + len, unset))
		*want = "n";
	else
		return NULL;
	return xstrndup(name, len);
}

static int read_fragment(const char *path, struct requests *r, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	bool optional = false;
	unsigned number = 0;
	int ret = read_file(path, CONFIG_LIMIT, &text, NULL, err);

	for (char *rest = text, *line; !ret && (line = strsep(&rest, "\n"));) {
		const char *want;
		char *option = parse_line(line, &want);

		number++;
		if (option) {
			request_add(r, option, want, optional);
			optional = false;
		} else if (!strcmp(line, OPTIONAL)) {
			optional = true;
		} else if (*line && *line != '#') {
			ret = err_set(err, ERR_USER, 0,
				      "%s:%u: neither CONFIG_NAME=value nor a comment: %s", path,
				      number, line);
		}
	}
	return ret;
}

/* The value of @option in the text of a .config: up to the end of the line; NULL if not set. */
static const char *value_in(const char *config, const char *option)
{
	size_t len = strlen(option);

	for (const char *p = config; (p = strstr(p, option)); p += len)
		if ((p == config || p[-1] == '\n') && p[len] == '=')
			return p + len + 1;
	return NULL;
}

static bool survived(const struct request *r, const char *config)
{
	const char *value = value_in(config, r->option);
	size_t len = strlen(r->want);

	if (!strcmp(r->want, "n"))
		return !value;
	return value && !strncmp(value, r->want, len) && (value[len] == '\n' || !value[len]);
}

/* Options that are asked for with a value, and have not got it. */
static void lost_options(const struct requests *r, const char *config, struct strv *lost)
{
	for (size_t i = 0; i < r->n; i++)
		if (!survived(&r->v[i], config))
			strv_add(lost, r->v[i].option);
}

void kconfig_notes_free(struct kconfig_notes *n)
{
	strv_free(&n->unknown);
	strv_free(&n->not_taken);
}

/* What is lost goes into the notes, or else into @mistakes. */
static void sort_out(const struct requests *r, const struct strv *lost, const struct strv *known,
		     struct kconfig_notes *notes, struct strv *mistakes)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct request *q = &r->v[i];
		bool is_known = strv_contains(known, q->option);

		if (!strv_contains(lost, q->option) || (q->optional && !is_known))
			continue;
		if (!is_known && notes->unknown_noted)
			strv_add(&notes->unknown, q->option);
		else
			strv_addf(q->optional ? &notes->not_taken : mistakes, "%s=%s", q->option,
				  q->want);
	}
}

int kconfig_check(const struct strv *fragments, const char *config, const char *tree,
		  struct kconfig_notes *notes, struct err *err)
{
	_cleanup_(requests_free) struct requests r = {0};
	_cleanup_strv_ struct strv lost = {0}, known = {0}, mistakes = {0};
	_cleanup_free_ char *text = NULL;
	int ret = read_file(config, CONFIG_LIMIT, &text, NULL, err);

	for (size_t i = 0; !ret && i < fragments->n; i++)
		ret = read_fragment(fragments->v[i], &r, err);
	if (ret < 0)
		return ret;
	lost_options(&r, text, &lost);
	if (lost.n)
		ret = kconfig_tree_defines(tree, &lost, &known, err);
	if (ret < 0)
		return ret;
	sort_out(&r, &lost, &known, notes, &mistakes);
	if (!mistakes.n)
		return 0;
	_cleanup_free_ char *list = strv_join(&mistakes, ", ");

	return err_set(err, ERR_USER, 0, "this kernel cannot be configured with %s", list);
}

int kconfig_said(const char *path, char **text, struct err *err)
{
	_cleanup_free_ char *all = NULL;
	_cleanup_strv_ struct strv lines = {0};
	int ret = read_file(path, CONFIG_LIMIT, &all, NULL, err);

	for (char *rest = all, *line; !ret && (line = strsep(&rest, "\n"));) {
		const char *want;
		_cleanup_free_ char *option = parse_line(line, &want);

		if (option || !strcmp(line, OPTIONAL))
			strv_add(&lines, line);
	}
	if (!ret)
		*text = strv_join(&lines, "\n");
	return ret;
}

int kconfig_append(const struct strv *fragments, const char *config, struct err *err)
{
	_cleanup_fclose_ FILE *f = fopen(config, "ae");
	int ret = f ? 0 : err_set(err, ERR_INFRA, errno, "open %s", config);

	for (size_t i = 0; !ret && i < fragments->n; i++) {
		_cleanup_free_ char *text = NULL;

		ret = read_file(fragments->v[i], CONFIG_LIMIT, &text, NULL, err);
		if (ret < 0)
			break;
		/* A fragment's last line may lack its end. */
		bool ended = !*text || text[strlen(text) - 1] == '\n';

		if (fprintf(f, "%s%s", text, ended ? "" : "\n") < 0)
			ret = err_set(err, ERR_INFRA, errno, "write %s", config);
	}
	if (!ret && fflush(f) == EOF)
		ret = err_set(err, ERR_INFRA, errno, "write %s", config);
	return ret;
}
