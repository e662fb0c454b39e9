// SPDX-License-Identifier: GPL-2.0-or-later
/* What a kernel is built with, and is it here? */
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "cleanup.h"
#include "proc.h"

static const struct {
	const char *program, *package;
} tools[] = {
	{"gcc", "gcc"},	    {"make", "make"}, {"ld", "binutils"}, {"flex", "flex"},
	{"bison", "bison"}, {"bc", "bc"},     {"patch", "patch"}, {"gzip", "gzip"},
};

static const struct {
	const char *header, *package;
} headers[] = {
	{"stdlib.h", "libc6-dev"},
	{"gelf.h", "libelf-dev"}, /* objtool, which x86 has from 5.x on whatever is configured */
};

static bool has_header(const char *header)
{
	char *argv[] = {"gcc", "-fsyntax-only", "-include", (char *)header, "-x",
			"c",   "/dev/null",	NULL};
	struct err ignored = ERR_INIT;

	return proc_run(argv, NULL, &ignored) == 0;
}

int build_check_tools(struct err *err)
{
	_cleanup_strv_ struct strv missing = {0};

	for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++)
		if (!proc_in_path(tools[i].program))
			strv_add(&missing, tools[i].package);
	for (size_t i = 0; proc_in_path("gcc") && i < sizeof(headers) / sizeof(*headers); i++)
		if (!has_header(headers[i].header))
			strv_add(&missing, headers[i].package);
	if (!missing.n)
		return 0;
	_cleanup_free_ char *names = strv_join(&missing, " ");

	return err_set(err, ERR_INFRA, 0, "to build a kernel, install: %s", names);
}

int build_compiler(char **version, struct err *err)
{
	char *argv[] = {"gcc", "--version", NULL};
	int ret = proc_in_path("gcc") ? proc_capture(argv, NULL, version, err)
				      : build_check_tools(err);

	if (!ret)
		(*version)[strcspn(*version, "\n")] = '\0';
	return ret;
}
