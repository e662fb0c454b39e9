// SPDX-License-Identifier: GPL-2.0-or-later
#include "provider.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"
#include "cleanup.h"
#include "hash.h"
#include "json_util.h"
#include "kernel_check.h"
#include "lock.h"
#include "near.h"

static const struct provider *const providers[] = {&provider_debian, &provider_source,
						   &provider_file};

#define NPROVIDERS (sizeof(providers) / sizeof(*providers))

void kernel_free(struct kernel *k)
{
	free(k->name);
	free(k->arch);
	free(k->release);
	free(k->image);
	free(k->modules);
	free(k->config);
	free(k->version);
	free(k->origin);
	free(k->entry);
	*k = (struct kernel){0};
}

static int find_provider(const struct kernel_spec *spec, const struct provider **p, struct err *err)
{
	_cleanup_strv_ struct strv names = {0};

	for (size_t i = 0; i < NPROVIDERS; i++) {
		if (!strcmp(providers[i]->name, spec->provider)) {
			*p = providers[i];
			return 0;
		}
		strv_add(&names, providers[i]->name);
	}
	_cleanup_free_ char *near = near_matches(spec->provider, &names);

	return err_set(err, ERR_USER, 0, "kernel %s: no provider is called '%s'%s%s%s", spec->name,
		       spec->provider, near ? ", did you mean " : "", near ? near : "",
		       near ? "?" : "");
}

/* What is about to be booted is what was cached, to the last byte: -EUCLEAN if it is not. */
static int verify_image(const struct kernel *k, struct err *err)
{
	if (!k->entry)
		return 0;
	return cache_check(k->entry, k->image + strlen(k->entry) + 1, err) < 0 ? -EUCLEAN : 0;
}

static int get_once(const struct provider *p, const struct kernel_spec *spec, struct progress *pg,
		    struct kernel *out, struct err *err)
{
	int ret = p->get(spec, pg, out, err);

	return ret ? ret : verify_image(out, err);
}

/*
 * Two failures are gone when one asks again: a damaged entry has been removed by now, and what was
 * locked but has left both cache and mirror has a successor there.
 */
static bool try_again(int ret, const struct kernel_spec *spec, struct err *err)
{
	_cleanup_json_ json_t *locked = lock_read(spec);

	if (ret == -EUCLEAN)
		return true;
	return ret == KERNEL_NOT_AVAILABLE && locked && lock_drop(spec, err) == 0;
}

int kernel_get(const struct kernel_spec *spec, struct progress *pg, struct kernel *out,
	       struct err *err)
{
	const struct provider *p;
	int ret = find_provider(spec, &p, err);

	*out = (struct kernel){0};
	if (!ret)
		ret = get_once(p, spec, pg, out, err);
	if (ret < 0 && try_again(ret, spec, err)) {
		progress_note(pg, "trying once more: %s", err->msg);
		*err = (struct err)ERR_INIT;
		kernel_free(out);
		ret = get_once(p, spec, pg, out, err);
	}
	if (!ret)
		ret = hash_file(out->image, out->sha256, err);
	if (!ret) {
		out->name = xstrdup(spec->name);
		out->arch = xstrdup(spec->arch);
		ret = kernel_check(out, err);
	}
	if (ret < 0)
		err_context(err, "kernel %s", spec->name);
	return ret;
}

int kernel_describe(const struct kernel_spec *spec, char **about, char **where, struct err *err)
{
	const struct provider *p;
	int ret = find_provider(spec, &p, err);

	*about = *where = NULL;
	return ret ? ret : p->describe(spec, about, where, err);
}

int kernel_uses(const struct kernel_spec *spec, struct strv *entries, struct err *err)
{
	const struct provider *p;
	int ret = find_provider(spec, &p, err);

	return ret ? ret : p->uses(spec, entries, err);
}

char *kernel_system_map(const struct kernel *k)
{
	const char *slash = strrchr(k->image, '/');
	char *map = xasprintf("%.*sSystem.map", slash ? (int)(slash + 1 - k->image) : 0, k->image);

	if (access(map, R_OK) == 0)
		return map;
	free(map);
	return NULL;
}
