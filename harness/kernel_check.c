// SPDX-License-Identifier: GPL-2.0-or-later
#include "kernel_check.h"

#include <stdbool.h>
#include <string.h>

#include "cleanup.h"
#include "ikconfig.h"
#include "publish.h"
#include "vm_arch.h"

#define CONFIG_MAX (4 << 20)

/* What no boot can do without, whatever the architecture. */
static const char *const needs[] = {
	"CONFIG_BLK_DEV_INITRD", /* the guest's root is an initramfs */
	"CONFIG_BINFMT_ELF",	 /* its programs */
	"CONFIG_BINFMT_SCRIPT",	 /* its init */
	"CONFIG_TTY",		 /* console and record channel */
	"CONFIG_PRINTK",	 /* an oops is looked for on the console */
	"CONFIG_PROC_FS",	 /* what runs, what it holds, and programs by /proc/self/fd */
	"CONFIG_SIGNALFD",	 /* the agent waits for its children */
	"CONFIG_FUTEX",		 /* … and the stages for each other, where a schedule says so */
	"CONFIG_UNIX",		 /* the stages talk over unix sockets */
	NULL,
};

/* A configuration names every option that could be set: in full, or as "is not set". */
static bool is_set(const char *config, const char *option)
{
	size_t len = strlen(option);

	for (const char *p = config; (p = strstr(p, option)); p += len)
		if ((p == config || p[-1] == '\n') && !strncmp(p + len, "=y", 2))
			return true;
	return false;
}

static void add_missing(const char *config, const char *const *options, struct strv *missing)
{
	for (; options && *options; options++)
		if (!is_set(config, *options))
			strv_add(missing, *options);
}

int kernel_check_config(const char *config, const char *arch, struct err *err)
{
	const struct vm_arch *vm = vm_arch(arch);
	_cleanup_strv_ struct strv missing = {0};

	add_missing(config, needs, &missing);
	add_missing(config, vm ? vm->options : NULL, &missing);
	if (!missing.n)
		return 0;
	_cleanup_free_ char *list = strv_join(&missing, "=y ");

	return err_set(
		err, ERR_USER, 0,
		"it cannot be looked at, for its configuration lacks what a boot here needs: "
		"set %s=y",
		list);
}

int kernel_check(const struct kernel *k, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	int ret = k->config ? read_file(k->config, CONFIG_MAX, &text, NULL, err)
			    : ikconfig_read(k->image, &text, err);

	/* Something else than a configuration may lie beside an image under that name. */
	if (ret < 0 || !text || !strstr(text, "\nCONFIG_"))
		return ret;
	return kernel_check_config(text, k->arch, err);
}
