// SPDX-License-Identifier: GPL-2.0-or-later
#include "template_world.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "publish.h"
#include "test.h"
#include "xalloc.h"

void template_world_open(struct template_world *w, const char *cache)
{
	struct err err = ERR_INIT;

	/* A multiboot module's path has no blank, and QEMU takes none in a migration's. */
	*w = (struct template_world){.scratch = "/tmp/sealmatrix-template.XXXXXX"};
	ck_assert_ptr_nonnull(mkdtemp(w->scratch));
	setenv("XDG_CACHE_HOME", cache, 1);
	w->kernel = xasprintf("%s/kernel", test_dir());
	w->list = xasprintf("%s/list", test_dir());
	ck_assert_int_eq(publish_buffer(w->list, "dir /x 0755\n", 12, &err), 0);
	w->boot = (struct vm_config){
		.arch = "x86_64", .kernel = w->kernel, .memory_mib = WORLD_MEMORY_MIB};
	w->opts = (struct template_opts){
		.boot = &w->boot, .kernel_sha256 = "1234", .list = w->list, .scratch = w->scratch};
}

void template_world_close(struct template_world *w)
{
	ck_assert_int_eq(rmdir(w->scratch), 0);
	free(w->kernel);
	free(w->list);
}

struct template template_world_get(const struct template_world *w)
{
	struct template t;
	struct err err = ERR_INIT;

	ck_assert_msg(template_get(&w->opts, &t, &err) == 0, "%s", err.msg);
	return t;
}
