// SPDX-License-Identifier: GPL-2.0-or-later
/* A saved run, again: is it the same to the byte, and what did it do at a certain point? */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmd.h"
#include "json_util.h"
#include "replay.h"
#include "replay_stop.h"
#include "sig.h"

struct options {
	const char *file, *point, *variant;
	bool force, as_json;
};

static int parse(int argc, char **argv, struct options *o, struct err *err)
{
	static const struct option options[] = {{"gdb", required_argument, NULL, 'g'},
						{"variant", required_argument, NULL, 'v'},
						{"force", no_argument, NULL, 'f'},
						{"json", no_argument, NULL, 'J'},
						{0}};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'g')
			o->point = optarg;
		else if (c == 'v')
			o->variant = optarg;
		else if (c == 'f')
			o->force = true;
		else if (c == 'J')
			o->as_json = true;
		else
			return usage_error(argv, err);
	}
	if (optind != argc - 1)
		return err_set(
			err, ERR_USER, 0,
			"replay takes one file, as `run --save` and `repro --save` write it");
	if (o->variant && !o->point)
		return err_set(err, ERR_USER, 0, "--variant goes with --gdb");
	o->file = argv[optind];
	return 0;
}

static int check_machine(const struct options *o, const struct replay *r, struct err *err)
{
	int ret = replay_check_machine(r, err);

	if (ret == 0 || err->kind != ERR_USER)
		return ret;
	if (!o->force) {
		err_context(err, "%s", o->file);
		strncat(err->msg, "; --force tries all the same",
			sizeof(err->msg) - strlen(err->msg) - 1);
		return ret;
	}
	fprintf(stderr, "sealmatrix: %s\n", err->msg);
	*err = (struct err)ERR_INIT;
	return 0;
}

/* What the file says that the machine did, before anybody takes its word for it. */
static void print_claim(const struct replay *r)
{
	const json_t *kernel = json_object_get(r->manifest, "kernel"), *record = NULL;
	const char *about = jstr(r->manifest, "subject", NULL);

	printf("%s (%s) on QEMU %s\n", jstr(kernel, "name", "?"), jstr(kernel, "release", "?"),
	       jstr(r->manifest, "qemu", "?"));
	if (!about || !replay_boot_of(r, about, &record))
		return;
	const char *class = jstr(record, "class", NULL);

	printf("recorded: %s: %s%s%s\n", about, jstr(record, "outcome", "?"),
	       class ? ", class " : "", class ? class : "");
	fflush(stdout);
}

/* Boot by boot; *same says whether all were identical. */
static int replay_all(const struct replay *r, bool print, json_t *boots, bool *same,
		      struct err *err)
{
	json_t *boot;
	size_t i;

	*same = true;
	json_array_foreach (json_object_get(r->manifest, "boots"), i, boot) {
		_cleanup_free_ char *difference = NULL;
		int nr = jint(boot, "boot", 0), ret = replay_boot(r, boot, NULL, &difference, err);

		if (ret < 0)
			return ret;
		*same = *same && !difference;
		json_array_append_new(boots, json_pack("{s:i, s:b, s:s*}", "boot", nr, "identical",
						       !difference, "difference", difference));
		if (print)
			printf("boot %d: %s%s\n", nr, difference ? "" : "identical",
			       difference ? difference : "");
		fflush(stdout);
	}
	return 0;
}

static int replay_plain(const struct options *o, const struct replay *r, struct err *err)
{
	_cleanup_json_ json_t *boots = json_array();
	bool same;

	if (!o->as_json)
		print_claim(r);
	int ret = replay_all(r, !o->as_json, boots, &same, err);

	if (ret < 0)
		return ret;
	if (o->as_json) {
		_cleanup_json_ json_t *all = json_pack("{s:b, s:O, s:O}", "identical", same,
						       "boots", boots, "manifest", r->manifest);

		json_dumpf(all, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		puts(same ? "identical: console and records, to the last byte" : "not identical");
	}
	return same ? STATUS_OK : STATUS_BAD;
}

/*
 * gdb tells that it stopped by making a file, which it cannot when the machine has gone on to its
 * end: then there is no `m` to be looked at.
 */
static char *mark_of_the_stop(struct gdb *gdb)
{
	char *path = xasprintf("%s/stopped", gdb->dir);

	strv_addf(&gdb->commands, "eval \"shell : >'%s'%%.0d\", m->self - m->self", path);
	return path;
}

static int debug(const struct options *o, const struct replay *r, struct err *err)
{
	_cleanup_gdb_ struct gdb gdb = {0};
	_cleanup_free_ char *line = NULL, *difference = NULL, *where = NULL;
	const json_t *boot;
	int ret = gdb_open(&gdb, err);

	if (!ret)
		ret = replay_stop(r, o->variant, o->point, &gdb, &boot, &where, err);
	if (ret < 0)
		return ret;
	bool ours = gdb_installed();

	line = gdb_line(&gdb);
	fprintf(stderr, "%s. The machine's time stands still while it is stopped.\n%s:\n  %s\n",
		where, ours ? "This is run now" : "gdb is not installed here; where it is, type",
		line);
	_cleanup_free_ char *mark = ours ? mark_of_the_stop(&gdb) : NULL;
	pid_t pid = ours ? gdb_start(&gdb, err) : 0;

	if (pid < 0)
		return pid;
	ret = replay_boot(r, boot, &gdb, &difference, err);
	gdb_wait(pid, ret < 0);
	if (ret < 0)
		return ret;
	if (mark && access(mark, F_OK) < 0) {
		printf("it never stopped: %s is not passed so often in this run\n", o->point);
		return STATUS_BAD;
	}
	printf("%s%s\n", difference ? difference : "identical, the stop included",
	       difference ? "not identical" : "");
	return difference ? STATUS_BAD : STATUS_OK;
}

static int run(int argc, char **argv, struct err *err)
{
	_cleanup_replay_ struct replay r = {0};
	struct options o = {0};
	int ret = parse(argc, argv, &o, err);

	if (!ret)
		ret = replay_open(&r, o.file, err);
	if (!ret)
		ret = check_machine(&o, &r, err);
	if (ret < 0)
		return ret;
	return o.point ? debug(&o, &r, err) : replay_plain(&o, &r, err);
}

const struct command cmd_replay = {
	.name = "replay",
	.args = "FILE [OPTION…]",
	.summary = "Repeat a saved run on this machine and compare every byte; or debug it",
	.help = "FILE is what `run --save` and `repro --save` write: kernel, initramfs, QEMU's "
		"arguments and\n"
		"version, and what came out. Prints `identical`, or where console or records "
		"first differ, and\n"
		"why that may be. A file that is damaged, altered, or of another QEMU is refused, "
		"with status 2.\n"
		"Exit status 0 when identical, 1 when not.\n\n"
		"  --gdb STAGE:POINT[#N]  run it under gdb and stop when that stage (P, C or I) is "
		"about to pass\n"
		"                         that point for the Nth time; where gdb is missing, print "
		"the line to type\n"
		"                         (status 1 where this run never does)\n"
		"  --variant NAME         in this CASE/VARIANT; by default the one that the run "
		"was "
		"about\n"
		"  --force                try although the file is of another QEMU or machine\n"
		"  --json                 print the answer as one JSON object\n",
	.run = run,
};
