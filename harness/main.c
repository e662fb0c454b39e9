// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "cmd.h"
#include "near.h"
#include "settings.h"
#include "sig.h"
#include "xalloc.h"

static const struct command *const commands[] = {&cmd_run,     &cmd_repro, &cmd_report,
						 &cmd_kernels, &cmd_cases, &cmd_bench,
						 &cmd_mutants, &cmd_shell, &cmd_replay};

#define NCOMMANDS (sizeof(commands) / sizeof(*commands))

static const char *program = "sealmatrix";

const char *program_name(void)
{
	return program;
}

int usage_error(char **argv, struct err *err)
{
	/* getopt has no message of its own with opterr = 0; the argument before optind is the bad
	 * one. */
	return err_set(err, ERR_USER, 0,
		       "%s: bad option or missing value at '%s'; see %s %s --help", argv[0],
		       argv[optind - 1], program, argv[0]);
}

int parse_number(const char *s, const char *what, long min, long max, long *out, struct err *err)
{
	char *end;

	errno = 0;
	*out = strtol(s, &end, 10);
	if (errno || end == s || *end || *out < min || *out > max)
		return err_set(err, ERR_USER, 0, "%s takes a number from %ld to %ld, not '%s'",
			       what, min, max, s);
	return 0;
}

void kernel_path(struct strv *words, const char *path)
{
	strv_addf(words, "%s%s", strchr(path, '/') ? "" : "./", path);
}

static void print_help(FILE *out)
{
	fprintf(out,
		"sealmatrix boots a matrix of kernels and tells which of them lose copy-on-write\n"
		"on sealed memfds, the bug that made container runtimes hang.\n\n"
		"Usage: %s COMMAND [ARGUMENT…]\n\n",
		program);
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(out,
		"\n%s COMMAND --help tells more.\n\n"
		"Exit status: 0 all as expected, 1 an unexpected outcome, 2 usage or "
		"configuration,\n"
		"3 infrastructure (a kernel could not be had, QEMU failed), 128+N ended by signal "
		"N.\n",
		program);
}

static void print_command_help(const struct command *c)
{
	printf("%s.\n\nUsage: %s %s %s\n\n%s", c->summary, program, c->name, c->args, c->help);
}

static int unknown_command(const char *name, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};

	for (size_t i = 0; i < NCOMMANDS; i++)
		strv_add(&names, commands[i]->name);
	_cleanup_free_ char *near = near_matches(name, &names);

	return err_set(err, ERR_USER, 0, "there is no command '%s'%s%s%s; see %s --help", name,
		       near ? " (did you mean " : "", near ? near : "", near ? "?)" : "", program);
}

static bool asks_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

static int dispatch(int argc, char **argv, struct err *err)
{
	if (argc < 2)
		return err_set(err, ERR_USER, 0, "what is to be done? see %s --help", program);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return STATUS_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("sealmatrix " SM_VERSION);
		return STATUS_OK;
	}
	for (size_t i = 0; i < NCOMMANDS; i++) {
		if (strcmp(argv[1], commands[i]->name))
			continue;
		if (asks_help(argc - 1, argv + 1)) {
			print_command_help(commands[i]);
			return STATUS_OK;
		}
		opterr = 0;
		int ret = settings_load(err);

		return ret ? ret : commands[i]->run(argc - 1, argv + 1, err);
	}
	return unknown_command(argv[1], err);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	if (argc > 0)
		program = argv[0];
	sig_init();

	int ret = dispatch(argc, argv, &err);

	if (ret < 0) {
		fprintf(stderr, "sealmatrix: %s\n", err.msg);
		ret = err.kind ? (int)err.kind : STATUS_INFRA;
	}
	/* A full disk behind stdout must not look like success. */
	if (fflush(stdout) == EOF || ferror(stdout)) {
		fprintf(stderr, "sealmatrix: write standard output: %s\n", strerror(errno));
		ret = STATUS_INFRA;
	}
	return sig_stop() ? 128 + sig_stop() : ret;
}
