// SPDX-License-Identifier: GPL-2.0-or-later
#include "hello.h"

#include <string.h>
#include <sys/utsname.h>

#include "cleanup.h"
#include "proto.h"

static json_t *read_modules(const char *path)
{
	json_t *modules = json_object();
	_cleanup_fclose_ FILE *f = path ? fopen(path, "re") : NULL;
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		char *how = strchr(line, ' ');

		if (!how)
			continue;
		*how++ = '\0';
		json_object_set_new(modules, line, json_string(how));
	}
	return modules;
}

json_t *hello_frame(const char *features, const char *modules)
{
	json_t *probed = features ? json_loads(features, 0, NULL) ?: json_object() : NULL;
	struct utsname u;

	uname(&u);
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:i, s:i, s:b, s:o*, s:o}", "type",
			 SM_FRAME_HELLO, "proto", SM_PROTO, "release", u.release, "machine",
			 u.machine, "version", u.version, "page_size", (int)sysconf(_SC_PAGESIZE),
			 "cpus", (int)sysconf(_SC_NPROCESSORS_ONLN), "root", geteuid() == 0,
			 "features", probed, "modules", read_modules(modules));
}
