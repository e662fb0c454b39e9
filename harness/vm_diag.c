// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm_diag.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "json_util.h"
#include "symbols.h"
#include "sysrq.h"
#include "vm_arch.h"

#define SAMPLES 8

/* One look at the vCPU: {"ip","symbol"?,"halted"}. NULL when QEMU does not answer. */
static json_t *sample(struct qmp *q, const struct vm_config *cfg, const struct vm_limits *lim,
		      const struct symbols *syms, struct err *err)
{
	const struct vm_arch *arch = vm_arch(cfg->arch);
	_cleanup_free_ char *regs = NULL;

	if (qmp_hmp(q, "info registers", lim->answer_ms, &regs, err) < 0)
		return NULL;
	const char *ip = strstr(regs, arch->ip_register);

	if (!ip)
		return NULL;
	ip += strlen(arch->ip_register);
	_cleanup_free_ char *hex = xstrndup(ip, strspn(ip, "0123456789abcdefABCDEF"));
	_cleanup_free_ char *name = symbols_find(syms, strtoull(hex, NULL, 16));
	json_t *o = json_pack("{s:s, s:b}", "ip", hex, "halted",
			      arch->halted && strstr(regs, arch->halted));

	if (name)
		json_object_set_new(o, "symbol", json_string(name));
	return o;
}

/* Several, so that a loop shows. */
static void look_at_cpu(struct qmp *q, const struct vm_config *cfg, const struct vm_limits *lim,
			json_t *out)
{
	_cleanup_symbols_ struct symbols syms = symbols_load(cfg->system_map);
	json_t *samples = json_array();
	struct err err = ERR_INIT;

	for (int i = 0; i < SAMPLES; i++) {
		json_t *one = sample(q, cfg, lim, &syms, &err);

		if (!one)
			break;
		json_array_append_new(samples, one);
	}
	json_object_set_new(out, "ip", samples);
	if (err.kind)
		json_object_set_new(out, "ip_error", json_string(err.msg));
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void ask_kernel(struct qmp *q, const struct vm_config *cfg, const struct vm_limits *lim,
		       json_t *out)
{
	struct err err = ERR_INIT;
	int ret = sysrq_ask(q, cfg->sysrq_path, lim->sysrq_ms, &err);

	json_object_set_new(out, "sysrq", json_string(base_name(cfg->sysrq_path)));
	if (ret < 0)
		json_object_set_new(out, "sysrq_error", json_string(err.msg));
	else
		json_object_set_new(out, "answered", json_integer(ret));
}

static void dump(struct qmp *q, const struct vm_config *cfg, const struct vm_limits *lim,
		 json_t *out)
{
	_cleanup_json_ json_t *args = NULL, *answer = NULL;
	_cleanup_free_ char *uri = xasprintf("file:%s", cfg->dump_path);
	struct err err = ERR_INIT;

	args = json_pack("{s:b, s:s, s:s}", "paging", 0, "protocol", uri, "format", "kdump-zlib");
	if (qmp_command(q, "dump-guest-memory", args, lim->dump_ms, &answer, &err) < 0) {
		unlink(cfg->dump_path);
		json_object_set_new(out, "dump_error", json_string(err.msg));
		return;
	}
	json_object_set_new(out, "dump", json_string(base_name(cfg->dump_path)));
}

json_t *vm_diagnose(struct qmp *q, const struct vm_config *cfg, const struct vm_limits *lim)
{
	json_t *out = json_object();

	look_at_cpu(q, cfg, lim, out);
	/* Before the kernel is asked, which changes it. */
	if (cfg->dump_path)
		dump(q, cfg, lim, out);
	if (cfg->sysrq_path)
		ask_kernel(q, cfg, lim, out);
	return out;
}
