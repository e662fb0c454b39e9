// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a plan and reports what it saw. In a virtual machine init starts it as its only work; it is
 * as well a program for any Linux system (--plan FILE --out FILE).
 */
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <termios.h>
#include <time.h>

#include "await.h"
#include "case.h"
#include "cleanup.h"
#include "clock.h"
#include "end.h"
#include "frame.h"
#include "hello.h"
#include "isolate.h"
#include "keep.h"
#include "plan.h"
#include "probe_features.h"
#include "proto.h"

#define EXIT_USAGE 2
#define PROBE_MS   10000 /* guest time for the features, where no plan says */

struct options {
	const char *plan, *out, *channel, *modules, *bin_dir;
	int end_code; /* -1: not asked for */
	bool help;
};

static const char usage[] =
	"usage: agent --plan FILE --out FILE|- [--bin DIR] [--modules FILE]\n"
	"       agent --channel TTY [--plan FILE] [--bin DIR] [--modules FILE]\n"
	"       agent --end-machine done|broken\n"
	"\n"
	"Run the cases of a plan on this kernel and write what was seen, one frame a line.\n"
	"\n"
	"  --plan FILE     what to run (" SM_PLAN_PATH ")\n"
	"  --out FILE      where frames go; - is the standard output\n"
	"  --channel TTY   in a virtual machine: frames go to this line, the plan is removed\n"
	"                  once read, and at the end the machine is ended\n"
	"  --bin DIR       where the case programs are (" SM_CASES_DIR ")\n"
	"  --modules FILE  how loading of modules went: NAME ok|REASON, one a line\n"
	"  --end-machine   end the virtual machine and do nothing else\n"
	"  --help          this text\n";

enum opt { OPT_PLAN = 1, OPT_OUT, OPT_CHANNEL, OPT_BIN, OPT_MODULES, OPT_END, OPT_HELP };

static const struct option long_options[] = {
	{"plan", required_argument, NULL, OPT_PLAN},
	{"out", required_argument, NULL, OPT_OUT},
	{"channel", required_argument, NULL, OPT_CHANNEL},
	{"bin", required_argument, NULL, OPT_BIN},
	{"modules", required_argument, NULL, OPT_MODULES},
	{"end-machine", required_argument, NULL, OPT_END},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static int parse_end(const char *word)
{
	if (!strcmp(word, "done"))
		return SM_EXIT_DONE;
	return strcmp(word, "broken") ? -1 : SM_EXIT_BROKEN;
}

/* 0, or -1 when the user has been told what is wrong. */
static int parse_options(int argc, char **argv, struct options *o)
{
	const char **text[] = {
		[OPT_PLAN] = &o->plan,	 [OPT_OUT] = &o->out,	      [OPT_CHANNEL] = &o->channel,
		[OPT_BIN] = &o->bin_dir, [OPT_MODULES] = &o->modules,
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (opt == '?')
			return -1;
		if (opt <= OPT_MODULES)
			*text[opt] = optarg;
		if (opt == OPT_HELP)
			o->help = true;
		if (opt == OPT_END && (o->end_code = parse_end(optarg)) < 0) {
			fprintf(stderr, "agent: --end-machine: say done or broken\n");
			return -1;
		}
	}
	if (optind == argc && (o->help || o->end_code >= 0))
		return 0;
	if (optind == argc && !o->out != !o->channel)
		return 0;
	fprintf(stderr, "agent: say --out FILE or --channel TTY (see agent --help)\n");
	return -1;
}

/*
 * A kernel without a console starts init without open files: a descriptor of ours must not become
 * what others write their messages to.
 */
static void fill_std_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/*
 * Whoever of us is woken waits until the other one blocks: between parent and child each word in a
 * pipe would else change the process twice, and an emulated CPU forgets what it knows of its code
 * at each change. Nothing depends on it.
 */
static void stay_behind(void)
{
	const struct sched_param param = {0};

	(void)sched_setscheduler(0, SCHED_BATCH, &param);
}

/* What the kernel prints reaches the host only if this does. Whether it does is for the host to
 * see. */
static void mark_console(void)
{
	static const char mark[] = "<2>" SM_CONSOLE_MARK "\n";
	_cleanup_close_ int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, mark, sizeof(mark) - 1);
}

/* A line discipline would turn each newline into two bytes and answer to what comes in. */
static int open_channel(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (fd < 0)
		return -1;
	if (tcgetattr(fd, &t) < 0) {
		close(fd);
		return -1;
	}
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL;
	tcsetattr(fd, TCSANOW, &t);
	return fd;
}

/* The cases print where they like, but never into the records. */
static int take_stdout(void)
{
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

	if (fd >= 0)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	return fd;
}

static int open_out(const struct options *o)
{
	if (o->channel)
		return open_channel(o->channel);
	if (!strcmp(o->out, "-"))
		return take_stdout();
	return open(o->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

static int send_frame(struct frame_out *out, json_t *frame)
{
	int ret = frame_send(out, frame, NULL);

	if (ret < 0)
		fprintf(stderr, "agent: writing a frame: %s\n", strerror(-ret));
	json_decref(frame);
	return ret;
}

static int send_note(struct frame_out *out, const char *text)
{
	return send_frame(out, json_pack("{s:s, s:s}", "type", SM_FRAME_NOTE, "text", text));
}

static void case_unknown(const struct case_env *env, const json_t *params, json_t *facts)
{
	(void)env, (void)params;
	fact_error(facts, "this agent has no case of that kind");
}

static case_fn *find_case(const char *kind)
{
	static const struct {
		const char *kind;
		case_fn *fn;
	} cases[] = {{"machine", case_machine},
		     {"explore", case_explore},
		     {"seal", case_seal},
		     {"cow", case_cow}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (!strcmp(cases[i].kind, kind))
			return cases[i].fn;
	return case_unknown;
}

/* {"type","index","case","variant"} */
static json_t *variant_frame(const char *type, const json_t *variant)
{
	return json_pack("{s:s, s:O, s:O, s:O}", "type", type, "index",
			 json_object_get(variant, "index"), "case",
			 json_object_get(variant, "case"), "variant",
			 json_object_get(variant, "variant"));
}

static int report_strays(struct frame_out *out, int strays)
{
	char text[80];

	if (!strays)
		return 0;
	if (strays > 0)
		snprintf(text, sizeof(text), "the variant left %d processes behind", strays);
	else
		snprintf(text, sizeof(text), "the variant left a process that could not be ended");
	return send_note(out, text);
}

static int run_variant(struct isolate *iso, const struct case_env *env, const json_t *variant,
		       struct frame_out *out)
{
	case_fn *fn = find_case(json_string_value(json_object_get(variant, "kind")));
	struct case_env own = *env;
	json_int_t deadline = json_integer_value(json_object_get(variant, "deadline_ms"));
	int64_t start;
	int strays, ret = send_frame(out, variant_frame(SM_FRAME_BEGIN, variant));

	if (ret < 0)
		return ret;
	if (deadline > 0)
		own.deadline_ms = (unsigned)deadline;
	start = now_us();
	const char *facts =
		isolate_run(iso, fn, &own, json_object_get(variant, "params"), out, &strays);
	_cleanup_json_ json_t *frame = variant_frame(SM_FRAME_RESULT, variant);

	json_object_set_new(frame, "guest_us", json_integer(now_us() - start));
	ret = frame_send(out, frame, facts);
	if (ret == -EMSGSIZE)
		ret = frame_send(out, frame, "{\"error\":\"the facts do not fit into a frame\"}");
	return ret < 0 ? ret : report_strays(out, strays);
}

/* What was found out about the kernel. */
struct found {
	char *features; /* NULL: nobody asked */
	unsigned lacks_ns;
};

static void find_out(struct isolate *iso, const struct options *o, unsigned deadline_ms,
		     bool features, struct frame_out *out, struct found *found)
{
	const struct case_env env = {.bin_dir = o->bin_dir, .deadline_ms = deadline_ms};
	int strays;

	if (features)
		found->features =
			strdup(isolate_run(iso, probe_features, &env, NULL, out, &strays));
	found->lacks_ns = probe_lacks_ns();
}

static int run_plan(struct isolate *iso, const struct options *o, const struct plan *plan,
		    const struct found *found, struct frame_out *out)
{
	_cleanup_keep_ struct keep keep;
	struct case_env env = {
		.bin_dir = o->bin_dir,
		.keep = &keep,
		.deadline_ms = plan->deadline_ms,
		.by_turns = plan->by_turns,
		.lacks_ns = found->lacks_ns,
	};
	size_t n = json_array_size(plan->variants);

	keep_init(&keep);
	int ret = send_frame(out, hello_frame(found->features, o->modules));

	for (size_t i = 0; ret >= 0 && i < n; i++) {
		const json_t *variant = json_array_get(plan->variants, i);

		env.index = json_integer_value(json_object_get(variant, "index"));
		ret = run_variant(iso, &env, variant, out);
	}
	if (ret < 0)
		return ret;
	return send_frame(out, json_pack("{s:s, s:I}", "type", SM_FRAME_BYE, "ran", (json_int_t)n));
}

static int get_plan(const struct options *o, int fd, bool restored, struct plan *plan)
{
	char why[256];
	int ret = restored ? await_plan(fd, o->plan, plan, why, sizeof(why))
			   : plan_read(o->plan, plan, why, sizeof(why));

	if (ret < 0)
		fprintf(stderr, "agent: plan %s: %s\n", o->plan, why);
	return ret;
}

static int run(struct isolate *iso, const struct options *o, int fd, struct found *found)
{
	_cleanup_plan_ struct plan plan = {0};
	/* Then it goes on many times: what all plans have in common comes first. */
	bool restored = o->channel && access(o->plan, F_OK) < 0;
	struct frame_out out;

	frame_out_init(&out, fd, "");
	if (restored)
		find_out(iso, o, PROBE_MS, true, &out, found);
	if (get_plan(o, fd, restored, &plan) < 0)
		return -1;
	frame_out_init(&out, fd, plan.nonce);
	out.packed = plan.packed;
	explicit_bzero(plan.nonce, sizeof(plan.nonce));
	if (o->channel && !restored)
		unlink(o->plan);
	if (o->channel)
		mark_console();
	if (!restored)
		find_out(iso, o, plan.deadline_ms, plan.probe, &out, found);
	int ret = run_plan(iso, o, &plan, found, &out);

	frame_out_end(&out);
	return ret;
}

/* Exit status. */
static int agent(const struct options *o, int fd)
{
	_cleanup_isolate_ struct isolate iso;
	struct found found = {0};
	int ret = isolate_open(&iso);

	if (ret < 0) {
		fprintf(stderr, "agent: becoming a subreaper: %s\n", strerror(-ret));
		return EXIT_FAILURE;
	}
	ret = run(&iso, o, fd, &found);
	free(found.features);
	return ret < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o = {
		.plan = SM_PLAN_PATH,
		.bin_dir = SM_CASES_DIR,
		.end_code = -1,
	};

	/*
	 * jansson would seed its tables from /dev/urandom. A kernel that has just booted spins for
	 * a second to have an answer, and no record may depend on chance.
	 */
	json_object_seed(1);
	fill_std_fds();
	stay_behind();
	if (parse_options(argc, argv, &o) < 0)
		return EXIT_USAGE;
	if (o.help)
		return fputs(usage, stdout) < 0;
	if ((o.channel || o.end_code >= 0) && !end_is_ours()) {
		fprintf(stderr, "agent: --channel and --end-machine are for init in a virtual "
				"machine; say --out FILE\n");
		return EXIT_USAGE;
	}
	if (o.end_code >= 0) {
		end_machine(-1, o.end_code);
		return EXIT_FAILURE;
	}

	int fd = open_out(&o);

	if (fd < 0) {
		fprintf(stderr, "agent: open %s: %s\n", o.channel ?: o.out, strerror(errno));
		return EXIT_FAILURE;
	}
	int status = agent(&o, fd);

	if (o.channel)
		end_machine(fd, status ? SM_EXIT_BROKEN : SM_EXIT_DONE);
	return status;
}
