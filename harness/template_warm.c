// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kernel's template goes on until the programs that are tested are there and the agent waits for
 * its plan, and stops again. What all machines do first is so done, and translated by QEMU, once.
 */
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "proto.h"
#include "template_internal.h"

#define FORMAT "warm 1" /* to be changed with what is done until then */

struct warming {
	const struct template *from;
	const struct vm_config *boot;
};

static int fill(const char *dir, void *arg, struct err *err)
{
	const struct warming *w = arg;
	struct vm_config cfg = *w->boot;
	_cleanup_free_ char *ram = xasprintf("%s/ram", dir);
	_cleanup_vm_result_ struct vm_result res = {0};
	struct template_said said;

	cfg.restore = w->from->state;
	int ret = ram_copy(w->from->ram, ram, err);

	if (!ret)
		ret = template_run(cfg, dir, &said, &res, err);
	if (!ret && (res.end != VM_PARKED || strcmp(said.text, SM_PARK_READY)))
		ret = err_set(err, ERR_INFRA, res.end == VM_INTERRUPTED ? EINTR : 0,
			      "the agent did not get ready: %s", res.text);
	return ret ? ret : ram_sync(ram, err);
}

int template_warm(const struct template *from, const struct vm_config *cfg,
		  const char *cases_sha256, struct progress *pg, struct template *t,
		  struct err *err)
{
	struct warming w = {.from = from, .boot = cfg};
	struct template_maker m = {
		.fill = fill, .arg = &w, .name = "the template with the cases", .pg = pg};
	struct hash_key *k = hash_key_new();
	char key[SHA256_HEX];

	*t = (struct template){.lock = -1};
	memcpy(t->initrd_sha256, from->initrd_sha256, sizeof(t->initrd_sha256));
	hash_key_add(k, FORMAT);
	hash_key_add(k, from->id); /* which stands for the machine, too */
	hash_key_add(k, cases_sha256);
	hash_key_end(k, key);
	return template_find(&m, key, t, err);
}
